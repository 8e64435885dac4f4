public import JSON

/// The JSON Schema (draft-07) of specs, for editors.
///
/// It covers what can be checked within one document; `reconcile validate` also checks references between documents.
public enum SpecSchema {
    /// The folder for schemas, next to the folders of the tenants; hidden, so that it does not count as a tenant.
    public static let folder = ".schema"

    /// Returns the name of the file for one kind, or for all of them.
    public static func fileName(of kind: SpecKind?) -> String {
        (kind?.rawValue.lowercased() ?? "spec") + ".json"
    }

    /// The first line of a file in the folder of a tenant; editors with yaml-language-server follow it.
    public static let modeline = "# yaml-language-server: $schema=../\(folder)/\(fileName(of: nil))"

    /// Returns the schema of documents of one kind, or of any kind.
    public static func json(of kind: SpecKind?) -> JSONValue {
        var schema: [String: JSONValue] = [
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": .string(kind.map { "\($0.rawValue) spec" } ?? "Campaign specs"),
            "definitions": .object(definitions(of: kind.map { [$0] } ?? SpecKind.allCases)),
        ]
        guard kind == nil else {
            schema["allOf"] = kind.map { [SchemaValue.reference($0.rawValue)] }
            return .object(schema)
        }
        schema["type"] = "object"
        schema["required"] = ["kind"]
        schema["properties"] = ["kind": kindField.json]
        schema["allOf"] = .array(
            SpecKind.allCases.map { kind in
                [
                    "if": SchemaRule.has("kind", .string(kind.rawValue)),
                    "then": SchemaValue.reference(kind.rawValue),
                ]
            }
        )
        return .object(schema)
    }

    /// Returns the text of the file; always the same for the same kinds.
    ///
    /// Unlike ``json(of:)`` it takes `${name}` for a value of the environment, which is replaced before specs are read.
    public static func text(of kind: SpecKind?) -> String {
        var schema = json(of: kind).objectValue ?? [:]
        schema["definitions"] = schema["definitions"]?.objectValue.map { .object($0.mapValues(takingValues)) }
        return JSONValue.object(schema).indentedText + "\n"
    }

    /// Returns the schema of a mapping or list whose values may come from the environment.
    private static func takingValues(_ schema: JSONValue) -> JSONValue {
        guard var keywords = schema.objectValue else { return schema }
        if let fields = keywords["properties"]?.objectValue {
            let changed = fields.map { name, field in
                (name, identityFields.contains(name) ? field : reference(or: field))
            }
            keywords["properties"] = .object(Dictionary(uniqueKeysWithValues: changed))
        }
        keywords["items"] = keywords["items"].map(reference(or:))
        return .object(keywords)
    }

    /// The fields that are the same in every environment.
    private static let identityFields: Set<String> = ["kind", "name", "renamedFrom"]

    /// Returns a schema that takes a reference beside what it took; texts without a form take it anyway.
    private static func reference(or field: JSONValue) -> JSONValue {
        guard var keywords = field.objectValue, keywords["properties"] == nil, keywords["items"] == nil else {
            return takingValues(field)
        }
        let reference: JSONValue = ["type": "string", "pattern": "\\$\\{[A-Za-z0-9][A-Za-z0-9_-]*\\}"]
        if let choices = keywords["anyOf"]?.arrayValue {
            keywords["anyOf"] = .array(choices + [reference])
            return .object(keywords)
        }
        let isScalar = ["integer", "number", "boolean"].contains(keywords["type"]?.stringValue ?? "")
        guard isScalar || keywords["pattern"] != nil || keywords["enum"] != nil || keywords["oneOf"] != nil else {
            return field
        }
        let notes = ["description", "default", "examples"]
        var outer = keywords.filter { notes.contains($0.key) }
        outer["anyOf"] = [.object(keywords.filter { !notes.contains($0.key) }), reference]
        return .object(outer)
    }

    private static let kindField = SchemaField(
        "kind",
        .choice(SpecKind.self) { $0.definition.meaning },
        isRequired: true,
        "The kind of the document; it decides which fields the document takes.",
        examples: "Campaign"
    )

    private static func definitions(of kinds: [SpecKind]) -> [String: JSONValue] {
        var definitions: [String: JSONValue] = [:]
        for kind in kinds {
            var object = kind.definition.schema
            object.fields =
                [kindField.with(.constant(kind.rawValue), example: .string(kind.rawValue))] + SpecHeader.schema.fields
                + object.fields
            var value = object.value
            value.keywords["description"] = .string(kind.definition.meaning)
            definitions[kind.rawValue] = value.json
        }
        for kind in kinds {
            for (name, value) in kind.definition.schemaDefinitions { definitions[name] = value.json }
        }
        return definitions
    }
}
