import JSON

/// What a field takes, in the words of JSON Schema draft-07.
struct SchemaValue {
    var keywords: [String: JSONValue]

    init(_ keywords: [String: JSONValue]) {
        self.keywords = keywords
    }

    var json: JSONValue { .object(keywords) }

    static let bool = SchemaValue(["type": "boolean"])

    /// The name of a spec, or a reference to one.
    static let slug = text(pattern: "^[a-z0-9][a-z0-9-]{0,62}$")

    static let duration = text(pattern: TextPattern.duration)

    static let timeOfDay = text(pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$")

    /// A date alone is its midnight.
    static let localTime = text(pattern: TextPattern.localTime)

    /// A string that is not empty; lengths count Unicode scalars, as those of the readers do.
    static func text(upTo limit: Int? = nil, pattern: String? = nil) -> Self {
        var keywords: [String: JSONValue] = ["type": "string"]
        if pattern == nil { keywords["minLength"] = 1 }
        keywords["maxLength"] = limit.map(JSONValue.integer)
        keywords["pattern"] = pattern.map(JSONValue.string)
        return SchemaValue(keywords)
    }

    static func integer(_ range: ClosedRange<Int>) -> Self {
        SchemaValue([
            "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
        ])
    }

    static func list(of item: SchemaValue, _ count: ClosedRange<Int>? = nil, isSet: Bool = false) -> Self {
        var keywords: [String: JSONValue] = ["type": "array", "items": item.json]
        if let count {
            keywords["minItems"] = .integer(count.lowerBound)
            if count.upperBound < .max { keywords["maxItems"] = .integer(count.upperBound) }
        }
        if isSet { keywords["uniqueItems"] = true }
        return SchemaValue(keywords)
    }

    /// A mapping whose keys are the author's.
    static func mapping(to value: SchemaValue) -> Self {
        SchemaValue(["type": "object", "additionalProperties": value.json])
    }

    /// One of the words of an enumeration, each with what it means.
    static func choice<Choice>(_ type: Choice.Type, _ meaning: (Choice) -> String) -> Self
    where Choice: CaseIterable & RawRepresentable<String> {
        choice(Array(type.allCases), meaning)
    }

    /// One of some words of an enumeration, each with what it means.
    static func choice<Choice: RawRepresentable<String>>(_ words: [Choice], _ meaning: (Choice) -> String) -> Self {
        SchemaValue([
            "type": "string",
            "enum": .array(words.map { .string($0.rawValue) }),
            "enumDescriptions": .array(words.map { .string(meaning($0)) }),
        ])
    }

    static func anyOf(_ values: SchemaValue...) -> Self {
        SchemaValue(["anyOf": .array(values.map(\.json))])
    }

    /// Beside `$ref`, draft-07 ignores all other keywords; within `allOf` it leaves them alone.
    static func definition(_ name: String) -> Self {
        SchemaValue(["allOf": [reference(name)]])
    }

    static func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/definitions/\(name)")]
    }

    /// A mapping whose fields depend on one of them: `key` says which of the objects it is.
    static func variants<Choice>(
        by key: SchemaField,
        of type: Choice.Type,
        _ object: (Choice) -> SchemaObject
    ) -> Self where Choice: CaseIterable & RawRepresentable<String> {
        let cases = type.allCases.map { choice -> JSONValue in
            var variant = object(choice)
            let word = SchemaValue(["const": .string(choice.rawValue)])
            variant.fields.insert(key.with(word, example: .string(choice.rawValue)), at: 0)
            return ["if": SchemaRule.has(key.name, .string(choice.rawValue)), "then": variant.json]
        }
        return SchemaValue([
            "type": "object",
            "required": [.string(key.name)],
            "properties": .object([key.name: key.json]),
            "allOf": .array(cases),
        ])
    }
}
