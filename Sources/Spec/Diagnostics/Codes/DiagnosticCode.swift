/// The stable name of a kind of diagnostic, with everything `reconcile explain` says about it.
///
/// Each code is one entry in the file of its family: `DiagnosticCode+yaml.swift` and so on. A new code is such an entry
/// and its name in the list of the family above it. A code is never used again for something else: C017, which named
/// kinds that a version could not apply yet, stays unused.
public struct DiagnosticCode: RawRepresentable, Sendable, CaseIterable {
    /// The name, such as `C012`.
    public let rawValue: String
    /// The severity of every diagnostic with this code.
    public let severity: Diagnostic.Severity
    /// The subject of the code, in a few words.
    public let title: String
    /// The reason and the remedy, in a few sentences.
    public let explanation: String
    /// A small file with the mistake, and the same file without it; `nil` when the mistake does not show in a text.
    public let example: DiagnosticExample?

    /// All codes in the order of their numbers.
    public static let allCases =
        (yamlFamily + documentFamily + commentFamily + contentFamily + timeFamily + startFamily
        + environmentFamily + accountFamily + mediaFamily)
        .sorted { $0.rawValue < $1.rawValue }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

    /// Finds a code by its name, such as `C012`; `nil` if there is none.
    public init?(rawValue: String) {
        guard let code = Self.byName[rawValue] else { return nil }
        self = code
    }

    /// Makes an entry about files as such, which no example can show.
    init(_ code: String, _ severity: Diagnostic.Severity, _ title: String, _ explanation: String) {
        (rawValue, self.severity, self.title, self.explanation, example) = (code, severity, title, explanation, nil)
    }

    /// Makes an entry with an example: `text` with `wrong` or `right` where it says `…`.
    init(
        _ code: String,
        _ severity: Diagnostic.Severity,
        _ title: String,
        _ explanation: String,
        in text: String,
        wrong: String,
        right: String
    ) {
        (rawValue, self.severity, self.title, self.explanation) = (code, severity, title, explanation)
        example = DiagnosticExample(
            bad: text.replacing("…", with: wrong),
            good: text.replacing("…", with: right)
        )
    }
}

extension DiagnosticCode: Hashable {
    /// Compares names; no two entries have the same.
    public static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }

    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// A small file with a mistake, and the same file without it.
public struct DiagnosticExample: Hashable, Sendable {
    public let bad: String
    public let good: String
}

extension DiagnosticCode {
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
