/// A text with placeholders that are filled for each recipient: `Hi {{name|there}}`.
public struct TextTemplate: Hashable, Sendable {
    /// What a placeholder stands for.
    public enum Path: Hashable, Sendable, CustomStringConvertible {
        /// A column of the contact; never `tags`.
        case contact(ContactColumn)
        /// A key of the contact's metadata.
        case metadata(String)
        /// A value of the event that triggered the message; dots go into nested objects.
        case context(String)

        /// The path as it stands in a placeholder.
        public var description: String {
            switch self {
            case .contact(let field): field.rawValue
            case .metadata(let key): "metadata.\(key)"
            case .context(let key): "context.\(key)"
            }
        }
    }

    /// A stretch of the text.
    public enum Segment: Hashable, Sendable {
        case literal(String)
        /// Without a default, a missing value fails the message.
        case placeholder(Path, default: String?)
    }

    /// A placeholder without a value and without a default.
    public struct MissingValue: Error, Hashable, Sendable, CustomStringConvertible {
        public let path: Path

        /// Makes the error of a path.
        public init(path: Path) {
            self.path = path
        }

        /// What is missing and what helps.
        public var description: String { "no value for {{\(path)}}; give it a default with {{\(path)|default}}" }
    }

    public let segments: [Segment]

    /// Makes a template of its parts.
    public init(segments: [Segment]) {
        self.segments = segments
    }

    /// Whether the text is the same for every recipient.
    public var isLiteral: Bool {
        segments.allSatisfy { if case .literal = $0 { true } else { false } }
    }

    /// Fills the placeholders; an empty value counts as missing.
    ///
    /// - Throws: ``MissingValue`` for the first placeholder that has neither a value nor a default.
    public func render(_ value: (Path) -> String?) throws(MissingValue) -> String {
        var text = ""
        for segment in segments {
            switch segment {
            case .literal(let literal): text += literal
            case .placeholder(let path, let fallback):
                if let value = value(path), !value.isEmpty {
                    text += value
                } else if let fallback {
                    text += fallback
                } else {
                    throw MissingValue(path: path)
                }
            }
        }
        return text
    }
}
