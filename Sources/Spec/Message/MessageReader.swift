import JSON
import YAML

/// Reads raw messages and checks them against the form that the WhatsApp API takes.
struct MessageReader {
    /// The types of message that a campaign can send.
    enum Kind: String, CaseIterable {
        case text, template, image, video, audio, document, sticker, location, interactive, contacts
    }

    let sink: DiagnosticSink

    /// Reads a message and reports mistakes.
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

    /// Reads an uploaded file, or one that is fetched from an address, with the extra fields of its type.
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

/// Raw template messages; the API checks the content of parameters, which depends on the template.
extension MessageReader {
    func template(_ reader: inout FieldReader) {
        _ = reader.text("name", upTo: 512)
        reader.require("language")
        let sink = sink
        reader.mapping("language") { reader in
            _ = reader.text("code", upTo: 10)
            if let policy = reader.string("policy"), policy.value != "deterministic" {
                let message = "`\(policy.value)` is not a value of `policy`"
                sink.report(.messageShape, at: policy.range, field: policy.field, message, help: "remove it")
            }
        }
        _ = reader.list("components") { component($0, $1) }
    }

    private func component(_ node: YAMLNode, _ field: String) {
        guard var reader = FieldReader(node, path: field, what: "a component", sink: sink) else { return }
        reader.require("type")
        let type = reader.string("type")
        if type?.value.lowercased() == "button" {
            for key in ["sub_type", "index"] { reader.require(key) }
            _ = reader.string("sub_type")
            if let index = reader.node("index") { checkIndex(index) }
        }
        _ = reader.list("parameters") { node, field in
            guard var reader = FieldReader(node, path: field, what: "a parameter", sink: sink) else { return }
            reader.require("type")
            _ = reader.string("type")
            reader.finishOpen()
        }
        reader.finishOpen()
    }

    /// Checks the position of a button, which the API takes as a number or as a text.
    private func checkIndex(_ read: ReadNode) {
        let number: Int? =
            switch read.node.scalar?.value {
            case .int(let value): value
            case .string(let text): Int(text)
            default: nil
            }
        guard let number, (0...9).contains(number) else {
            let message = "`index` is not the position of a button"
            return sink.report(.messageShape, at: read.range, field: read.field, message, help: "count from 0 to 9")
        }
    }
}

extension MessageReader {
    /// A message of the WhatsApp API, as far as ``MessageReader`` checks it.
    static var schema: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(Kind.self) { "The content is in the field `\($0.rawValue)`." },
            isRequired: true,
            "The type of the message; the content is in a field of the same name.",
            examples: "text"
        )
        return .variants(by: type, of: Kind.self) { kind in
            SchemaObject([
                SchemaField(
                    kind.rawValue,
                    content(of: kind),
                    isRequired: true,
                    "The content, as the WhatsApp API takes it; texts may hold placeholders such as `{{name|there}}`.",
                    examples: example(of: kind)
                ),
                SchemaField("messaging_product", SchemaValue([:]), "Filled in when it is sent.", examples: "whatsapp"),
                SchemaField("recipient_type", SchemaValue([:]), "Filled in when it is sent.", examples: "individual"),
            ])
        }
    }

    private static func content(of kind: Kind) -> SchemaValue {
        switch kind {
        case .text: text.value
        case .template: template.value
        case .image, .video: media(has: ["caption"]).value
        case .document: media(has: ["caption", "filename"]).value
        case .audio, .sticker: media(has: []).value
        case .location: location.value
        case .interactive: interactive
        case .contacts: .list(of: contact.value, 1...Int.max)
        }
    }

    private static func example(of kind: Kind) -> JSONValue {
        let file: JSONValue = ["link": "https://shop.acme.example/file"]
        switch kind {
        case .text: return ["body": "Hi {{name|there}}"]
        case .template: return ["name": "win_back", "language": ["code": "en"]]
        case .image, .video, .document, .audio, .sticker: return file
        case .location: return ["latitude": .number(-1.2921), "longitude": .number(36.8219), "name": "Nairobi"]
        case .interactive:
            return [
                "type": "button", "body": ["text": "Shall we call you?"],
                "action": ["buttons": [["type": "reply", "reply": ["id": "yes", "title": "Yes"]]]],
            ]
        case .contacts: return [["name": ["formatted_name": "ACME", "first_name": "ACME"]]]
        }
    }

    private static var text: SchemaObject {
        SchemaObject([
            SchemaField("body", .text(upTo: 4096), isRequired: true, "The text.", examples: "Hi {{name|there}}"),
            SchemaField("preview_url", .bool, "Whether a link in the text gets a preview.", examples: true),
        ])
    }

    /// Describes an uploaded file, or a file that is fetched from an address.
    static func media(has extras: Set<String>) -> SchemaObject {
        var fields = [
            SchemaField("id", .text(upTo: 512), "The id of an uploaded file.", examples: "1013859600285441"),
            SchemaField(
                "link",
                .text(upTo: 2048),
                "The address that the file is fetched from.",
                examples: "https://shop.acme.example/file"
            ),
        ]
        if extras.contains("caption") {
            fields.append(
                SchemaField("caption", .text(upTo: 1024), "The text below the file.", examples: "Our new menu")
            )
        }
        if extras.contains("filename") {
            fields.append(
                SchemaField(
                    "filename",
                    .text(upTo: 240),
                    "The file name that the recipient sees.",
                    examples: "menu.pdf"
                )
            )
        }
        return SchemaObject(fields, rules: [.oneOf(["id", "link"])])
    }

    private static var location: SchemaObject {
        func degrees(_ limit: Int) -> SchemaValue {
            let whole = limit == 90 ? "[0-8]?[0-9]" : "(1[0-7]|[0-9])?[0-9]"
            return .anyOf(
                SchemaValue(
                    ["type": "number", "minimum": .integer(-limit), "maximum": .integer(limit)],
                    words: "number, -\(limit) to \(limit)"
                ),
                .text(pattern: "\\{\\{|^[+-]?0*(\(limit)(\\.0+)?|\(whole)(\\.[0-9]+)?)$")
            )
        }
        return SchemaObject([
            SchemaField("latitude", degrees(90), isRequired: true, "Degrees to the north.", examples: .number(-1.2921)),
            SchemaField(
                "longitude",
                degrees(180),
                isRequired: true,
                "Degrees to the east.",
                examples: .number(36.8219)
            ),
            SchemaField("name", .text(upTo: 1000), "The name of the place.", examples: "Our shop"),
            SchemaField("address", .text(upTo: 1000), "Its address.", examples: "Moi Avenue, Nairobi"),
        ])
    }

    private static var template: SchemaObject {
        let language = SchemaObject([
            SchemaField("code", .text(upTo: 10), isRequired: true, "The code of the language.", examples: "en"),
            SchemaField(
                "policy",
                .constant("deterministic"),
                "Obsolete; has only one value.",
                examples: "deterministic"
            ),
        ])
        let isButton: JSONValue = [
            "required": ["type"], "properties": ["type": ["pattern": "^[Bb][Uu][Tt][Tt][Oo][Nn]$"]],
        ]
        let component: JSONValue = [
            "type": "object", "required": ["type"],
            "properties": [
                "type": ["type": "string"],
                "parameters": [
                    "type": "array",
                    "items": ["type": "object", "required": ["type"], "properties": ["type": ["type": "string"]]],
                ],
            ],
            "if": isButton, "then": SchemaRule.requires("sub_type", "index"),
        ]
        return SchemaObject([
            SchemaField("name", .text(upTo: 512), isRequired: true, "The name in WhatsApp.", examples: "win_back"),
            SchemaField("language", language.value, isRequired: true, "The language.", examples: ["code": "en"]),
            SchemaField(
                "components",
                .list(of: SchemaValue(component.objectValue ?? [:], words: "component")),
                "The values of the variables, as the WhatsApp API takes them.",
                examples: [["type": "body", "parameters": [["type": "text", "text": "{{name|there}}"]]]]
            ),
        ])
    }
}
