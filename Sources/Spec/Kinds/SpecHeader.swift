import JSON

/// What every kind of spec has in common.
public struct SpecHeader: Hashable, Sendable {
    /// A slug, unique within tenant and kind.
    public let name: String
    /// Whether the row refuses deletion; kept in the row, so that it survives the file.
    public let protect: Bool
    /// The name that the spec had before, if this is a rename.
    public let renamedFrom: String?

    /// Makes a header.
    public init(name: String, protect: Bool = false, renamedFrom: String? = nil) {
        (self.name, self.protect, self.renamedFrom) = (name, protect, renamedFrom)
    }

    /// Reads the header; without a valid name there is nothing that the rest could belong to.
    init?(_ reader: inout FieldReader) {
        reader.require("name")
        let name = reader.slug("name")
        let protect = reader.bool("protect")
        let renamedFrom = reader.slug("renamedFrom")
        guard let name else { return nil }
        self.init(name: name.value, protect: protect ?? false, renamedFrom: renamedFrom?.value)
    }

    /// The part of the header that rows hold; a rename is an instruction, not a state.
    var canonicalFields: JSONObject {
        // Room for the fields of every kind, so that it need not grow with each of them.
        var fields = JSONObject(minimumCapacity: 12)
        fields["name"] = .string(name)
        fields["protect"] = .bool(protect)
        return fields
    }
}
