import Spelling

/// A difference between the variables of a template and the parameters of a campaign.
enum ParameterMismatch: Hashable {
    case missing(String, template: String)
    case superfluous(String, template: String, known: [String])

    func diagnostic(at place: SourcePlace, related: Diagnostic.Related? = nil) -> Diagnostic {
        switch self {
        case .missing(let key, let template):
            let message = "template `\(template)` needs parameter `\(key)`"
            let help = "add `\"\(key)\": …` to `params`"
            let field = "params.\(key)"
            return Diagnostic(.missingParameter, at: place, field: field, message, help: help, related: related)
        case .superfluous(let key, let template, let known):
            let message = "template `\(template)` has no parameter `\(key)`"
            let help =
                known.isEmpty
                ? "the template has no variables: remove `params`"
                : SpellingSuggestion.help(for: key, among: known, what: "its parameters are")
            let field = "params.\(key)"
            return Diagnostic(.superfluousParameter, at: place, field: field, message, help: help, related: related)
        }
    }
}

extension TemplateSpec {
    /// What is missing in, and what is too much among, the keys of `params`.
    func mismatches(params: Set<String>) -> [ParameterMismatch] {
        let isComplete = parameters.allSatisfy { params.contains($0.key) }
        if isComplete, params.allSatisfy({ key in parameters.contains { $0.key == key } }) { return [] }
        let known = parameters.map(\.key)
        let missing = known.filter { !params.contains($0) }.map { ParameterMismatch.missing($0, template: name) }
        let superfluous = params.subtracting(known).sorted().map { key in
            ParameterMismatch.superfluous(key, template: name, known: known)
        }
        return missing + superfluous
    }
}
