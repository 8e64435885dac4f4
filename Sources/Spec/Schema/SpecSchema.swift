public import JSON

/// The JSON Schema (draft-07) of specs, for editors.
///
/// It knows what one document says about itself; what takes a look at other documents, `reconcile validate` finds.
public enum SpecSchema {
    /// The folder for schemas, beside those of the tenants; hidden, so that it counts as none of them.
    public static let folder = ".schema"

    /// The name of the file for one kind, or for all of them.
    public static func fileName(of kind: SpecKind?) -> String {
        (kind?.rawValue.lowercased() ?? "spec") + ".json"
    }

    /// The first line of a file that lies in the folder of a tenant: editors with yaml-language-server follow it.
    public static let modeline = "# yaml-language-server: $schema=../\(folder)/\(fileName(of: nil))"

    /// The schema of documents of one kind, or of any kind.
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

    /// The text of the file, the same for the same kinds.
    public static func text(of kind: SpecKind?) -> String {
        json(of: kind).indentedText + "\n"
    }

    private static let kindField = SchemaField(
        "kind",
        .choice(SpecKind.self) { $0.meaning },
        isRequired: true,
        "What the document describes; decides which fields it takes.",
        examples: "Campaign"
    )

    private static func definitions(of kinds: [SpecKind]) -> [String: JSONValue] {
        var definitions: [String: JSONValue] = [:]
        for kind in kinds {
            var object = kind.schema
            let word = SchemaValue(["const": .string(kind.rawValue)])
            object.fields = [kindField.with(word, example: .string(kind.rawValue))] + headerFields + object.fields
            var value = object.value
            value.keywords["description"] = .string(kind.meaning)
            definitions[kind.rawValue] = value.json
        }
        if kinds.contains(.audience) || kinds.contains(.campaign) { definitions["Filter"] = AudienceFilter.schema.json }
        if kinds.contains(.campaign) {
            definitions["Message"] = MessageReader.schema.json
            definitions["MessageHeader"] = MessageReader.headerSchema.json
        }
        return definitions
    }

    private static let headerFields = [
        SchemaField(
            "name",
            .slug,
            isRequired: true,
            "The name, unique within tenant and kind: 1 to 63 lower-case letters, digits and hyphens. It never changes; "
                + "to rename, see `renamedFrom`.",
            examples: "welcome-offer"
        ),
        SchemaField(
            "protect",
            .bool,
            "Whether the row refuses deletion, also when this file is gone; `false` by default.",
            examples: true
        ),
        SchemaField(
            "renamedFrom",
            .slug,
            "The name before this one. Identity, history and runs follow; remove it once the rename is applied.",
            examples: "welcome-offer-2025"
        ),
    ]
}
