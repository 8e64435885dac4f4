public import Foundation
import Postgres

/// The prepaid tokens of a tenant, in whole tokens.
public struct WalletRecord: Hashable, Sendable {
    public let tenantID: String
    /// Tokens that no run holds; what a launch may take.
    ///
    /// Negative only when a message was settled after its run had given its tokens back.
    public let available: Int
    /// Tokens that open runs hold and have not spent.
    public let held: Int
    /// Tokens for one successful send; from 1 to 1,000,000.
    ///
    /// A run keeps the price that it began with.
    public let pricePerMessage: Int
    public let createdAt: Date

    /// All tokens that are not spent: what is available, and what is held.
    public var balance: Int { available + held }

    /// Wallets in one snapshot, each with what its open runs hold; to be continued with a condition on `w`.
    static let selection: PostgresQuery = """
        SELECT w."tenantId", w.available, w."pricePerMessage", w."createdAt", (
            SELECT coalesce(sum(h.amount - h.used), 0)::bigint FROM wallet_holds h
            WHERE h."tenantId" = w."tenantId" AND h."closedAt" IS NULL
        ) AS held
        FROM wallets w
        """

    init(row: PostgresRow) throws(PostgresError) {
        tenantID = try row.decode("tenantId")
        available = try row.decode("available")
        held = try row.decode("held")
        pricePerMessage = try row.decode("pricePerMessage")
        createdAt = try row.decode("createdAt")
    }
}
