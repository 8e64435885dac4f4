import ArgumentParser
import CommandKit
import Spec

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a diagnostic code such as C012, with an example; without a code, list all."
    )

    @Argument(
        help: "The code, which diagnostics show in brackets after `error` or `warning`.",
        completion: .list(DiagnosticCode.allCases.map(\.rawValue))
    )
    var code: String?

    func validate() throws {
        guard let code, DiagnosticCode(rawValue: code.uppercased()) == nil else { return }
        throw ValidationError("Unknown code `\(code)`; `reconcile explain` lists all codes.")
    }

    func run() throws {
        guard let code = code.flatMap({ DiagnosticCode(rawValue: $0.uppercased()) }) else {
            for code in DiagnosticCode.allCases {
                Terminal.write("\(code.rawValue)  \(code.severity == .error ? "error  " : "warning")  \(code.title)\n")
            }
            return
        }
        Terminal.write("\(code.severity.rawValue)[\(code.rawValue)]: \(code.title)\n\n\(code.helpText)")
    }
}
