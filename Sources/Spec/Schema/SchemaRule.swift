import JSON

/// Something that holds between the fields of one mapping.
struct SchemaRule {
    let json: JSONValue

    /// A field leaves no room for others.
    static func excludes(_ key: String, _ others: [String]) -> Self {
        let absent = Dictionary(uniqueKeysWithValues: others.map { ($0, JSONValue.bool(false)) })
        return SchemaRule(json: ["dependencies": .object([key: ["properties": .object(absent)]])])
    }

    /// A field needs another.
    static func needs(_ key: String, _ other: String) -> Self {
        SchemaRule(json: ["dependencies": .object([key: [.string(other)]])])
    }

    /// At least one of some fields is there.
    static func anyOf(_ keys: [String]) -> Self {
        SchemaRule(json: ["anyOf": .array(keys.map { ["required": [.string($0)]] })])
    }

    /// Exactly one of some fields is there.
    static func oneOf(_ keys: [String]) -> Self {
        SchemaRule(json: ["oneOf": .array(keys.map { ["required": [.string($0)]] })])
    }

    static func when(_ condition: JSONValue, then: JSONValue, otherwise: JSONValue? = nil) -> Self {
        var keywords: [String: JSONValue] = ["if": condition, "then": then]
        keywords["else"] = otherwise
        return SchemaRule(json: .object(keywords))
    }

    /// That a field has one of some values.
    static func has(_ key: String, _ values: JSONValue...) -> JSONValue {
        has(key, values)
    }

    /// That a field has one of some values.
    static func has(_ key: String, _ values: [JSONValue]) -> JSONValue {
        let word: JSONValue = values.count == 1 ? ["const": values[0]] : ["enum": .array(values)]
        return ["required": [.string(key)], "properties": .object([key: word])]
    }

    static func requires(_ keys: String...) -> JSONValue {
        ["required": .array(keys.map(JSONValue.string))]
    }
}
