import JSON

/// A mapping that takes these fields and no others.
struct SchemaObject {
    var fields: [SchemaField]
    /// What holds between the fields, such as two that exclude each other.
    let rules: [SchemaRule]

    init(_ fields: [SchemaField], rules: SchemaRule...) {
        self.fields = fields
        self.rules = rules
    }

    var value: SchemaValue {
        var keywords: [String: JSONValue] = [
            "type": "object",
            "properties": .object(Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.json) })),
            "additionalProperties": false,
        ]
        let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { keywords["required"] = .array(required) }
        if !rules.isEmpty { keywords["allOf"] = .array(rules.map(\.json)) }
        return SchemaValue(keywords)
    }

    var json: JSONValue { value.json }
}
