internal import YAML

/// Collects the diagnostics of one file while it is read.
final class DiagnosticSink {
    /// The collected diagnostics, as a value that can be sent to another thread.
    struct Findings: Sendable {
        fileprivate(set) var diagnostics: [Diagnostic] = []
        /// Ranges of secrets, which must not be shown.
        fileprivate(set) var secrets: [YAMLRange] = []
        fileprivate var errors = 0
        fileprivate var warnings = 0
        fileprivate var isOverflowing = false
    }

    let file: String
    /// True if the document is a row: older rules may have allowed its texts, so only types are checked.
    let isStored: Bool
    private(set) var findings: Findings
    /// Maximum number of diagnostics of each severity, so that a report stays readable and small.
    private static let limit = 1_000

    var diagnostics: [Diagnostic] { findings.diagnostics }

    /// Starts a collection, or continues that of another sink of the same file.
    init(file: String, after findings: Findings = Findings(), isStored: Bool = false) {
        (self.file, self.findings, self.isStored) = (file, findings, isStored)
    }

    func report(
        _ code: DiagnosticCode,
        at range: YAMLRange,
        field: String? = nil,
        _ message: String,
        help: String? = nil,
        related: Diagnostic.Related? = nil,
        fix: WordFix? = nil
    ) {
        let place = SourcePlace(file: file, range)
        let isError = code.severity == .error
        if isError { findings.errors += 1 } else { findings.warnings += 1 }
        guard (isError ? findings.errors : findings.warnings) <= Self.limit else { return overflow(at: place) }
        // A fix would show a secret, and text of several lines has an indentation of its own.
        let isSecret = findings.secrets.contains {
            $0.start.offset < range.end.offset && range.start.offset < $0.end.offset
        }
        let isLine = range.start.line == range.end.line && range.start.offset < range.end.offset
        let fix = fix.flatMap { word in
            isLine && !isSecret
                ? Diagnostic.Fix(place: place, replacement: word.replacement, isSure: word.isSure) : nil
        }
        findings.diagnostics.append(
            Diagnostic(code, at: place, field: field, message, help: help, related: related, fix: fix)
        )
    }

    private func overflow(at place: SourcePlace) {
        guard !findings.isOverflowing else { return }
        findings.isOverflowing = true
        let message = "the file has more findings than are shown"
        findings.diagnostics.append(Diagnostic(.tooManyFindings, at: place, message, help: "mend the others first"))
    }

    func hide(_ range: YAMLRange) {
        findings.secrets.append(range)
    }

    /// Returns the errors that were reported since an earlier count; `nil` if some were too many to keep.
    func errors(since count: Int) -> [Diagnostic]? {
        guard findings.errors <= Self.limit else { return nil }
        return findings.diagnostics[count...].filter { $0.severity == .error }
    }

    /// Returns whether no error was reported since an earlier count.
    func isClean(since count: Int) -> Bool {
        findings.errors <= Self.limit && !findings.diagnostics[count...].contains { $0.severity == .error }
    }
}

extension DiagnosticSink {
    /// Reports a problem of the YAML reader.
    func report(_ problem: YAMLProblem) {
        let related = problem.related.map {
            Diagnostic.Related(place: SourcePlace(file: file, $0.range), label: $0.label)
        }
        report(problem.kind.code, at: problem.range, problem.message, help: problem.help, related: related)
    }
}

extension YAMLProblem.Kind {
    fileprivate var code: DiagnosticCode {
        switch self {
        case .syntax: .syntax
        case .encoding: .encoding
        case .tab: .tab
        case .duplicateKey: .duplicateKey
        case .mergeKey: .mergeKey
        case .nonStringKey: .nonStringKey
        case .unknownTag: .unknownTag
        case .unknownAnchor: .unknownAnchor
        case .tooLarge: .tooLarge
        case .conflictMarker: .conflictMarker
        }
    }
}

/// A correction of the text that a finding marks.
struct WordFix {
    let replacement: String
    let isSure: Bool

    init(_ replacement: String, isSure: Bool) { (self.replacement, self.isSure) = (replacement, isSure) }

    /// Corrects a word to the only suggestion for it; `nil` if there are none or several.
    ///
    /// It is sure if the words differ in case and separators alone: `phone_number_id` for `phoneNumberId`.
    ///
    /// - Parameters:
    ///   - word: The word as it was written.
    ///   - suggestions: The words that may have been meant.
    init?(_ word: String, suggestions: [String]) {
        guard suggestions.count == 1, let suggestion = suggestions.first else { return nil }
        self.init(suggestion, isSure: Self.letters(word) == Self.letters(suggestion))
    }

    private static func letters(_ word: String) -> String {
        word.lowercased().filter { $0 != "_" && $0 != "-" }
    }
}
