import ArgumentParser
import Spec

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a code such as C012."
    )

    @Argument(help: "The code, as it stands in brackets after `error` or `warning`.")
    var code: String

    func validate() throws {
        guard DiagnosticCode(rawValue: code.uppercased()) != nil else {
            let known = DiagnosticCode.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("There is no code \(code); the codes are \(known).")
        }
    }

    func run() throws {
        guard let code = DiagnosticCode(rawValue: code.uppercased()) else { throw ExitCode.validationFailure }
        Terminal.write("\(code.severity.rawValue)[\(code.rawValue)]: \(code.title)\n\n\(code.explanation)\n")
    }
}
