/// A comment of a YAML text, which is no part of any value.
public struct YAMLComment: Hashable, Sendable {
    /// What stands behind the `#`, up to the end of the line.
    public let text: String
    /// From the `#` to the end of the line.
    public let range: YAMLRange
    /// The line that the comment speaks of: its own, or, if it stands alone, the first below that is no comment.
    public let subjectLine: Int

    /// Makes a comment.
    public init(text: String, range: YAMLRange, subjectLine: Int) {
        self.text = text
        self.range = range
        self.subjectLine = subjectLine
    }
}
