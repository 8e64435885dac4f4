public import JSON

/// A named filter that campaigns share.
public struct AudienceSpec: SpecContent {
    public static let kind = SpecKind.audience

    public let header: SpecHeader
    public let filter: AudienceFilter
    /// The filter as rows have it; made once, for all campaigns that share it.
    let filterJSON: JSONValue

    /// Makes an audience.
    public init(header: SpecHeader, filter: AudienceFilter) {
        (self.header, self.filter, filterJSON) = (header, filter, filter.json)
    }

    /// The header, with the filter's group beside it.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        // A spec has the conditions of one group at its top.
        let group: JSONValue
        if case .group = filter { group = filterJSON } else { group = AudienceFilter.group(.and, [filter]).json }
        for (key, value) in group.fields ?? [:] { fields[key] = value }
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
