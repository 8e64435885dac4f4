import JSON

/// One field of a spec, described once: for editors, for completion, and for the test that holds it against the readers.
struct SchemaField {
    let name: String
    let description: String
    let examples: [JSONValue]
    let isRequired: Bool
    let value: SchemaValue

    init(
        _ name: String,
        _ value: SchemaValue,
        isRequired: Bool = false,
        _ description: String,
        examples: JSONValue...
    ) {
        self.init(name, value, isRequired: isRequired, description, examples: examples)
    }

    private init(
        _ name: String,
        _ value: SchemaValue,
        isRequired: Bool,
        _ description: String,
        examples: [JSONValue]
    ) {
        self.name = name
        self.value = value
        self.isRequired = isRequired
        self.description = description
        self.examples = examples
    }

    var json: JSONValue {
        var keywords = value.keywords
        keywords["description"] = .string(description)
        keywords["examples"] = .array(examples)
        return .object(keywords)
    }

    /// The same field with a narrower value.
    func with(_ value: SchemaValue, example: JSONValue) -> SchemaField {
        SchemaField(name, value, isRequired: true, description, examples: [example])
    }
}
