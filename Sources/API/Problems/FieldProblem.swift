import JSON
import Spec

/// What is wrong with one field of a request.
struct FieldProblem: Hashable, Sendable {
    /// Where it stands: `audienceFilter.conditions[0].value`.
    let field: String
    /// What is wrong, and what helps.
    let message: String

    init(_ field: String, _ message: String) {
        self.field = field
        self.message = message
    }

    /// The same below another field.
    func below(_ path: String) -> FieldProblem {
        guard !path.isEmpty else { return self }
        if field.isEmpty { return FieldProblem(path, message) }
        return FieldProblem(field.hasPrefix("[") ? path + field : "\(path).\(field)", message)
    }

    var json: JSONValue { ["field": .string(field.shown), "message": .string(message.shown)] }
}

extension FieldProblem {
    /// The errors of the readers of specs, which know the same fields.
    static func all(of error: SpecError, below path: String) -> [FieldProblem] {
        error.diagnostics.filter { $0.severity == .error }.map { diagnostic in
            let help = diagnostic.help.map { "; \($0)" } ?? ""
            return FieldProblem(diagnostic.field ?? "", diagnostic.message + help).below(path)
        }
    }
}
