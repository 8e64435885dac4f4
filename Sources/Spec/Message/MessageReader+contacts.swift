import JSON
import YAML

/// Messages with locations and with contact cards.
extension MessageReader {
    func location(_ reader: inout FieldReader) {
        coordinate(&reader, "latitude", 90)
        coordinate(&reader, "longitude", 180)
        _ = reader.text("name", required: false, upTo: 1000)
        _ = reader.text("address", required: false, upTo: 1000)
    }

    /// Reads degrees, which the API takes as a number or as a text; a text may hold a placeholder.
    private func coordinate(_ reader: inout FieldReader, _ key: String, _ limit: Double) {
        reader.require(key)
        guard let read = reader.node(key) else { return }
        let degrees: Double?
        switch read.node.scalar?.value {
        case .int(let value): degrees = Double(value)
        case .float(let value): degrees = value
        case .string(let text) where text.contains("{{"): return
        case .string(let text): degrees = Self.decimal(text)
        default: degrees = nil
        }
        guard let degrees, abs(degrees) <= limit else {
            let message = "`\(key)` is not a number of degrees from -\(Int(limit)) to \(Int(limit))"
            return sink.report(.messageShape, at: read.range, field: read.field, message)
        }
    }

    /// Returns the value of digits with an optional sign and fraction; `Double.init` accepts more forms.
    private static func decimal(_ text: String) -> Double? {
        let number = text.first == "-" || text.first == "+" ? text.dropFirst() : Substring(text)
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let isDecimal = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        return isDecimal ? Double(text) : nil
    }

    func contacts(_ read: ReadNode) {
        guard let items = read.node.sequence else {
            return sink.reportWrongType(of: read.node, field: read.field, expected: "a list")
        }
        if items.isEmpty {
            let help = "add one with `name`"
            sink.report(.messageShape, at: read.range, field: read.field, "`contacts` has no contact", help: help)
        }
        for (index, item) in items.enumerated() { contact(item, FieldPath.item(index, of: read.field)) }
    }

    private func contact(_ node: YAMLNode, _ field: String) {
        guard var reader = FieldReader(node, path: field, what: "a contact", sink: sink) else { return }
        reader.require("name")
        reader.mapping("name") { name(&$0) }
        reader.mapping("org") { texts(&$0, ["company", "department", "title"]) }
        cards(&reader, "phones", ["phone", "type", "wa_id"])
        cards(&reader, "emails", ["email", "type"])
        cards(&reader, "urls", ["url", "type"])
        cards(&reader, "addresses", ["street", "city", "state", "zip", "country", "country_code", "type"])
        _ = reader.text("birthday", required: false, upTo: 20)
        reader.finish()
    }

    private func name(_ reader: inout FieldReader) {
        _ = reader.text("formatted_name", upTo: 512)
        let parts = ["first_name", "last_name", "middle_name", "prefix", "suffix"]
        texts(&reader, parts)
        guard !parts.contains(where: reader.has), reader.has("formatted_name") else { return }
        let message = "`name` has nothing but `formatted_name`"
        let help = "WhatsApp needs one more part: add `first_name`"
        sink.report(.messageShape, at: reader.node.range, field: reader.path, message, help: help)
    }

    private func cards(_ reader: inout FieldReader, _ key: String, _ fields: [String]) {
        _ = reader.list(key) { node, field in
            guard var reader = FieldReader(node, path: field, what: "`\(key)`", sink: sink) else { return }
            texts(&reader, fields)
            reader.finish()
        }
    }

    private func texts(_ reader: inout FieldReader, _ keys: [String]) {
        for key in keys { _ = reader.text(key, required: false, upTo: 1024) }
    }
}

extension MessageReader {
    /// A contact card.
    static var contact: SchemaObject {
        SchemaObject([
            SchemaField(
                "name",
                name.value,
                isRequired: true,
                "The name of the person or business.",
                examples: ["formatted_name": "Jane Doe", "first_name": "Jane"]
            ),
            SchemaField(
                "org",
                texts(["company", "department", "title"]).value,
                "The organization.",
                examples: ["company": "ACME"]
            ),
            SchemaField(
                "phones",
                cards(["phone", "type", "wa_id"]),
                "The phone numbers.",
                examples: [["phone": "+254700100200", "type": "WORK"]]
            ),
            SchemaField(
                "emails",
                cards(["email", "type"]),
                "The email addresses.",
                examples: [["email": "jane@acme.example"]]
            ),
            SchemaField(
                "urls",
                cards(["url", "type"]),
                "The web pages.",
                examples: [["url": "https://acme.example"]]
            ),
            SchemaField(
                "addresses",
                cards(["street", "city", "state", "zip", "country", "country_code", "type"]),
                "The postal addresses.",
                examples: [["street": "Moi Avenue", "city": "Nairobi"]]
            ),
            SchemaField("birthday", .text(upTo: 20), "The date of birth.", examples: "1990-01-31"),
        ])
    }

    /// The name on a card; WhatsApp requires one more part besides the formatted name.
    private static var name: SchemaObject {
        let parts = ["first_name", "last_name", "middle_name", "prefix", "suffix"]
        let formatted = SchemaField(
            "formatted_name",
            .text(upTo: 512),
            isRequired: true,
            "The full name as shown.",
            examples: "Jane Doe"
        )
        return SchemaObject([formatted] + texts(parts).fields, rules: [.anyOf(parts)])
    }

    private static func cards(_ keys: [String]) -> SchemaValue { .list(of: texts(keys).value) }

    private static func texts(_ keys: [String]) -> SchemaObject {
        SchemaObject(
            keys.map { key in
                let words = key.replacing("_", with: " ")
                return SchemaField(
                    key,
                    .text(upTo: 1024),
                    "The \(words).",
                    examples: .string(words)
                )
            }
        )
    }
}
