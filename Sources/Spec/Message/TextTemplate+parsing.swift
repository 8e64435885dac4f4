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
        let scalars = Array(text.unicodeScalars)
        var segments: [Segment] = []
        var parsed = Parsed()
        var literal = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            guard scalars[index] == "{", index + 1 < scalars.count, scalars[index + 1] == "{" else {
                literal.append(scalars[index])
                index += 1
                continue
            }
            guard let end = close(scalars, from: index + 2) else {
                let range = index..<(index + 2)
                let message = "this placeholder is never closed"
                parsed.problems.append(Problem(range: range, message: message, help: "add `}}`"))
                literal.append(contentsOf: scalars[index...])
                break
            }
            switch placeholder(scalars, (index + 2)..<end) {
            case .success(let (segment, placeholder)):
                if !literal.isEmpty { segments.append(.literal(String(literal))) }
                literal = String.UnicodeScalarView()
                segments.append(segment)
                parsed.placeholders.append(placeholder)
            case .failure(let problem): parsed.problems.append(problem)
            }
            index = end + 2
        }
        if !literal.isEmpty { segments.append(.literal(String(literal))) }
        parsed.template = TextTemplate(segments: segments)
        return parsed
    }

    /// The index of the next `}}`, if no other `{{` comes before.
    private static func close(_ scalars: [Unicode.Scalar], from start: Int) -> Int? {
        var index = start
        while index + 1 < scalars.count {
            if scalars[index] == "}", scalars[index + 1] == "}" { return index }
            if scalars[index] == "{", scalars[index + 1] == "{" { return nil }
            index += 1
        }
        return nil
    }

    private static func placeholder(
        _ scalars: [Unicode.Scalar],
        _ range: Range<Int>
    ) -> Result<(Segment, Parsed.Placeholder), Problem> {
        let bar = scalars[range].firstIndex(of: "|")
        let name = trimmed(scalars, range.lowerBound..<(bar ?? range.upperBound))
        let path = String(String.UnicodeScalarView(scalars[name]))
        let fallback = bar.map {
            String(String.UnicodeScalarView(scalars[trimmed(scalars, ($0 + 1)..<range.upperBound)]))
        }
        if let path = Path(path) {
            let placeholder = Parsed.Placeholder(path: path, hasDefault: fallback != nil, range: name)
            return .success((.placeholder(path, default: fallback), placeholder))
        }
        let shown = name.isEmpty ? (range.lowerBound - 2)..<(range.upperBound + 2) : name
        if path.isEmpty {
            return .failure(Problem(range: shown, message: "empty placeholder", help: "name a field: {{name}}"))
        }
        return .failure(Problem(range: shown, message: "unknown placeholder `\(path)`", help: help(for: path)))
    }

    private static func help(for path: String) -> String {
        let fields = ContactField.allCases.filter { $0 != .tags }.map(\.rawValue)
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

    private static func trimmed(_ scalars: [Unicode.Scalar], _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, scalars[start] == " " { start += 1 }
        while end > start, scalars[end - 1] == " " { end -= 1 }
        return start..<end
    }
}

extension TextTemplate.Path {
    /// Reads `name`, `metadata.company` or `context.order.total`.
    public init?(_ text: String) {
        if let field = ContactField(rawValue: text), field != .tags {
            self = .contact(field)
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
