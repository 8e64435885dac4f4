import JSON

/// A mapping that takes these fields and no others.
struct SchemaObject: Sendable {
    var fields: [SchemaField]
    /// Conditions between the fields, such as two that exclude each other.
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
        var value = SchemaValue(keywords, words: "mapping")
        value.parts = [SchemaValue.Part(path: "", condition: nil, object: self)]
        return value
    }

    var json: JSONValue { value.json }
}

/// One field of a spec: the source of the JSON Schema and of `docs/specs.md`, and checked against the readers by tests.
struct SchemaField: Sendable {
    let name: String
    let value: SchemaValue
    let isRequired: Bool
    /// The value of an absent field; `nil` if absent fields have no value, or one that depends on other fields.
    let defaultValue: JSONValue?
    let description: String
    let examples: [JSONValue]

    init(
        _ name: String,
        _ value: SchemaValue,
        isRequired: Bool = false,
        default defaultValue: JSONValue? = nil,
        _ description: String,
        examples: JSONValue...
    ) {
        self.name = name
        self.value = value
        self.isRequired = isRequired
        self.defaultValue = defaultValue
        self.description = description
        self.examples = examples
    }

    var json: JSONValue {
        var keywords = value.keywords
        keywords["description"] = .string(description)
        keywords["default"] = defaultValue
        keywords["examples"] = .array(examples)
        return .object(keywords)
    }

    /// The same field with a narrower value.
    func with(_ value: SchemaValue, example: JSONValue) -> SchemaField {
        SchemaField(name, value, isRequired: true, description, examples: example)
    }
}

/// A condition between the fields of one mapping.
struct SchemaRule: Sendable {
    let json: JSONValue

    /// A field that must not appear together with some others.
    static func excludes(_ key: String, _ others: [String]) -> Self {
        let absent = Dictionary(uniqueKeysWithValues: others.map { ($0, JSONValue.bool(false)) })
        return SchemaRule(json: ["dependencies": .object([key: ["properties": .object(absent)]])])
    }

    /// A field that needs another.
    static func needs(_ key: String, _ other: String) -> Self {
        SchemaRule(json: ["dependencies": .object([key: [.string(other)]])])
    }

    /// Fields of which at least one is present.
    static func anyOf(_ keys: [String]) -> Self {
        SchemaRule(json: ["anyOf": .array(keys.map { ["required": [.string($0)]] })])
    }

    /// Fields of which exactly one is present.
    static func oneOf(_ keys: [String]) -> Self {
        SchemaRule(json: ["oneOf": .array(keys.map { ["required": [.string($0)]] })])
    }

    static func when(_ condition: JSONValue, then: JSONValue, otherwise: JSONValue? = nil) -> Self {
        var keywords: [String: JSONValue] = ["if": condition, "then": then]
        keywords["else"] = otherwise
        return SchemaRule(json: .object(keywords))
    }

    /// The condition that a field has one of some values.
    static func has(_ key: String, _ values: JSONValue...) -> JSONValue {
        has(key, values)
    }

    /// The condition that a field has one of some values.
    static func has(_ key: String, _ values: [JSONValue]) -> JSONValue {
        let word: JSONValue = values.count == 1 ? ["const": values[0]] : ["enum": .array(values)]
        return ["required": [.string(key)], "properties": .object([key: word])]
    }

    static func requires(_ keys: String...) -> JSONValue {
        ["required": .array(keys.map(JSONValue.string))]
    }
}
