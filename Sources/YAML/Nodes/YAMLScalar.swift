/// The text of a scalar and how it was written.
public struct YAMLScalar: Sendable {
    /// How a scalar was written.
    public enum Style: Sendable {
        case plain
        case singleQuoted
        case doubleQuoted
        /// A `|` block.
        case literal
        /// A `>` block.
        case folded
    }

    /// The tags that are understood; every other tag is a problem.
    public enum CoreTag: String, Sendable {
        case null, bool, int, float, str
    }

    public let text: String
    public let style: Style
    /// The tag that the author wrote, if any; `!` alone counts as `str`.
    public let tag: CoreTag?

    /// Makes a scalar.
    public init(text: String, style: Style, tag: CoreTag? = nil) {
        self.text = text
        self.style = style
        self.tag = tag
    }
}
