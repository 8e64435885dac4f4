/// A named filter that campaigns share.
public struct AudienceSpec: SpecContent {
    public static let kind = SpecKind.audience

    public let header: SpecHeader
    public let filter: AudienceFilter

    /// Makes an audience.
    public init(header: SpecHeader, filter: AudienceFilter) {
        (self.header, self.filter) = (header, filter)
    }

    /// The header, with the filter's group beside it.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        // A spec has the conditions of one group at its top.
        let group: AudienceFilter = if case .group = filter { filter } else { .group(.and, [filter]) }
        for (key, value) in group.json.fields ?? [:] { fields[key] = value }
        return .object(fields)
    }
}

extension AudienceSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let filter = FilterReader(sink: reader.sink).group(&reader)
        guard let header, let filter else { return nil }
        self.init(header: header, filter: filter)
    }
}
