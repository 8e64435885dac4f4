import JSON
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

    private func check(_ kind: Kind, _ content: ReadNode) {
        if kind == .contacts { return contacts(content) }
        let what = "`\(kind.rawValue)`"
        guard var reader = FieldReader(content.node, path: content.field, what: what, sink: sink) else { return }
        switch kind {
        case .text:
            _ = reader.text("body", upTo: 4096)
            _ = reader.bool("preview_url")
        case .template: template(&reader)
        case .image, .video: media(&reader, what, has: ["caption"])
        case .document: media(&reader, what, has: ["caption", "filename"])
        case .audio, .sticker: media(&reader, what, has: [])
        case .location: location(&reader)
        case .interactive: interactive(&reader)
        case .contacts: break
        }
        reader.finish()
    }

    /// Reads a file that was uploaded, or that is fetched from an address, with what its kind may have beside it.
    func media(_ reader: inout FieldReader, _ what: String, has extras: Set<String>) {
        let sources = [
            reader.text("id", required: false, upTo: 512), reader.text("link", required: false, upTo: 2048),
        ]
        if extras.contains("caption") { _ = reader.text("caption", required: false, upTo: 1024) }
        if extras.contains("filename") { _ = reader.text("filename", required: false, upTo: 240) }
        let isGiven = reader.has("id") || reader.has("link")
        if !isGiven || sources.allSatisfy({ $0 != nil }) {
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
            sink.checkPlaceholders(ReadValue(text, from: ReadNode(node, field: path)))
        }
    }
}
