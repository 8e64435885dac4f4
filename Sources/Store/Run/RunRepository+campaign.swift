public import Foundation
import Postgres

extension RunRepository {
    /// A page of the runs of a campaign, newest first, and how many there are in all.
    public func runs(
        ofCampaign id: UUID,
        tenant: String,
        page: Int,
        limit: Int
    ) async throws -> (runs: [CampaignRunRecord], total: Int) {
        try await pool.withConnection { connection in
            let total = try await connection.query(
                "SELECT count(*) FROM campaign_runs WHERE \"campaignId\" = \(id) AND \"tenantId\" = \(tenant)"
            )
            let rows = try await connection.query(
                """
                \(fragment: CampaignRunRecord.selection)
                WHERE x."campaignId" = \(id) AND x."tenantId" = \(tenant)
                ORDER BY x."createdAt" DESC, x.id DESC LIMIT \(limit) OFFSET \((page - 1) * limit)
                """
            )
            return (try rows.map(CampaignRunRecord.init(row:)), try total[0].decode(0))
        }
    }

    /// One run of a tenant; `nil` when there is none by that id.
    public func campaignRun(_ id: UUID, tenant: String) async throws -> CampaignRunRecord? {
        let rows = try await pool.query(
            "\(fragment: CampaignRunRecord.selection) WHERE x.id = \(id) AND x.\"tenantId\" = \(tenant)"
        )
        return try rows.first.map(CampaignRunRecord.init(row:))
    }

    /// The run of a campaign that is launching, running or paused; `nil` when there is none.
    public func openRun(ofCampaign id: UUID, tenant: String) async throws -> CampaignRunRecord? {
        let rows = try await pool.query(
            """
            \(fragment: CampaignRunRecord.selection)
            WHERE x."campaignId" = \(id) AND x."tenantId" = \(tenant)
                AND x.status IN ('launching', 'running', 'paused')
            """
        )
        return try rows.first.map(CampaignRunRecord.init(row:))
    }
}
