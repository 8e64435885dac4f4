import JSON

extension MessageReader {
    /// A message of the WhatsApp API, as far as ``MessageReader`` knows it.
    static var schema: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(Kind.self) { "The content stands in `\($0.rawValue)`." },
            isRequired: true,
            "What the message holds; the content stands in a field of the same name.",
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
            SchemaField("preview_url", .bool, "Whether a link in it gets a preview.", examples: true),
        ])
    }

    /// A file that was uploaded, or that is fetched from an address.
    static func media(has extras: Set<String>) -> SchemaObject {
        var fields = [
            SchemaField("id", .text(upTo: 512), "The id of an uploaded file.", examples: "1013859600285441"),
            SchemaField(
                "link",
                .text(upTo: 2048),
                "Where the file is fetched from.",
                examples: "https://shop.acme.example/file"
            ),
        ]
        if extras.contains("caption") {
            fields.append(SchemaField("caption", .text(upTo: 1024), "The text below it.", examples: "Our new menu"))
        }
        if extras.contains("filename") {
            fields.append(SchemaField("filename", .text(upTo: 240), "The name it is shown with.", examples: "menu.pdf"))
        }
        return SchemaObject(fields, rules: .oneOf(["id", "link"]))
    }

    private static var location: SchemaObject {
        func degrees(_ limit: Int) -> SchemaValue {
            let whole = limit == 90 ? "[0-8]?[0-9]" : "(1[0-7]|[0-9])?[0-9]"
            return .anyOf(
                SchemaValue(["type": "number", "minimum": .integer(-limit), "maximum": .integer(limit)]),
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
            SchemaField("name", .text(upTo: 1000), "What the place is called.", examples: "Our shop"),
            SchemaField("address", .text(upTo: 1000), "Its address.", examples: "Moi Avenue, Nairobi"),
        ])
    }

    private static var template: SchemaObject {
        let language = SchemaObject([
            SchemaField("code", .text(upTo: 10), isRequired: true, "The code of the language.", examples: "en"),
            SchemaField(
                "policy",
                SchemaValue(["const": "deterministic"]),
                "Old, and of one value only.",
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
                .list(of: SchemaValue(component.objectValue ?? [:])),
                "The values of the variables.",
                examples: [["type": "body", "parameters": [["type": "text", "text": "{{name|there}}"]]]]
            ),
        ])
    }
}
