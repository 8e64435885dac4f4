package import JSON

extension TemplateSpec {
    static var schema: SchemaObject {
        SchemaObject(nameFields + textFields)
    }

    static var languageValue: SchemaValue { .text(upTo: 10, pattern: "^[a-z]{2,3}(_[A-Za-z]{2,4})?$") }

    static var categoryValue: SchemaValue {
        .choice(Category.self) { category in
            switch category {
            case .marketing: "Offers, news and everything that is neither of the others."
            case .utility: "About something that the recipient did or asked for."
            case .authentication: "Codes to log in with."
            }
        }
    }

    private static var nameFields: [SchemaField] {
        [
            SchemaField(
                "whatsappName",
                .text(upTo: 512, pattern: "^[a-z0-9_]+$"),
                isRequired: true,
                "The name in WhatsApp Manager.",
                examples: "payment_reminder"
            ),
            SchemaField(
                "language",
                languageValue,
                "The code of the language; the tenant's `defaults.language` if absent.",
                examples: "en",
                "pt_BR"
            ),
            SchemaField(
                "category",
                categoryValue,
                isRequired: true,
                "What WhatsApp approved the template for.",
                examples: "utility"
            ),
        ]
    }

    private static var textFields: [SchemaField] {
        [
            SchemaField(
                "header",
                .text(upTo: 60),
                "The text above the body, with at most one variable.",
                examples: "Your visit on {{1}}"
            ),
            SchemaField(
                "body",
                .text(upTo: 1024),
                isRequired: true,
                "The text as it was approved. Its variables are `{{1}}`, `{{2}}`, … or names such as `{{first_name}}`, "
                    + "and campaigns give them values in `params`.",
                examples: "Hi {{1}}, your payment of {{2}} is overdue."
            ),
            SchemaField(
                "footer",
                SchemaValue(["type": "string", "minLength": 1, "maxLength": 60, "not": ["pattern": "\\{\\{"]]),
                "The small text below the body, without variables.",
                examples: "Reply STOP to unsubscribe"
            ),
            SchemaField(
                "buttons",
                .list(of: TemplateButton.schema, 0...10),
                "The buttons below the message: at most 10, of them 2 with addresses and 1 with a phone number.",
                examples: [["type": "quickReply", "text": "Tell me more"]]
            ),
        ]
    }
}

extension TemplateButton {
    static var schema: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(Kind.self) { kind in
                switch kind {
                case .quickReply: "Answers with its text."
                case .url: "Opens an address."
                case .phone: "Calls a number."
                case .copyCode: "Copies the code that the campaign gives as parameter."
                }
            },
            isRequired: true,
            "What the button does.",
            examples: "quickReply"
        )
        return .variants(by: type, of: Kind.self) { SchemaObject($0.fields) }
    }
}

extension TemplateButton.Kind {
    fileprivate var fields: [SchemaField] {
        let text = SchemaField(
            "text",
            .text(upTo: 25),
            isRequired: true,
            "What stands on the button.",
            examples: "Read on"
        )
        switch self {
        case .quickReply: return [text]
        case .copyCode: return []
        case .url:
            let url = SchemaField(
                "url",
                .text(upTo: 2000, pattern: "^https?://((?!\\{\\{)\\S)+(\\{\\{1\\}\\})?$"),
                isRequired: true,
                "The address; `{{1}}` at its end is a variable, which campaigns name `button.0`.",
                examples: "https://shop.acme.example/pay/{{1}}"
            )
            return [text, url]
        case .phone:
            let number = SchemaField(
                "phoneNumber",
                .text(upTo: 20, pattern: TextPattern.phoneNumber),
                isRequired: true,
                "The number to call, with its country code; at most 20 characters.",
                examples: "+254700100200"
            )
            return [text, number]
        }
    }
}

extension TemplateSpec {
    /// How many buttons of each kind there may be.
    ///
    /// Only JSON Schema 2020-12 can say it, which editors do not read.
    package static var buttonLimits: [JSONValue] {
        TemplateButton.Kind.allCases.compactMap { kind in
            kind.limit.map { limit in
                [
                    "contains": SchemaRule.has("type", .string(kind.rawValue)), "minContains": 0,
                    "maxContains": .integer(limit),
                ]
            }
        }
    }
}
