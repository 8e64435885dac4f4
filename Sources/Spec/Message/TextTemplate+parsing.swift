import Spelling

extension TextTemplate {
    /// Something wrong with a placeholder, at a range of Unicode scalars of the text.
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

    /// What was found in a text.
    struct Parsed {
        /// A placeholder without mistakes, and where its path stands in the text.
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
        /// Stretches of literal text behind the last placeholder; what is broken lies between them.
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
