internal import YAML

/// Collects the diagnostics of one file while it is read.
final class DiagnosticSink {
    let file: String
    private(set) var diagnostics: [Diagnostic] = []
    /// How many of each severity are kept: no file makes a report that nobody can read or hold.
    private static let limit = 1_000
    private var errors = 0
    private var warnings = 0
    private var isOverflowing = false
    /// Ranges that must not be shown to anyone.
    private(set) var secrets: [YAMLRange] = []

    init(file: String) {
        self.file = file
    }

    func report(
        _ code: DiagnosticCode,
        at range: YAMLRange,
        field: String? = nil,
        _ message: String,
        help: String? = nil,
        related: Diagnostic.Related? = nil
    ) {
        let place = SourcePlace(file: file, range)
        let isError = code.severity == .error
        if isError { errors += 1 } else { warnings += 1 }
        guard (isError ? errors : warnings) <= Self.limit else { return overflow(at: place) }
        diagnostics.append(Diagnostic(code, at: place, field: field, message, help: help, related: related))
    }

    private func overflow(at place: SourcePlace) {
        guard !isOverflowing else { return }
        isOverflowing = true
        let message = "the file has more findings than are shown"
        diagnostics.append(Diagnostic(.tooManyFindings, at: place, message, help: "mend the others first"))
    }

    func hide(_ range: YAMLRange) {
        secrets.append(range)
    }

    /// Whether there is no error since a count that was taken before.
    func isClean(since count: Int) -> Bool {
        errors <= Self.limit && !diagnostics[count...].contains { $0.severity == .error }
    }
}
