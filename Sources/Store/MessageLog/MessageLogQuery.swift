public import Foundation
import Postgres

/// Which messages of a campaign a log shows; what is `nil` does not matter.
public struct MessageLogQuery: Sendable {
    public let campaign: UUID
    public let tenant: String
    public var run: UUID?
    public var status: MessageStatus?
    /// Only messages that failed with this code.
    public var errorCode: String?
    /// The phone number or the id of a contact.
    public var contact: String?

    public init(campaign: UUID, tenant: String) {
        self.campaign = campaign
        self.tenant = tenant
    }

    /// Whether all messages are shown.
    var isWhole: Bool { status == nil && errorCode == nil && contact == nil }

    /// The runs that are looked at, as `r`.
    var runs: PostgresQuery {
        let own: PostgresQuery = "r.\"campaignId\" = \(campaign) AND r.\"tenantId\" = \(tenant)"
        guard let run else { return own }
        return "\(fragment: own) AND r.id = \(run)"
    }

    /// A condition on messages of these runs, as `m`.
    var condition: PostgresQuery {
        var parts: [PostgresQuery] = ["m.\"tenantId\" = \(tenant)"]
        if let status { parts.append("m.status = \(status.rawValue)::campaign_message_status_enum") }
        if let errorCode { parts.append("m.\"failedAt\" IS NOT NULL AND m.\"errorCode\" = \(errorCode)") }
        return .joined(parts, separator: " AND ")
    }
}
