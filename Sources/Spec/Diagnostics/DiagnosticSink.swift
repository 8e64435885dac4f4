internal import YAML

/// Collects the diagnostics of one file while it is read.
final class DiagnosticSink {
    let file: String
    private(set) var diagnostics: [Diagnostic] = []
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
        diagnostics.append(Diagnostic(code, at: place, field: field, message, help: help, related: related))
    }

    func hide(_ range: YAMLRange) {
        secrets.append(range)
    }

    /// Whether there is no error since a count that was taken before.
    func isClean(since count: Int) -> Bool {
        !diagnostics[count...].contains { $0.severity == .error }
    }
}
