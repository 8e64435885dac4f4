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
        var faults = template.faults(in: params).map { $0.diagnostic(at: SourcePlace(file: "")) }
        for (key, text) in params where MediaReference(text) != nil {
            let fault = ParameterFault(key: key, message: "`\(key)` is not a link", help: "start it with `https://`")
            faults.append(fault.diagnostic(at: SourcePlace(file: "")))
        }
        let found = sink.diagnostics + faults
        guard found.isEmpty else { throw SpecError(diagnostics: found) }
        return object(template: template, params: params)
    }

    /// Builds the message of a template whose parameters were checked.
    ///
    /// - Parameters:
    ///   - template: The template.
    ///   - params: A text for each of its variables.
    ///   - language: The language that everybody gets; `nil` if each person gets their own.
    /// - Returns: The message, in one language or in all of them.
    static func object(template: TemplateSpec, params: [String: String], language: String? = nil) -> JSONValue {
        let all = template.submissions
        guard all.count > 1, language == nil else {
            return MediaReference.resolving(one(template.inLanguage(language), params))
        }
        var components: [String: [JSONValue]] = [:]
        for spec in all {
            components[spec.language ?? ""] = TemplatePayload(template: spec, params: params).components
        }
        let fallback = template.fallback ?? template.language ?? ""
        return MediaReference.resolving(
            MessageLanguages.message(template.whatsappName, components, fallback: fallback)
        )
    }

    private static func one(_ template: TemplateSpec, _ params: [String: String]) -> JSONValue {
        var content: JSONObject = ["name": .string(template.whatsappName)]
        content["language"] = template.language.map { ["code": .string($0)] }
        let components = TemplatePayload(template: template, params: params).components
        if !components.isEmpty { content["components"] = .array(components) }
        return ["type": "template", "template": .object(content)]
    }

    /// Checks a message that was made of a template, in each of its languages.
    ///
    /// - Throws: ``SpecError`` with each mistake and its field.
    public static func check(made message: JSONValue) throws(SpecError) {
        for one in MessageLanguages.all(of: message) { _ = try check(MediaReference.hidingFiles(in: one)) }
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
