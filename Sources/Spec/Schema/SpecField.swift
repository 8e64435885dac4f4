import JSON

/// A mapping of specs whose fields are described in one table: the reader, the canonical form, the JSON Schema and
/// `docs/specs.md` are made from it.
///
/// The table also says in which order fields are read and shown.
protocol SpecMapping: Sendable {
    /// Makes a mapping without fields: all properties have their defaults, and required ones a placeholder.
    init()

    static var fields: [SpecField<Self>] { get }

    /// Conditions between fields.
    static var rules: [SchemaRule] { get }

    /// Checks, and fills in, what depends on several fields; called once all were read.
    ///
    /// - Parameters:
    ///   - reader: The reader of the mapping.
    ///   - isWhole: False if a required field has only its placeholder.
    /// - Returns: False if the mapping is of no use, not even as a draft.
    mutating func complete(_ reader: FieldReader, isWhole: Bool) -> Bool
}

extension SpecMapping {
    typealias Field = SpecField<Self>

    static var rules: [SchemaRule] { [] }

    static var schema: SchemaObject { SchemaObject(fields.map(\.schema), rules: rules) }

    func complete(_ reader: FieldReader, isWhole: Bool) -> Bool { true }

    /// Reads all fields and reports what is wrong with them.
    init?(reading reader: inout FieldReader) {
        self.init()
        guard read(&reader) else { return nil }
    }

    /// Reads all fields; returns false if the mapping is of no use, not even as a draft.
    mutating func read(_ reader: inout FieldReader) -> Bool {
        var isWhole = true
        for field in Self.fields where !field.read(&reader, &self) { isWhole = false }
        for rule in Self.rules { rule.check(&reader) }
        return complete(reader, isWhole: isWhole) && isWhole
    }

    /// Adds the canonical form of all fields to an object.
    func write(to object: inout JSONObject) {
        for field in Self.fields { field.write(self, &object) }
    }
}

/// One field of a mapping: its name, the property that holds it, and how its value is read, written and described.
///
/// ```swift
/// Field("ratePerSecond", \.ratePerSecond, .integer(1...1_000_000))
///     .says("The maximum number of messages per second.", examples: 80)
/// ```
///
/// The value of the property in a new mapping is the default. A property that specs write in two ways, such as `cron`
/// and `at`, has a computed property for each.
struct SpecField<Mapping: SpecMapping>: Sendable {
    private(set) var schema: SchemaField
    private let readValue: @Sendable (inout FieldReader, inout Mapping) -> Bool
    private let writeValue: @Sendable (Mapping, inout JSONObject) -> Void
    private var isEssential = false
    private var isStored = true

    /// Makes a field that always has a value.
    init<Value>(
        _ name: String,
        _ property: any WritableKeyPath<Mapping, Value> & Sendable,
        _ codec: FieldCodec<Value>
    ) {
        readValue = { reader, mapping in
            guard let value = codec.read(&reader, name) else { return false }
            mapping[keyPath: property] = value
            return true
        }
        writeValue = { mapping, object in object[name] = codec.json(mapping[keyPath: property]) }
        schema = SchemaField(name, codec.schema, default: codec.json(Mapping()[keyPath: property]), "")
        // An empty text is a placeholder.
        if schema.defaultValue == "" { schema.defaultValue = nil }
    }

    /// Makes a field that may be absent.
    init<Value>(
        _ name: String,
        _ property: any WritableKeyPath<Mapping, Value?> & Sendable,
        _ codec: FieldCodec<Value>
    ) {
        readValue = { reader, mapping in
            guard let value = codec.read(&reader, name) else { return false }
            mapping[keyPath: property] = value
            return true
        }
        writeValue = { mapping, object in object[name] = mapping[keyPath: property].flatMap(codec.json) }
        schema = SchemaField(name, codec.schema, "")
    }

    /// Reads the field; returns false if the mapping is of no use without it.
    func read(_ reader: inout FieldReader, _ mapping: inout Mapping) -> Bool {
        if schema.isRequired { reader.require(schema.name) }
        return readValue(&reader, &mapping) || !isEssential
    }

    /// Adds the canonical form of the field to an object.
    func write(_ mapping: Mapping, _ object: inout JSONObject) {
        if isStored { writeValue(mapping, &object) }
    }
}

extension SpecField {
    /// Returns the same field with its description.
    func says(_ description: String, examples: JSONValue...) -> Self {
        with { ($0.schema.description, $0.schema.examples) = (description, examples) }
    }

    /// Returns the same field, required.
    ///
    /// - Parameter keepsDraft: True if a mapping without the field still serves to find other mistakes.
    /// - Returns: The changed field.
    func required(keepsDraft: Bool = false) -> Self {
        with {
            ($0.schema.isRequired, $0.schema.defaultValue) = (true, nil)
            $0.isEssential = !keepsDraft
        }
    }

    /// Returns the same field with another default in the documents than that of its property.
    func showsDefault(_ value: JSONValue?) -> Self { with { $0.schema.defaultValue = value } }

    /// The same field, left out of the canonical form.
    var unstored: Self { with { $0.isStored = false } }

    private func with(_ change: (inout Self) -> Void) -> Self {
        var field = self
        change(&field)
        return field
    }
}
