public import JSON

/// Which contacts of a tenant an audience holds.
///
/// Opted-out and deactivated contacts are never part of it, whatever the filter says; whoever translates the filter
/// adds that.
public indirect enum AudienceFilter: Hashable, Sendable {
    /// How the conditions of a group are joined.
    public enum Logic: String, Hashable, Sendable, CaseIterable {
        case and = "AND"
        case or = "OR"
    }

    /// All or any of some conditions; an empty group is everybody, with either logic.
    case group(Logic, [AudienceFilter])
    case not(AudienceFilter)
    case condition(FilterCondition)

    /// The whole tenant.
    public static let everybody = AudienceFilter.group(.and, [])

    /// The filter as the API and the rows have it.
    public var json: JSONValue {
        switch self {
        case .group(let logic, let members):
            ["logic": .string(logic.rawValue), "conditions": .array(members.map(\.json))]
        case .not(let filter): ["not": filter.json]
        case .condition(let condition): condition.json
        }
    }

    /// Reads a filter from a request or a row.
    ///
    /// - Throws: ``SpecError`` whose diagnostics name the fields, such as `conditions[0].value`.
    public init(json: JSONValue) throws(SpecError) {
        let sink = DiagnosticSink(file: "")
        let node = json.node
        sink.checkCharacters(node)
        let filter = FilterReader(sink: sink).filter(node, path: "")
        let errors = sink.diagnostics.filter { $0.severity == .error }
        guard let filter, errors.isEmpty else { throw SpecError(diagnostics: errors) }
        self = filter
    }
}
