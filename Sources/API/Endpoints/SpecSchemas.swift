import JSON
import Spec

/// The schemas of filters, messages and templates, which requests and specs have in common.
///
/// They are made from the schema of spec files, so that both accept the same.
enum SpecSchemas {
    enum Name: String, Sendable {
        case filter = "Filter"
        case message = "Message"
        case template = "Template"
        case templateChange = "TemplateChange"
    }

    /// Fields of templates in files that requests do not have.
    static let fieldsOfSpecsOnly = ["kind", "protect", "renamedFrom"]

    /// The fields of a template in a request; their values are checked by the reader of specs.
    static let templateFields: ObjectShape = {
        let schema = definitions(for: .template)["Template"]
        let required = schema?["required"]?.arrayValue ?? []
        let names = schema?["properties"]?.objectValue?.keys.sorted() ?? []
        let fields = names.map { ShapeField($0, .any, isRequired: required.contains(.string($0)), "") }
        return ObjectShape(nil, nil, fields)
    }()

    /// Returns a schema and those that it refers to, as JSON Schema 2020-12.
    static func definitions(for name: Name) -> [String: JSONValue] {
        let kind: SpecKind = [.template, .templateChange].contains(name) ? .template : .campaign
        var found = SpecSchema.json(of: kind)["definitions"]?.objectValue ?? [:]
        switch name {
        case .filter: found = found.filter { $0.key == "Filter" }
        case .message: found = found.filter { ["Message", "MessageHeader"].contains($0.key) }
        case .template: found = ["Template": templateRequest(found["Template"] ?? .null)]
        case .templateChange: found = ["TemplateChange": change(of: templateRequest(found["Template"] ?? .null))]
        }
        return found.mapValues(\.modernSchema)
    }

    /// Returns the schema of a template without the fields of files only.
    private static func templateRequest(_ schema: JSONValue) -> JSONValue {
        guard var fields = schema.objectValue, var properties = fields["properties"]?.objectValue else { return schema }
        for name in fieldsOfSpecsOnly { properties[name] = nil }
        if var buttons = properties["buttons"]?.objectValue {
            buttons["allOf"] = .array(TemplateSpec.buttonLimits)
            properties["buttons"] = .object(buttons)
        }
        fields["properties"] = .object(properties)
        fields["required"] = .array((fields["required"]?.arrayValue ?? []).filter { $0 != "kind" } + ["language"])
        return .object(fields)
    }

    /// Returns the same schema for a change: nothing is required, and null removes an optional field.
    private static func change(of schema: JSONValue) -> JSONValue {
        guard var fields = schema.objectValue, let properties = fields["properties"]?.objectValue else { return schema }
        let required = fields["required"]?.arrayValue ?? []
        fields["required"] = nil
        // Conditions between fields hold for the result, not for the change.
        fields["allOf"] = nil
        let changed = properties.map { name, value -> (key: String, value: JSONValue) in
            (name, required.contains(.string(name)) ? value : ["anyOf": [value, ["type": "null"]]])
        }
        fields["properties"] = .object(JSONObject(unique: changed))
        return .object(fields)
    }
}

extension JSONValue {
    /// A draft-07 schema as one of 2020-12.
    fileprivate var modernSchema: JSONValue {
        switch self {
        case .array(let items): return .array(items.map(\.modernSchema))
        case .object(let fields):
            var result: [String: JSONValue] = [:]
            for (key, value) in fields {
                switch (key, value) {
                case ("$ref", .string(let target)):
                    result[key] = .string(target.replacing("#/definitions/", with: "#/components/schemas/"))
                case ("dependencies", .object(let dependencies)):
                    let lists = dependencies.filter { $0.value.arrayValue != nil }
                    let schemas = dependencies.filter { $0.value.arrayValue == nil }
                    if !lists.isEmpty { result["dependentRequired"] = .object(lists) }
                    if !schemas.isEmpty { result["dependentSchemas"] = JSONValue.object(schemas).modernSchema }
                case ("enumDescriptions", _): continue
                default: result[key] = value.modernSchema
                }
            }
            let isText = self["type"] == "string" || self["type"]?.arrayValue?.contains("string") ?? false
            if isText, self["enum"] == nil, self["const"] == nil, self["pattern"] == nil {
                result["pattern"] = SchemaWriter.text
            }
            return .object(result)
        default: return self
        }
    }
}
