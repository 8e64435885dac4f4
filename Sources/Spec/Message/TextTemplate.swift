import Spelling

/// A text with placeholders that are filled for each recipient: `Hi {{name|there}}`.
public struct TextTemplate: Hashable, Sendable {
    /// The source of a placeholder's value.
    public enum Path: Hashable, Sendable, CustomStringConvertible {
        /// A column of the contact; never `tags`.
        case contact(ContactColumn)
        /// A key of the contact's metadata.
        case metadata(String)
        /// A value of the event that triggered the message; dots go into nested objects.
        case context(String)

        /// The path in the form of a placeholder.
        public var description: String {
            switch self {
            case .contact(let field): field.rawValue
            case .metadata(let key): "metadata.\(key)"
            case .context(let key): "context.\(key)"
            }
        }
    }

    /// A part of the text.
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

        /// The missing value and the remedy.
        public var description: String { "no value for {{\(path)}}; give it a default with {{\(path)|default}}" }
    }

    public let segments: [Segment]

    /// Makes a template of its parts.
    public init(segments: [Segment]) {
        self.segments = segments
    }

    /// True if the text is the same for every recipient.
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

extension TextTemplate {
    /// A mistake in a placeholder, at a range of Unicode scalars of the text.
    public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        public let range: Range<Int>
        public let message: String
        public let help: String?

        /// Message and remedy.
        public var description: String { message + (help.map { " (\($0))" } ?? "") }
    }

    /// Reads a text from a request or a row.
    ///
    /// - Throws: ``Problem``, the first one.
    public init(_ text: String) throws(Problem) {
        let parsed = Self.parse(text)
        if let first = parsed.problems.first { throw first }
        self = parsed.template
    }

    /// The result of parsing a text.
    struct Parsed {
        /// A valid placeholder with the range of its path in the text.
        struct Placeholder {
            let path: Path
            let hasDefault: Bool
            let range: Range<Int>
        }

        var template = TextTemplate(segments: [])
        var problems: [Problem] = []
        var placeholders: [Placeholder] = []
    }

    /// Reads a text and finds all problems; a broken placeholder stays as literal text.
    static func parse(_ text: String) -> Parsed {
        let source = PlaceholderText(text)
        var segments: [Segment] = []
        var parsed = Parsed()
        /// Literal text after the last placeholder, including broken placeholders.
        var literal = ""
        var start = 0
        while let open = source.pair(PlaceholderText.open, from: start) {
            literal += source.text(start..<open)
            start = open
            guard let close = source.close(from: open + 2) else {
                let range = source.scalars(open..<(open + 2))
                let message = "this placeholder is never closed"
                parsed.problems.append(Problem(range: range, message: message, help: "add `}}`"))
                break
            }
            switch placeholder(source, (open + 2)..<close) {
            case .success(let (segment, placeholder)):
                if !literal.isEmpty { segments.append(.literal(literal)) }
                literal = ""
                segments.append(segment)
                parsed.placeholders.append(placeholder)
            case .failure(let problem): parsed.problems.append(problem)
            }
            start = close + 2
        }
        literal += source.text(start..<source.count)
        if !literal.isEmpty { segments.append(.literal(literal)) }
        parsed.template = TextTemplate(segments: segments)
        return parsed
    }

    private static func placeholder(
        _ source: PlaceholderText,
        _ range: Range<Int>
    ) -> Result<(Segment, Parsed.Placeholder), Problem> {
        let bar = source.first(UInt8(ascii: "|"), in: range)
        let name = source.trimmed(range.lowerBound..<(bar ?? range.upperBound))
        let path = source.text(name)
        let fallback = bar.map { source.text(source.trimmed(($0 + 1)..<range.upperBound)) }
        if let path = Path(path) {
            let range = source.scalars(name)
            let placeholder = Parsed.Placeholder(path: path, hasDefault: fallback != nil, range: range)
            return .success((.placeholder(path, default: fallback), placeholder))
        }
        let shown = source.scalars(name.isEmpty ? (range.lowerBound - 2)..<(range.upperBound + 2) : name)
        if path.isEmpty {
            return .failure(Problem(range: shown, message: "empty placeholder", help: "name a field: {{name}}"))
        }
        return .failure(Problem(range: shown, message: "unknown placeholder `\(path)`", help: help(for: path)))
    }

    private static func help(for path: String) -> String {
        let fields = ContactColumn.placeholders.map(\.rawValue)
        let near = SpellingSuggestion.candidates(for: path, among: fields)
        if !near.isEmpty { return "did you mean \(SpellingSuggestion.list(near, "or"))?" }
        for scope in ["metadata", "context"] {
            let parts = path.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[1].isEmpty else { continue }
            if !SpellingSuggestion.candidates(for: String(parts[0]), among: [scope]).isEmpty, parts[0] != scope {
                return "did you mean `\(scope).\(parts[1])`?"
            }
        }
        return "use \(SpellingSuggestion.list(fields + ["metadata.<key>", "context.<key>"], "or"))"
    }
}

extension TextTemplate.Path {
    /// Reads `name`, `metadata.company` or `context.order.total`.
    public init?(_ text: String) {
        if let column = ContactColumn(rawValue: text), column.definition.isPlaceholder {
            self = .contact(column)
            return
        }
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isKey(parts[1]) else { return nil }
        switch parts[0] {
        case "metadata": self = .metadata(String(parts[1]))
        case "context": self = .context(String(parts[1]))
        default: return nil
        }
    }

    private static func isKey(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.count <= 100
            && !text.unicodeScalars.contains { "{}|".unicodeScalars.contains($0) || $0.properties.isWhitespace }
    }
}

/// The UTF-8 bytes of a text with placeholders; braces, bars and spaces are ASCII, and never part of another character.
struct PlaceholderText {
    static let open = UInt8(ascii: "{")
    static let close = UInt8(ascii: "}")

    private let bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var count: Int { bytes.count }

    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// Converts a range of bytes to a range of Unicode scalars.
    func scalars(_ range: Range<Int>) -> Range<Int> {
        // Each scalar has exactly one byte that is not a continuation byte.
        let start = bytes[..<range.lowerBound].count { $0 & 0xC0 != 0x80 }
        return start..<start + bytes[range].count { $0 & 0xC0 != 0x80 }
    }

    /// Returns the next index before an end at which a byte appears twice in a row.
    func pair(_ byte: UInt8, from start: Int = 0, before end: Int = .max) -> Int? {
        var index = start
        while index + 1 < min(bytes.count, end) {
            if bytes[index] == byte, bytes[index + 1] == byte { return index }
            index += 1
        }
        return nil
    }

    /// Returns the index of the next `}}`, or `nil` if another `{{` comes first.
    func close(from start: Int) -> Int? {
        guard let close = pair(Self.close, from: start) else { return nil }
        return pair(Self.open, from: start, before: close) == nil ? close : nil
    }

    func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
        bytes[range].firstIndex(of: byte)
    }

    /// Returns the range without the spaces at its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, bytes[start] == 0x20 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 { end -= 1 }
        return start..<end
    }
}
