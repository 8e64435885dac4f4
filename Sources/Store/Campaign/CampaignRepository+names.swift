import Postgres

extension CampaignRepository {
    /// The names of the tenant's campaigns that are not archived, sorted; commands suggest them.
    public func names(tenant: String) async throws -> [String] {
        let rows = try await pool.query(
            """
            SELECT DISTINCT name FROM campaigns WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL ORDER BY name
            """
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }
}
