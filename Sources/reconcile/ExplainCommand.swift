import ArgumentParser
import CommandKit
import Foundation
import Reconciler
import Spec

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a code such as C012 of a finding, or policy of a safety rule; without a code, list all.",
        discussion: """
            Examples:
              reconcile explain C012
              reconcile explain unmanagedRow
              reconcile explain
            """
    )

    @Argument(
        help: "The code of a finding, which stands in brackets after `error` or `warning`, or of a safety rule.",
        completion: .list(DiagnosticCode.allCases.map(\.rawValue) + SafetyRule.allCases.map(\.rawValue))
    )
    var code: String?

    func validate() throws {
        guard let code, DiagnosticCode(rawValue: code.uppercased()) == nil, SafetyRule(code: code) == nil else {
            return
        }
        throw ValidationError("Unknown code `\(code)`; `reconcile explain` lists all codes.")
    }

    func run() throws {
        if let rule = code.flatMap({ SafetyRule(code: $0) }) {
            return Terminal.write(
                "safety rule \(rule.rawValue): \(rule.title)\n\n\(rule.explanation)\nAllowed by: \(rule.flag)\n"
            )
        }
        guard let code = code.flatMap({ DiagnosticCode(rawValue: $0.uppercased()) }) else {
            for code in DiagnosticCode.allCases {
                Terminal.write("\(code.rawValue)  \(code.severity == .error ? "error  " : "warning")  \(code.title)\n")
            }
            for rule in SafetyRule.allCases {
                Terminal.write(
                    "\(rule.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0))  safety rule: \(rule.title)\n"
                )
            }
            return
        }
        Terminal.write("\(code.severity.rawValue)[\(code.rawValue)]: \(code.title)\n\n\(code.helpText)")
    }
}
