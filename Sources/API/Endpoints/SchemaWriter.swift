import JSON
import Spec

/// Writes JSON Schemas of shapes, and collects those that have a name.
struct SchemaWriter {
    private(set) var components: [String: JSONValue] = [:]

    /// Returns the JSON Schema (2020-12) of a shape.
    mutating func schema(_ shape: Shape) -> JSONValue {
        switch shape {
        case .any: return storable()
        case .null: return ["type": "null"]
        case .bool: return ["type": "boolean"]
        case .number: return ["type": "number"]
        case .integer(let range):
            return [
                "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
            ]
        case .text(let range):
            return [
                "type": "string", "minLength": .integer(range.lowerBound), "maxLength": .integer(range.upperBound),
                "pattern": Self.text,
            ]
        case .formatted(let format):
            if let pattern = format.pattern { return ["type": "string", "pattern": .string(pattern)] }
            return ["type": "string", "format": .string(format.rawValue)]
        case .choice(let words): return ["type": "string", "enum": .array(words.map(JSONValue.string))]
        case .list(let item, let count):
            return [
                "type": "array", "items": schema(item), "minItems": .integer(count.lowerBound),
                "maxItems": .integer(count.upperBound),
            ]
        case .map(let item, let keys):
            return [
                "type": "object", "additionalProperties": schema(item), "maxProperties": .integer(keys.upperBound),
                "propertyNames": ["pattern": Self.text],
            ]
        case .object(let object): return reference(to: object)
        case .spec(let name):
            for (name, schema) in SpecSchemas.definitions(for: name) { components[name] = schema }
            return ["$ref": .string("#/components/schemas/\(name.rawValue)")]
        case .nullable(let shape): return ["anyOf": [schema(shape), ["type": "null"]]]
        case .anyOf(let shapes): return ["anyOf": .array(shapes.map { schema($0) })]
        }
    }

    /// Pattern of texts without NUL, which Postgres cannot store.
    static let text: JSONValue = #"^[^\u0000]*$"#

    /// Writes the schema of any value that Postgres can store.
    private mutating func storable() -> JSONValue {
        let own: JSONValue = ["$ref": "#/components/schemas/Value"]
        components["Value"] = [
            "description": "Any value; its texts and names have no NUL character.",
            "anyOf": [
                ["type": ["null", "boolean", "number"]], ["type": "string", "pattern": Self.text],
                ["type": "array", "items": own],
                ["type": "object", "additionalProperties": own, "propertyNames": ["pattern": Self.text]],
            ],
        ]
        return own
    }

    private mutating func reference(to object: ObjectShape) -> JSONValue {
        guard let name = object.name else { return schema(of: object) }
        if components[name] == nil {
            // Reserves the name: an object may contain objects of its own kind.
            components[name] = .null
            components[name] = schema(of: object)
        }
        return ["$ref": .string("#/components/schemas/\(name)")]
    }

    private mutating func schema(of object: ObjectShape) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in object.fields {
            var keywords: [String: JSONValue] = ["description": .string(field.description)]
            if let example = field.example { keywords["examples"] = [example] }
            let schema = schema(field.shape)
            // Since 2020-12 a reference may have keywords beside it.
            properties[field.name] = .object(keywords.merging(schema.objectValue ?? [:]) { own, _ in own })
        }
        var result: [String: JSONValue] = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        result["description"] = object.description.map(JSONValue.string)
        let required = object.fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { result["required"] = .array(required) }
        if !object.rules.isEmpty { result["allOf"] = .array(object.rules) }
        return .object(result)
    }
}
