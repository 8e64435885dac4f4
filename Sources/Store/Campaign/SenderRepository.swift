public import Foundation
public import Postgres

/// A sender of a tenant without its access token.
public struct SenderRecord: Hashable, Sendable {
    public let id: UUID
    public let name: String
    public let phoneNumberID: String
    public let quotaGroup: String
    public let ratePerSecond: Int
    public let dailyLimit: Int?
    public let resumesByItself: Bool
}

/// The senders of a tenant.
public struct SenderRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// All senders that are not archived, by name.
    public func all(tenant: String) async throws -> [SenderRecord] {
        let rows = try await pool.query(
            """
            SELECT id, name, "phoneNumberId", "quotaGroup", "ratePerSecond", "dailyLimit", "onQuotaExhausted"
            FROM senders WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL ORDER BY name
            """
        )
        return try rows.map { row in
            SenderRecord(
                id: try row.decode("id"),
                name: try row.decode("name"),
                phoneNumberID: try row.decode("phoneNumberId"),
                quotaGroup: try row.decode("quotaGroup"),
                ratePerSecond: try row.decode("ratePerSecond"),
                dailyLimit: try row.decode("dailyLimit"),
                resumesByItself: try row.decode("onQuotaExhausted", as: String.self) == "wait"
            )
        }
    }
}
