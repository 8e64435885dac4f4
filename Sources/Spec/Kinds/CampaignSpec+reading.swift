import JSON
internal import YAML

extension CampaignSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let title = reader.text("title", required: false, upTo: 255)
        reader.require("type")
        let type = reader.choice("type", of: CampaignType.self)
        let sender = reader.slug("sender")
        let content = Self.content(&reader)
        if let type, type == .manual || type == .scheduled { reader.require("audience") }
        let audience = Self.audience(&reader)
        guard let header else { return nil }
        // What is missing was reported; the draft that is left still shows what else is wrong.
        self.init(
            header: header,
            title: title?.value,
            type: type ?? .manual,
            sender: sender?.value,
            content: content ?? .message(.null),
            audience: audience
        )
    }

    private static func content(_ reader: inout FieldReader) -> Content? {
        let template = reader.slug("template")
        let params = params(&reader)
        let payload = reader.node("message").flatMap {
            MessageReader(sink: reader.sink).message($0.node, path: $0.field)
        }
        if !reader.has("message") { reader.require("template") }
        for excluded in ["template", "params"] where reader.has("message") && reader.has(excluded) {
            guard let range = reader.keyRange(excluded) else { continue }
            let related = reader.keyRange("message").map {
                Diagnostic.Related(place: SourcePlace(file: reader.sink.file, $0), label: "the message is given here")
            }
            let message = "`\(excluded)` and `message` exclude each other"
            reader.sink.report(
                .conflictingFields,
                at: range,
                field: excluded,
                message,
                help: "keep one of them",
                related: related
            )
            return nil
        }
        if let payload { return .message(payload) }
        return template.map { .template($0.value, params: params) }
    }

    private static func params(_ reader: inout FieldReader) -> [String: String] {
        guard let read = reader.node("params") else { return [:] }
        guard let mapping = read.node.mapping else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
            return [:]
        }
        var params: [String: String] = [:]
        for pair in mapping.pairs {
            let text = reader.sink.string(pair.value, field: "\(read.field).\(pair.key)")
            if let text {
                reader.sink.checkPlaceholders(text)
                checkLength(text, of: pair.key, reader.sink)
            }
            params[pair.key] = text?.value ?? ""
        }
        return params
    }

    private static func checkLength(_ text: ReadValue<String>, of key: String, _ sink: DiagnosticSink) {
        guard text.value.isEmpty else { return }
        let message = "parameter `\(key)` is empty"
        sink.report(.invalidValue, at: text.range, field: text.field, message, help: "WhatsApp takes no empty text")
    }

    private static func audience(_ reader: inout FieldReader) -> Audience? {
        guard let read = reader.node("audience") else { return nil }
        if read.node.isScalar { return reader.slug("audience").map { .named($0.value) } }
        guard read.node.mapping != nil else {
            let expected = "a name or a filter"
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: expected)
            return nil
        }
        return FilterReader(sink: reader.sink).filter(read.node, path: read.field).map(Audience.filter)
    }
}
