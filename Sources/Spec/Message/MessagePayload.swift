public import JSON
import Spelling

/// Makes and checks WhatsApp message objects without a recipient.
public enum MessagePayload {
    /// Builds the message of a template, with texts that may still hold placeholders such as `{{name|there}}`.
    ///
    /// - Throws: ``SpecError`` with each missing and each superfluous parameter.
    public static func hydrate(template: TemplateSpec, params: [String: String]) throws(SpecError) -> JSONValue {
        let mismatches = template.mismatches(params: Set(params.keys))
        guard mismatches.isEmpty else {
            throw SpecError(diagnostics: mismatches.map { $0.diagnostic(at: SourcePlace(file: "")) })
        }
        let sink = DiagnosticSink(file: "")
        sink.checkCharacters(JSONValue.object(params.mapValues(JSONValue.string)).node, path: "params")
        let faults = template.faults(in: params).map { $0.diagnostic(at: SourcePlace(file: "")) }
        let found = sink.diagnostics + faults
        guard found.isEmpty else { throw SpecError(diagnostics: found) }
        return object(template: template, params: params)
    }

    /// Builds the message of a template whose parameters were checked.
    static func object(template: TemplateSpec, params: [String: String]) -> JSONValue {
        var content: JSONObject = ["name": .string(template.whatsappName)]
        content["language"] = template.language.map { ["code": .string($0)] }
        let components = TemplatePayload(template: template, params: params).components
        if !components.isEmpty { content["components"] = .array(components) }
        return ["type": "template", "template": .object(content)]
    }

    /// Checks a raw message, and removes the fields that are added when it is sent (`messaging_product`, `recipient_type`).
    ///
    /// - Throws: ``SpecError`` with each mistake and its field, such as `text.body`.
    public static func check(_ payload: JSONValue) throws(SpecError) -> JSONValue {
        let sink = DiagnosticSink(file: "")
        let node = payload.node
        sink.checkCharacters(node)
        let message = MessageReader(sink: sink).message(node, path: "")
        guard let message, sink.diagnostics.isEmpty else { throw SpecError(diagnostics: sink.diagnostics) }
        return message
    }
}

/// A difference between the variables of a template and the parameters of a campaign.
enum ParameterMismatch: Hashable {
    case missing(String, template: String)
    case superfluous(String, template: String, known: [String])
    /// Two keys that say the same in two ways.
    case doubled(String, with: String)

    func diagnostic(at place: SourcePlace, related: Diagnostic.Related? = nil) -> Diagnostic {
        switch self {
        case .missing(let key, let template):
            let message = "template `\(template)` needs parameter `\(key)`"
            let help = "add `\"\(key)\": …` to `params`"
            let field = "params.\(key)"
            return Diagnostic(.missingParameter, at: place, field: field, message, help: help, related: related)
        case .doubled(let key, let other):
            let message = "only one of `\(other)` and `\(key)` can be given"
            let field = "params.\(key)"
            let help = "keep one of them"
            return Diagnostic(.superfluousParameter, at: place, field: field, message, help: help, related: related)
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
    /// Returns the missing and the superfluous keys of `params`.
    func mismatches(params: Set<String>) -> [ParameterMismatch] {
        let known = parameters.map(\.key)
        let missing = parameters.filter { parameter in
            parameter.isRequired && !params.contains(parameter.key)
                && !(parameter.alternative.map(params.contains) ?? false)
        }
        let doubled = parameters.compactMap { parameter -> ParameterMismatch? in
            guard parameter.name == "id", params.contains(parameter.key), let other = parameter.alternative,
                params.contains(other)
            else { return nil }
            return .doubled(parameter.key, with: other)
        }
        let superfluous = params.subtracting(known).sorted().map { key in
            ParameterMismatch.superfluous(key, template: name, known: known)
        }
        return missing.map { ParameterMismatch.missing($0.key, template: name) } + superfluous + doubled
    }
}
