internal import YAML

/// Reads raw messages and checks the shape that the WhatsApp API takes.
struct MessageReader {
    /// The kinds of message that can be sent to many.
    enum Kind: String, CaseIterable {
        case text, template, image, video, audio, document, sticker, location, interactive, contacts
    }

    let sink: DiagnosticSink

    /// Reads a message; what is wrong is reported.
    func message(_ node: YAMLNode, path: String) -> JSONValue? {
        guard var reader = FieldReader(node, path: path, what: "a message", sink: sink) else { return nil }
        let before = sink.diagnostics.count
        reader.require("type")
        let kind = reader.choice("type", of: Kind.self)
        for key in ["messaging_product", "recipient_type"] { _ = reader.node(key) }
        for key in ["to", "recipient"] where reader.has(key) {
            guard let range = reader.keyRange(key), reader.node(key) != nil else { continue }
            let help = "remove it: the audience names the recipients"
            sink.report(.messageShape, at: range, field: reader.field(key), "a message has no recipient", help: help)
        }
        guard let kind else {
            // Without a type, the object of any type may be meant.
            for kind in Kind.allCases { _ = reader.node(kind.rawValue) }
            reader.finish()
            return nil
        }
        reader.require(kind.rawValue)
        if let content = reader.node(kind.rawValue) { check(kind, content) }
        reader.finish()
        checkTexts(node, path)
        guard sink.isClean(since: before), let content = node.mapping?[kind.rawValue] else { return nil }
        return .object(["type": .string(kind.rawValue), kind.rawValue: JSONValue(content)])
    }

    private func check(_ kind: Kind, _ content: ReadValue<YAMLNode>) {
        if kind == .contacts {
            if content.node.sequence == nil {
                sink.reportWrongType(of: content.node, field: content.field, expected: "a list")
            }
            return
        }
        let what = "`\(kind.rawValue)`"
        guard var reader = FieldReader(content.node, path: content.field, what: what, sink: sink) else { return }
        switch kind {
        case .text:
            _ = reader.text("body", upTo: 4096)
            _ = reader.bool("preview_url")
            reader.finish()
        case .template:
            _ = reader.text("name", upTo: 512)
            reader.require("language")
            language(reader.node("language"))
            if let components = reader.node("components"), components.node.sequence == nil {
                sink.reportWrongType(of: components.node, field: components.field, expected: "a list")
            }
            reader.finish()
        case .image, .video, .audio, .document, .sticker: media(&reader, what)
        // Their many forms are left to the API: only the object itself is checked.
        case .location, .interactive, .contacts: break
        }
    }

    private func language(_ read: ReadValue<YAMLNode>?) {
        guard let read, var reader = FieldReader(read.node, path: read.field, what: "`language`", sink: sink) else {
            return
        }
        _ = reader.text("code", upTo: 10)
        _ = reader.string("policy")
        reader.finish()
    }

    private func media(_ reader: inout FieldReader, _ what: String) {
        let sources = [reader.string("id"), reader.string("link")].compactMap { $0 }
        _ = reader.text("caption", required: false, upTo: 1024)
        _ = reader.string("filename")
        reader.finish()
        let isGiven = reader.has("id") || reader.has("link")
        if !isGiven || sources.count > 1 {
            let message = isGiven ? "\(what) has both `id` and `link`" : "\(what) has neither `id` nor `link`"
            let help = "give the id of an uploaded file, or a link"
            sink.report(.messageShape, at: reader.node.range, field: reader.path, message, help: help)
        }
    }

    private func checkTexts(_ node: YAMLNode, _ path: String) {
        switch node.content {
        case .invalid: break
        case .sequence(let items):
            for (index, item) in items.enumerated() { checkTexts(item, "\(path)[\(index)]") }
        case .mapping(let mapping):
            for pair in mapping.pairs { checkTexts(pair.value, path.isEmpty ? pair.key : "\(path).\(pair.key)") }
        case .scalar(let scalar):
            guard case .string(let text) = scalar.value else { return }
            sink.checkPlaceholders(ReadValue(value: text, node: node, field: path))
        }
    }
}
