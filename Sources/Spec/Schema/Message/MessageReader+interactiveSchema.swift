import JSON

extension MessageReader {
    /// Messages with buttons, lists and the like; actions that name things of the business are left to the API.
    static var interactive: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(Interactive.self) { $0.meaning },
            isRequired: true,
            "What the recipient can do.",
            examples: "button"
        )
        return .variants(by: type, of: Interactive.self) { kind in
            let isBodyRequired = kind != .product && kind != .callPermission
            let body = textObject(upTo: kind == .list ? 4096 : 1024)
            return SchemaObject([
                SchemaField(
                    "body",
                    body.value,
                    isRequired: isBodyRequired,
                    "The text.",
                    examples: ["text": "Shall we call you?"]
                ),
                SchemaField(
                    "header",
                    .definition("MessageHeader"),
                    "What stands above it.",
                    examples: ["type": "text", "text": "ACME"]
                ),
                SchemaField(
                    "footer",
                    textObject(upTo: 60).value,
                    "The small text below it.",
                    examples: ["text": "Reply STOP to unsubscribe"]
                ),
                SchemaField(
                    "action",
                    action(of: kind),
                    isRequired: true,
                    "What there is to do.",
                    examples: kind.example
                ),
            ])
        }
    }

    private static func textObject(upTo limit: Int) -> SchemaObject {
        SchemaObject([SchemaField("text", .text(upTo: limit), isRequired: true, "The text.", examples: "Hello")])
    }

    static var headerSchema: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(HeaderKind.self) { "The content stands in `\($0.rawValue)`." },
            isRequired: true,
            "What the header holds.",
            examples: "text"
        )
        return .variants(by: type, of: HeaderKind.self) { kind in
            let content: SchemaValue =
                switch kind {
                case .text: .text(upTo: 60)
                case .image, .video: media(has: []).value
                case .document: media(has: ["filename"]).value
                }
            let example: JSONValue = kind == .text ? "ACME" : ["id": "1013859600285441"]
            return SchemaObject([
                SchemaField(kind.rawValue, content, isRequired: true, "The content.", examples: example)
            ])
        }
    }

    private static func action(of kind: Interactive) -> SchemaValue {
        switch kind {
        case .button: SchemaObject([buttons]).value
        case .list: list.value
        case .link: link.value
        case .locationRequest: SchemaObject([actionName("send_location")]).value
        default: SchemaValue(["type": "object"])
        }
    }

    private static func actionName(_ name: String) -> SchemaField {
        let word = SchemaValue(["const": .string(name)])
        return SchemaField("name", word, isRequired: true, "The name of the action.", examples: .string(name))
    }

    private static var buttons: SchemaField {
        let reply = SchemaObject([
            SchemaField("id", .text(upTo: 256), isRequired: true, "What the answer names.", examples: "yes"),
            SchemaField("title", .text(upTo: 20), isRequired: true, "What stands on the button.", examples: "Yes"),
        ])
        let type = SchemaValue(["const": "reply"])
        let button = SchemaObject([
            SchemaField("type", type, isRequired: true, "Always `reply`.", examples: "reply"),
            SchemaField(
                "reply",
                reply.value,
                isRequired: true,
                "The answer.",
                examples: ["id": "yes", "title": "Yes"]
            ),
        ])
        return SchemaField(
            "buttons",
            .list(of: button.value, 1...3),
            isRequired: true,
            "One to three buttons.",
            examples: [["type": "reply", "reply": ["id": "yes", "title": "Yes"]]]
        )
    }

    private static var list: SchemaObject {
        let row = SchemaObject([
            SchemaField("id", .text(upTo: 200), isRequired: true, "What the answer names.", examples: "small"),
            SchemaField("title", .text(upTo: 24), isRequired: true, "What stands in the row.", examples: "Small"),
            SchemaField("description", .text(upTo: 72), "The small text below it.", examples: "For one"),
        ])
        let section = SchemaObject([
            SchemaField("title", .text(upTo: 24), "Needed if there are several sections.", examples: "Sizes"),
            SchemaField(
                "rows",
                .list(of: row.value),
                isRequired: true,
                "The rows; at most 10 in all sections.",
                examples: [["id": "small", "title": "Small"]]
            ),
        ])
        var sections = SchemaValue.list(of: section.value, 1...10)
        sections.keywords["contains"] = ["properties": ["rows": ["minItems": 1]]]
        return SchemaObject([
            SchemaField("button", .text(upTo: 20), isRequired: true, "What opens the list.", examples: "Choose"),
            SchemaField(
                "sections",
                sections,
                isRequired: true,
                "The sections of the list.",
                examples: [["rows": [["id": "small", "title": "Small"]]]]
            ),
        ])
    }

    private static var link: SchemaObject {
        let parameters = SchemaObject([
            SchemaField("display_text", .text(upTo: 20), isRequired: true, "What stands on it.", examples: "Read on"),
            SchemaField("url", .text(upTo: 2000), isRequired: true, "The address.", examples: "https://acme.example"),
        ])
        return SchemaObject([
            actionName("cta_url"),
            SchemaField(
                "parameters",
                parameters.value,
                isRequired: true,
                "What the button shows and opens.",
                examples: ["display_text": "Read on", "url": "https://acme.example"]
            ),
        ])
    }
}

extension MessageReader.Interactive {
    fileprivate var meaning: String {
        switch self {
        case .button: "Answer with one of up to three buttons."
        case .list: "Choose a row of a list."
        case .flow: "Fill in a flow."
        case .product: "Look at a product of the catalog."
        case .carousel: "Swipe through cards."
        case .link: "Open an address."
        case .products: "Look at several products of the catalog."
        case .catalog: "Look at the whole catalog."
        case .locationRequest: "Share a location."
        case .addressRequest: "Share an address."
        case .callPermission: "Permit a call."
        case .voiceCall: "Call."
        case .orderDetails: "Pay an order."
        case .orderStatus: "See how an order goes."
        }
    }

    fileprivate var example: JSONValue {
        switch self {
        case .button: ["buttons": [["type": "reply", "reply": ["id": "yes", "title": "Yes"]]]]
        case .list: ["button": "Choose", "sections": [["rows": [["id": "small", "title": "Small"]]]]]
        case .link:
            [
                "name": "cta_url",
                "parameters": ["display_text": "Read on", "url": "https://acme.example"],
            ]
        case .locationRequest: ["name": "send_location"]
        default: ["name": .string(rawValue)]
        }
    }
}
