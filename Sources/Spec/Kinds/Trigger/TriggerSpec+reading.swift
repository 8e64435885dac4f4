import JSON
import Spelling
internal import YAML

extension TriggerSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        reader.require("campaign")
        let campaign = reader.slug("campaign")
        let event = Self.event(&reader)
        let match = Self.match(&reader)
        let cooldown = reader.duration("cooldown", upTo: SpecDuration(seconds: 365 * 86_400))
        let isActive = reader.bool("isActive")
        guard let header else { return nil }
        // What is missing was reported; the draft that is left still shows what else is wrong.
        self.init(
            header: header,
            campaign: campaign?.value ?? "",
            event: event ?? "",
            match: match,
            cooldown: cooldown,
            isActive: isActive ?? true
        )
    }

    private static func event(_ reader: inout FieldReader) -> String? {
        reader.require("event")
        let isCustom = reader.bool("custom")
        guard let read = reader.string("event") else { return nil }
        let sink = reader.sink
        if TriggerEvent(rawValue: read.value) != nil {
            if isCustom == true, let range = reader.node("custom")?.range {
                let message = "`\(read.value)` is a predefined event"
                sink.report(.needlessCustom, at: range, field: reader.field("custom"), message, help: "remove `custom`")
            }
            return read.value
        }
        if isCustom != true {
            let known = TriggerEvent.allCases.map(\.rawValue)
            let near = SpellingSuggestion.candidates(for: read.value, among: known)
            let help =
                near.isEmpty
                ? "use \(SpellingSuggestion.list(known, "or")), or add `custom: true` for an event of your own"
                : "did you mean \(SpellingSuggestion.list(near, "or"))? add `custom: true` for an event of your own"
            sink.report(.unknownEvent, at: read.range, field: read.field, "unknown event `\(read.value)`", help: help)
            return nil
        }
        guard TriggerEvent.isName(read.value) else {
            let message = "`\(read.value)` is not the name of an event"
            let help = "names have 1 to 50 letters, digits, `.`, `_` and `-`, and start with a letter or digit"
            sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }

    private static func match(_ reader: inout FieldReader) -> [String: JSONValue] {
        guard let read = reader.node("match") else { return [:] }
        guard let mapping = read.node.mapping else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
            return [:]
        }
        var match: [String: JSONValue] = [:]
        for pair in mapping.pairs {
            let field = "\(read.field).\(pair.key)"
            if let value = value(pair.value, field: field, reader.sink) { match[pair.key] = value }
        }
        return match
    }

    private static func value(_ node: YAMLNode, field: String, _ sink: DiagnosticSink) -> JSONValue? {
        switch node.scalar?.value {
        case .string: return sink.string(node, field: field).map { .string($0.value) }
        case .bool(let value): return .bool(value)
        case .int(let value): return .integer(value)
        case .float(let value) where value.isFinite: return .number(value)
        case .float, .null, nil:
            sink.reportWrongType(of: node, field: field, expected: "a text, a number or a boolean")
            return nil
        }
    }
}
