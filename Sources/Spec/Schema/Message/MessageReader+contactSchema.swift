import JSON

extension MessageReader {
    /// An address card.
    static var contact: SchemaObject {
        SchemaObject([
            SchemaField(
                "name",
                name.value,
                isRequired: true,
                "Whose card it is.",
                examples: ["formatted_name": "Jane Doe", "first_name": "Jane"]
            ),
            SchemaField(
                "org",
                texts(["company", "department", "title"]).value,
                "Where they work.",
                examples: ["company": "ACME"]
            ),
            SchemaField(
                "phones",
                cards(["phone", "type", "wa_id"]),
                "Their numbers.",
                examples: [["phone": "+254700100200", "type": "WORK"]]
            ),
            SchemaField(
                "emails",
                cards(["email", "type"]),
                "Their addresses for mail.",
                examples: [["email": "jane@acme.example"]]
            ),
            SchemaField(
                "urls",
                cards(["url", "type"]),
                "Their pages.",
                examples: [["url": "https://acme.example"]]
            ),
            SchemaField(
                "addresses",
                cards(["street", "city", "state", "zip", "country", "country_code", "type"]),
                "Where they are found.",
                examples: [["street": "Moi Avenue", "city": "Nairobi"]]
            ),
            SchemaField("birthday", .text(upTo: 20), "When they were born.", examples: "1990-01-31"),
        ])
    }

    /// WhatsApp needs one part beside the formatted name.
    private static var name: SchemaObject {
        let parts = ["first_name", "last_name", "middle_name", "prefix", "suffix"]
        let formatted = SchemaField(
            "formatted_name",
            .text(upTo: 512),
            isRequired: true,
            "The name as it is shown.",
            examples: "Jane Doe"
        )
        return SchemaObject([formatted] + texts(parts).fields, rules: .anyOf(parts))
    }

    private static func cards(_ keys: [String]) -> SchemaValue { .list(of: texts(keys).value) }

    private static func texts(_ keys: [String]) -> SchemaObject {
        SchemaObject(
            keys.map { key in
                let words = key.replacing("_", with: " ")
                return SchemaField(
                    key,
                    .text(upTo: 1024),
                    "The \(words), as the card shows it.",
                    examples: .string(words)
                )
            }
        )
    }
}
