/// How a mistake looks in a file, and how the file looks without it.
public struct DiagnosticExample: Hashable, Sendable {
    public let bad: String
    public let good: String

    init(_ bad: String, _ good: String) {
        (self.bad, self.good) = (bad, good)
    }

    /// An example that differs in one place: `text` with `bad` or `good` where it says `…`.
    init(_ text: String, bad: String, good: String) {
        (self.bad, self.good) = (text.replacing("…", with: bad), text.replacing("…", with: good))
    }
}

extension DiagnosticCode {
    /// A small file with the mistake, and the same file without it; `nil` when the mistake does not show in a text.
    public var example: DiagnosticExample? {
        yamlExample ?? documentExample ?? allowExample ?? filterExample ?? messageExample ?? timeExample ?? startExample
    }

    /// The explanation and the example, as plain text.
    public var helpText: String {
        guard let example else { return explanation + "\n" }
        return "\(explanation)\n\nWrong:\n\n\(Self.indented(example.bad))\n\nRight:\n\n\(Self.indented(example.good))\n"
    }

    /// The explanation and the example, as Markdown.
    public var helpMarkdown: String {
        guard let example else { return explanation + "\n" }
        return "\(explanation)\n\nWrong:\n\n```yaml\n\(example.bad)\n```\n\nRight:\n\n```yaml\n\(example.good)\n```\n"
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : "    \($0)" }
            .joined(separator: "\n")
    }
}
