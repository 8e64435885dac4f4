import Postgres
public import Spec

/// Which campaigns a list shows; what is `nil` does not matter.
public struct CampaignQuery: Sendable {
    public var status: CampaignStatus?
    public var type: CampaignType?
    public var sourceModule: String?
    public var sourceReferenceID: String?
    /// A part of the name or the title, in any case.
    public var text: String?

    public init() {}

    /// A condition on `campaigns AS c`.
    func condition(tenant: String) -> PostgresQuery {
        var parts: [PostgresQuery] = ["c.\"tenantId\" = \(tenant) AND c.\"archivedAt\" IS NULL"]
        if let status { parts.append("c.status = \(status.rawValue)::campaign_status_enum") }
        if let type { parts.append("c.type = \(type.rawValue)::campaign_type_enum") }
        if let sourceModule { parts.append("c.\"sourceModule\" = \(sourceModule)") }
        if let sourceReferenceID { parts.append("c.\"sourceReferenceId\" = \(sourceReferenceID)") }
        if let text {
            let literal = text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
            let pattern = "%\(literal)%"
            parts.append("(c.name ILIKE \(pattern) OR c.title ILIKE \(pattern))")
        }
        return .joined(parts, separator: " AND ")
    }
}
