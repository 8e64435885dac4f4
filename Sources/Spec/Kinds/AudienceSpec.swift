public import JSON

/// A named filter that campaigns share.
public struct AudienceSpec: SpecContent {
    public static let kind = SpecKind.audience

    static let meaning = "A named filter over contacts, which campaigns share."

    static let example = """
        kind: Audience
        name: unpaid-vips
        logic: AND
        conditions:
          - { field: paymentStatus, operator: eq, value: unpaid }
          - { field: tags, operator: contains_any, value: [vip, gold] }
        """

    static var schema: SchemaObject { SchemaObject(AudienceFilter.groupFields) }

    static var schemaDefinitions: [String: SchemaValue] { ["Filter": AudienceFilter.schema] }

    public internal(set) var header: SpecHeader
    public let filter: AudienceFilter
    /// The filter as rows hold it; made once for all campaigns that share it.
    let filterJSON: JSONValue

    /// Makes an audience.
    public init(header: SpecHeader, filter: AudienceFilter) {
        (self.header, self.filter, filterJSON) = (header, filter, filter.json)
    }

    /// The header and the fields of the filter's group.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        // The top level of a spec is one group.
        let group: JSONValue
        if case .group = filter { group = filterJSON } else { group = AudienceFilter.group(.and, [filter]).json }
        for (key, value) in group.fields ?? [:] { fields[key] = value }
        return .object(fields)
    }
}

extension AudienceSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(reading: &reader)
        let filter = FilterReader(sink: reader.sink).group(&reader)
        guard let header, let filter else { return nil }
        self.init(header: header, filter: filter)
    }
}
