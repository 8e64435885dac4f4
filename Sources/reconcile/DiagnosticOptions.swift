import ArgumentParser
import Spec

/// The options for warnings, and for the number of diagnostics that are shown.
struct DiagnosticOptions: ParsableArguments {
    @Option(
        name: .customLong("deny"),
        help: ArgumentHelp("Treat this warning as an error, or `warnings` for all; may be repeated.", valueName: "code")
    )
    var denied: [String] = []

    @Option(
        name: .customLong("allow"),
        help: ArgumentHelp("Ignore this warning, even if all are denied; may be repeated.", valueName: "code")
    )
    var allowed: [String] = []

    @Option(
        help: ArgumentHelp(
            "Maximum number of diagnostics to show, errors first; 0 shows all.",
            valueName: "count"
        )
    )
    var maxErrors = 50

    func validate() throws {
        guard maxErrors >= 0 else { throw ValidationError("--max-errors takes a number from 0.") }
        _ = try denied.filter { $0 != Self.all }.map { try Self.warning($0, option: "--deny") }
        let allowed = try allowed.map { try Self.warning($0, option: "--allow") }
        if let both = allowed.first(where: { policy.denied.contains($0) }) {
            throw ValidationError("\(both.rawValue) is both allowed and denied.")
        }
    }

    var policy: DiagnosticPolicy {
        DiagnosticPolicy(
            denied: Set(denied.compactMap(Self.code)),
            allowed: Set(allowed.compactMap(Self.code)),
            deniesWarnings: denied.contains(Self.all)
        )
    }

    private static let all = "warnings"

    private static func code(_ text: String) -> DiagnosticCode? {
        DiagnosticCode(rawValue: text.uppercased())
    }

    private static func warning(_ text: String, option: String) throws -> DiagnosticCode {
        guard let code = code(text) else {
            throw ValidationError("\(option): unknown code `\(text)`; `reconcile explain` lists all codes.")
        }
        guard code.severity == .warning else {
            throw ValidationError(
                "\(option): `\(code.rawValue)` is an error, and only warnings can be allowed or denied."
            )
        }
        return code
    }
}
