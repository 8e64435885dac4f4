public import JSON
import YAML

/// A spec of any kind.
public protocol SpecContent: Hashable, Sendable {
    static var kind: SpecKind { get }

    var header: SpecHeader { get }

    /// The form that is stored and compared: defaults filled in, always the same for the same meaning.
    var canonical: JSONValue { get }
}

extension SpecContent {
    /// The slug of the spec.
    public var name: String { header.name }

    /// True if the row made of this spec refuses deletion.
    public var protect: Bool { header.protect }

    /// Reads a spec back from its canonical form.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is not a canonical form.
    public init(canonical: JSONValue) throws(SpecError) {
        guard let spec = try Self.kind.spec(canonical: canonical) as? Self else { throw SpecError(diagnostics: []) }
        self = spec
    }
}

/// The definition of a kind: how its documents are read, described and completed.
///
/// A kind that is a ``SpecMapping`` gets its reader, its schema and its canonical form from its table of fields. The protocol
/// is separate from ``SpecContent`` because it names types that are not public.
protocol SpecDefinition: SpecContent {
    var header: SpecHeader { get set }

    /// Reads the fields of a document and reports what is wrong with them.
    init?(_ reader: inout FieldReader)

    /// Reads a spec back from a row. The default takes the canonical form and applies the rules of today.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is not such a spec.
    init(stored: JSONValue) throws(SpecError)

    /// Explains a spec of this kind in one sentence.
    static var meaning: String { get }

    /// A complete and valid document. The examples of all kinds refer to each other and form a valid catalog.
    static var example: String { get }

    /// The fields of this kind, without those that all kinds have.
    static var schema: SchemaObject { get }

    /// The definitions that the schema refers to, by name.
    static var schemaDefinitions: [String: SchemaValue] { get }

    /// The field that specs of this kind take from their tenant if they leave it out.
    static var tenantDefault: TenantDefault<Self>? { get }
}

extension SpecDefinition where Self: SpecMapping {
    init?(_ reader: inout FieldReader) {
        self.init()
        // Without a name, which is reported, the other fields are still read.
        let header = SpecHeader(reading: &reader)
        if let header { self.header = header }
        guard read(&reader), header != nil else { return nil }
    }

    /// The header and all fields, as rows hold them.
    var canonicalForm: JSONValue {
        var fields = header.canonicalFields
        write(to: &fields)
        return .object(fields)
    }
}

/// A field of a kind that the `Tenant` document can give for all specs of the kind.
struct TenantDefault<Spec> {
    /// The field has the same name in the spec and in `defaults` of the tenant.
    let field: String
    let value: WritableKeyPath<Spec, String?>
    let ofTenant: KeyPath<TenantSpec.Defaults, String?>
}

extension SpecDefinition {
    static var schemaDefinitions: [String: SchemaValue] { [:] }

    static var tenantDefault: TenantDefault<Self>? { nil }

    static var defaultedField: String? { tenantDefault?.field }

    init(stored: JSONValue) throws(SpecError) {
        try self.init(canonical: stored)
    }

    /// Reads a document of this kind; its `kind` is known and ignored.
    ///
    /// - Parameters:
    ///   - node: The document.
    ///   - mayHaveNUL: True to look for NUL characters; `false` if it is known that there are none.
    ///   - sink: Receives the mistakes.
    /// - Returns: The spec, if enough of it could be read, and its faults. With faults it only serves to find more
    ///   mistakes.
    static func read(
        _ node: YAMLNode,
        mayHaveNUL: Bool = true,
        sink: DiagnosticSink
    ) -> (spec: (any SpecContent)?, faults: SpecFaults?) {
        guard var reader = FieldReader(node, path: "", what: kind.phrase, sink: sink) else {
            return (nil, .everywhere)
        }
        _ = reader.node("kind")
        let before = sink.diagnostics.count
        if mayHaveNUL { sink.checkCharacters(node) }
        let spec = Self(&reader)
        reader.finish()
        guard !sink.isClean(since: before) else { return (spec, nil) }
        return (spec, SpecFaults(sink.errors(since: before)))
    }
}

/// The fields of a document that have errors; the others can still be checked against other documents.
struct SpecFaults: Sendable {
    /// Faults that may concern every field.
    static let everywhere = SpecFaults(nil)

    /// The outermost fields with errors; `nil` if every field may be wrong.
    private let fields: Set<String>?
    /// True if a field is unknown: it may be any of those that are absent.
    private let hasUnknownField: Bool

    /// Makes the faults of some errors; `nil` if not all of them are known.
    init(_ errors: [Diagnostic]?) {
        let paths = errors?.map { $0.field ?? "" }
        let isEverywhere = paths?.contains("") ?? true
        fields = isEverywhere ? nil : Set((paths ?? []).map { String($0.prefix { $0 != "." && $0 != "[" }) })
        hasUnknownField = errors?.contains { $0.code == .unknownField } ?? true
    }

    /// Returns true if a field certainly has the meaning that was read.
    func spare(_ field: String, isPresent: Bool) -> Bool {
        guard let fields, !fields.contains(field) else { return false }
        return isPresent || !hasUnknownField
    }
}

/// The fields that every kind of spec has.
public struct SpecHeader: Hashable, Sendable {
    /// A slug, unique within tenant and kind; a spec without it cannot be stored.
    public internal(set) var name = ""
    /// True if the row refuses deletion; kept in the row, so that it survives the file.
    public internal(set) var protect = false
    /// The former name of the spec, if this is a rename.
    public internal(set) var renamedFrom: String?

    /// Makes a header.
    public init(name: String, protect: Bool = false) {
        (self.name, self.protect) = (name, protect)
    }

    init() {}
}

extension SpecHeader: SpecMapping {
    static let fields: [Field] = [
        Field("name", \.name, .slug).required()
            .says(
                "The name, unique within tenant and kind. It never changes; to rename the spec, see `renamedFrom`.",
                examples: "welcome-offer"
            ),
        Field("protect", \.protect, .bool)
            .says("Whether the row refuses deletion, even after this file was removed.", examples: true),
        // A rename is an instruction, not a state.
        Field("renamedFrom", \.renamedFrom, .slug).unstored
            .says(
                "The former name. Identity, history and runs follow the rename. Remove the field once the rename is applied.",
                examples: "welcome-offer-2025"
            ),
    ]

    /// The part of the header that rows hold.
    var canonicalFields: JSONObject {
        // Capacity for the fields of every kind avoids growing the object.
        var fields = JSONObject(minimumCapacity: 12)
        write(to: &fields)
        return fields
    }
}
