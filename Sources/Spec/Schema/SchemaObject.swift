import JSON
import YAML

/// A mapping that takes these fields and no others.
struct SchemaObject: Sendable {
    var fields: [SchemaField]
    /// Conditions between the fields, such as two that exclude each other.
    let rules: [SchemaRule]

    init(_ fields: [SchemaField], rules: [SchemaRule] = []) {
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

/// The description of a field: the source of the JSON Schema and of `docs/specs.md`.
///
/// Kinds make it with ``SpecField``. For filters and messages, tests compare it with the readers.
struct SchemaField: Sendable {
    let name: String
    let value: SchemaValue
    var isRequired: Bool
    /// The value of an absent field; `nil` if absent fields have no value, or one that depends on other fields.
    var defaultValue: JSONValue?
    var description: String
    var examples: [JSONValue]

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

    /// Returns the same field with a narrower value.
    func with(_ value: SchemaValue, example: JSONValue) -> SchemaField {
        SchemaField(name, value, isRequired: true, description, examples: example)
    }
}

/// A condition between the fields of one mapping, for the schema and for the reader.
struct SchemaRule: Sendable {
    let json: JSONValue
    /// Reports what breaks the rule, after all fields were read.
    var check: @Sendable (inout FieldReader) -> Void = { _ in }

    /// Forbids a field beside an alternative, and beside fields that belong to the alternative.
    ///
    /// - Parameters:
    ///   - key: The field.
    ///   - alternative: The other way to say it; if it is present, it alone is reported.
    ///   - companions: Fields that belong to the alternative.
    ///   - label: Explains the place of the field, in the report.
    /// - Returns: The rule.
    static func excludes(_ key: String, _ alternative: String, with companions: [String] = [], label: String) -> Self {
        let others = [alternative] + companions
        let absent = Dictionary(uniqueKeysWithValues: others.map { ($0, JSONValue.bool(false)) })
        return SchemaRule(json: ["dependencies": .object([key: ["properties": .object(absent)]])]) { reader in
            if reader.exclude(alternative, with: key, label: label) { return }
            for other in companions { reader.exclude(other, with: key, label: label) }
        }
    }

    /// Requires another field beside a field.
    static func needs(_ key: String, _ other: String) -> Self {
        SchemaRule(json: ["dependencies": .object([key: [.string(other)]])]) { reader in
            if reader.has(key) { reader.require(other) }
        }
    }

    /// Requires a field if another one has one of some words.
    static func requires(_ key: String, when other: String, is words: [String]) -> Self {
        let condition = has(other, words.map(JSONValue.string))
        return SchemaRule(json: when(condition, then: requires(key)).json) { reader in
            guard case .string(let word) = reader.peek(other)?.node.scalar?.value, words.contains(word) else { return }
            reader.require(key)
        }
    }

    /// Requires a field unless another one has one of some words.
    static func requires(_ key: String, unless other: String, is words: [String]) -> Self {
        let alternatives: [JSONValue] = [has(other, words.map(JSONValue.string)), requires(key)]
        return SchemaRule(json: ["anyOf": .array(alternatives)]) { reader in
            if case .string(let word) = reader.peek(other)?.node.scalar?.value, words.contains(word) { return }
            reader.require(key)
        }
    }

    /// Requires at least one of some fields; if all are absent, the first is reported as missing.
    static func anyOf(_ keys: [String], help: String? = nil) -> Self {
        SchemaRule(json: ["anyOf": .array(keys.map { ["required": [.string($0)]] })]) { reader in
            if !keys.contains(where: { reader.has($0) }) { reader.require(keys[0], help: help) }
        }
    }

    /// Requires exactly one of some fields.
    static func oneOf(_ keys: [String]) -> Self {
        SchemaRule(json: ["oneOf": .array(keys.map { ["required": [.string($0)]] })])
    }

    static func when(_ condition: JSONValue, then: JSONValue, otherwise: JSONValue? = nil) -> Self {
        var keywords: [String: JSONValue] = ["if": condition, "then": then]
        keywords["else"] = otherwise
        return SchemaRule(json: .object(keywords))
    }

    /// Returns the condition that a field has one of some values.
    static func has(_ key: String, _ values: JSONValue...) -> JSONValue {
        has(key, values)
    }

    /// Returns the condition that a field has one of some values.
    static func has(_ key: String, _ values: [JSONValue]) -> JSONValue {
        let word: JSONValue = values.count == 1 ? ["const": values[0]] : ["enum": .array(values)]
        return ["required": [.string(key)], "properties": .object([key: word])]
    }

    static func requires(_ keys: String...) -> JSONValue {
        ["required": .array(keys.map(JSONValue.string))]
    }
}
