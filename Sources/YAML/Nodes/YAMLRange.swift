/// A stretch of a YAML text: from `start` up to, and without, `end`.
public struct YAMLRange: Hashable, Sendable {
    public let start: YAMLMark
    public let end: YAMLMark

    /// Makes a range of two marks of the same text.
    public init(start: YAMLMark, end: YAMLMark) {
        self.start = start
        self.end = end
    }
}
