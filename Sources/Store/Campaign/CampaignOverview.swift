public import Foundation
import Postgres

/// A campaign with its latest run and its next start, as lists show it.
public struct CampaignOverview: Sendable {
    public let campaign: CampaignRecord
    /// The latest run; `nil` if it was never launched.
    public let run: CampaignRunRecord?
    /// The next start, by a schedule or at a time of its own; `nil` if none is due.
    public let nextStartAt: Date?
}

extension CampaignRepository {
    /// Returns the campaigns that are not archived, by tenant and name, each with its latest run and next start.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the campaigns; `nil` means all tenants.
    ///   - status: Only campaigns in this state; `nil` means all.
    ///   - limit: The maximum number of campaigns.
    /// - Returns: The campaigns.
    /// - Throws: `PostgresError`.
    public func overview(
        tenant: String?,
        status: CampaignStatus? = nil,
        limit: Int
    ) async throws -> [CampaignOverview] {
        var condition: PostgresQuery = "c.\"archivedAt\" IS NULL"
        if let tenant { condition = "\(fragment: condition) AND c.\"tenantId\" = \(tenant)" }
        if let status {
            condition = "\(fragment: condition) AND c.status = \(status.rawValue)::campaign_status_enum"
        }
        return try await pool.withConnection { connection in
            let rows = try await connection.query(
                """
                SELECT q.*, l.run, n.next
                FROM (
                    \(fragment: CampaignRecord.selection) WHERE \(fragment: condition)
                    ORDER BY c."tenantId", c.name, c.id LIMIT \(limit)
                ) q
                LEFT JOIN LATERAL (
                    SELECT r.id FROM campaign_runs r WHERE r."campaignId" = q.id ORDER BY r."createdAt" DESC LIMIT 1
                ) l(run) ON true
                CROSS JOIN LATERAL (
                    SELECT least(min(s."nextRunAt"), CASE WHEN q.status = \(campaign: .scheduled) THEN q."scheduledAt" END)
                    FROM campaign_schedules s
                    WHERE s."campaignId" = q.id AND s."isActive" AND s."archivedAt" IS NULL
                ) n(next)
                ORDER BY q."tenantId", q.name, q.id
                """
            )
            let ids = try rows.compactMap { try $0.decode("run", as: UUID?.self) }
            let runs = try await connection.query(
                "\(fragment: CampaignRunRecord.selection) WHERE x.id = ANY(\(ids)::uuid[])"
            )
            .map(CampaignRunRecord.init(row:))
            let byID = Dictionary(runs.map { ($0.run.id, $0) }) { first, _ in first }
            return try rows.map { row in
                CampaignOverview(
                    campaign: try CampaignRecord(row: row),
                    run: try row.decode("run", as: UUID?.self).flatMap { byID[$0] },
                    nextStartAt: try row.decode("next")
                )
            }
        }
    }

    /// Returns all tenants with campaigns, senders or a spec, sorted; commands suggest them.
    public func tenants() async throws -> [String] {
        let rows = try await pool.query(
            """
            SELECT "tenantId" FROM tenants WHERE "archivedAt" IS NULL
            UNION SELECT "tenantId" FROM senders WHERE "archivedAt" IS NULL
            UNION SELECT "tenantId" FROM campaigns WHERE "archivedAt" IS NULL
            ORDER BY 1
            """
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }
}
