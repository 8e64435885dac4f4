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
        guard sink.diagnostics.isEmpty else { throw SpecError(diagnostics: sink.diagnostics) }
        return object(template: template, params: params)
    }

    /// Builds the message of a template whose parameters were checked.
    static func object(template: TemplateSpec, params: [String: String]) -> JSONValue {
        var content: JSONObject = ["name": .string(template.whatsappName)]
        content["language"] = template.language.map { ["code": .string($0)] }
        let components = components(template, params)
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

    private static func components(_ template: TemplateSpec, _ params: [String: String]) -> [JSONValue] {
        var components: [JSONValue] = []
        for (part, type) in [(TemplateParameter.Part.header, "header"), (.body, "body")] {
            let parameters = template.parameters.filter { $0.part == part }.map { parameter -> JSONValue in
                var object: JSONObject = ["type": "text", "text": .string(params[parameter.key] ?? "")]
                if let name = parameter.name { object["parameter_name"] = .string(name) }
                return .object(object)
            }
            if !parameters.isEmpty { components.append(["type": .string(type), "parameters": .array(parameters)]) }
        }
        for parameter in template.parameters {
            guard case .button(let index) = parameter.part else { continue }
            components.append(button(template.buttons[index], index, text: params[parameter.key] ?? ""))
        }
        return components
    }

    private static func button(_ button: TemplateButton, _ index: Int, text: String) -> JSONValue {
        let isCode = button.kind == .copyCode
        let parameter: JSONValue =
            isCode
            ? ["type": "coupon_code", "coupon_code": .string(text)] : ["type": "text", "text": .string(text)]
        return [
            "type": "button", "sub_type": isCode ? "copy_code" : "url", "index": .string(String(index)),
            "parameters": [parameter],
        ]
    }
}

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
    /// Returns the missing and the superfluous keys of `params`.
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
