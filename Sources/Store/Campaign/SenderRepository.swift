public import Foundation
public import Postgres

/// A sender of a tenant without its access token.
public struct SenderRecord: Hashable, Sendable {
    public let id: UUID
    public let name: String
    public let phoneNumberID: String
    /// The quota group as rows and Redis name it.
    public let quotaGroup: String
    /// The quota group as the specs of the tenant name it.
    public let quotaName: String
    public let ratePerSecond: Int
    /// The lower one of its own limit and WhatsApp's for the account; `nil` for no limit.
    public let dailyLimit: Int?
    public let resumesByItself: Bool
}

/// The senders of a tenant.
public struct SenderRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns all senders that are not archived, by name.
    public func all(tenant: String) async throws -> [SenderRecord] {
        let rows = try await pool.query(
            """
            SELECT s.id, s.name, s."phoneNumberId", s."quotaGroup", s."ratePerSecond",
                \(fragment: QuotaRepository.limit) AS "dailyLimit", s."onQuotaExhausted"
            FROM senders s WHERE s."tenantId" = \(tenant) AND s."archivedAt" IS NULL ORDER BY s.name
            """
        )
        return try rows.map { row in
            SenderRecord(
                id: try row.decode("id"),
                name: try row.decode("name"),
                phoneNumberID: try row.decode("phoneNumberId"),
                quotaGroup: try row.decode("quotaGroup"),
                quotaName: QuotaGroup.name(of: try row.decode("quotaGroup"), tenant: tenant),
                ratePerSecond: try row.decode("ratePerSecond"),
                dailyLimit: try row.decode("dailyLimit"),
                resumesByItself: try row.decode("onQuotaExhausted", as: String.self) == "wait"
            )
        }
    }

    /// Returns the references of the access tokens of all senders, by tenant and name.
    public func tokenReferences() async throws -> [(tenant: String, sender: String, reference: String)] {
        let rows = try await pool.query(
            """
            SELECT "tenantId", name, "accessToken" FROM senders WHERE "archivedAt" IS NULL ORDER BY "tenantId", name
            """
        )
        return try rows.map { (try $0.decode(0), try $0.decode(1), try $0.decode(2)) }
    }
}
