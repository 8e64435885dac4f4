import Foundation
import Postgres

/// The tokens that a run sets aside, changed within the transaction that changes the run.
///
/// Locks are taken in one order everywhere: messages, runs, holds, the wallet.
enum WalletHold {
    /// A locked wallet with enough tokens for a run.
    struct Grant: Sendable {
        let tenant: String
        let price: Int
        let amount: Int
    }

    /// The tokens that a tenant can still spend on its standing runs.
    struct Budget: Sendable {
        private(set) var available: Int
        /// The price of a message of each run, at least 1; a run that is missing here costs nothing.
        let prices: [UUID: Int]

        /// Returns the number of messages that the budget still covers; `nil` if the run is not billed.
        func messages(of run: UUID) -> Int? { prices[run].map { max(available, 0) / $0 } }

        /// Subtracts the cost of messages from the budget.
        ///
        /// - Returns: The cost.
        mutating func spend(_ messages: Int, on run: UUID) -> Int {
            let tokens = messages * (prices[run] ?? 0)
            available -= tokens
            return tokens
        }
    }

    /// The tokens that are missing for a run.
    struct Shortage: Sendable {
        let needed: Int
        let available: Int
    }

    /// Makes sure that a run can be paid, before anything of it is written.
    ///
    /// - Parameters:
    ///   - messages: The expected number of messages.
    ///   - campaign: The campaign of the run.
    ///   - connection: The connection of the transaction; the wallet stays locked until its end.
    /// - Returns: The grant for ``open(_:run:on:)``; `nil` when the tenant has no wallet.
    /// - Throws: ``LaunchError/insufficientBalance(campaign:needed:available:)``.
    static func ask(
        for messages: Int,
        campaign: LaunchCandidate,
        on connection: PostgresConnection
    ) async throws -> Grant? {
        let rows = try await connection.query(
            """
            SELECT available, "pricePerMessage" FROM wallets WHERE "tenantId" = \(campaign.tenantID) FOR NO KEY UPDATE
            """
        )
        guard let row = rows.first else { return nil }
        let available = try row.decode(0, as: Int.self)
        let price = try row.decode(1, as: Int.self)
        let needed = messages * price
        guard needed <= max(0, available) else {
            throw LaunchError.insufficientBalance(campaign: campaign.name, needed: needed, available: available)
        }
        return Grant(tenant: campaign.tenantID, price: price, amount: needed)
    }

    /// Sets tokens aside for a run that was just written.
    static func open(_ grant: Grant, run: UUID, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            INSERT INTO wallet_holds ("runId", "tenantId", price, amount)
            VALUES (\(run), \(grant.tenant), \(grant.price), 0)
            """
        )
        try await change(run, by: grant.amount, on: connection)
    }

    /// Holds exactly what the messages of a run cost, once all of them are written.
    ///
    /// - Returns: The shortage, which leaves the hold unchanged; `nil` if all is covered, or the run is not billed.
    /// - Throws: `PostgresError`.
    static func settle(_ run: UUID, on connection: PostgresConnection) async throws -> Shortage? {
        let rows = try await connection.query(
            """
            SELECT r."recipientCount" * h.price, h.amount, w.available
            FROM wallet_holds h
            JOIN campaign_runs r ON \(key: "r.id", of: #"h."runId""#)
            JOIN wallets w ON \(key: #"w."tenantId""#, of: #"h."tenantId""#)
            WHERE h."runId" = \(run) AND h."closedAt" IS NULL AND NOT r."isTriggered"
            FOR NO KEY UPDATE OF h, w
            """
        )
        guard let row = rows.first else { return nil }
        let difference = try row.decode(0, as: Int.self) - row.decode(1, as: Int.self)
        let available = try row.decode(2, as: Int.self)
        guard difference <= max(0, available) else { return Shortage(needed: difference, available: available) }
        try await change(run, by: difference, on: connection)
        return nil
    }

    /// Returns the tokens that a tenant can spend on standing runs.
    ///
    /// The wallet stays locked, so the budget is valid until the end of the transaction. It is locked once, after all holds:
    /// a statement that locks a row again, for its next hold, does so by the version of its snapshot, and may wait there for
    /// a transaction that waits for the lock it has already.
    static func budget(of runs: [UUID], on connection: isolated PostgresConnection) async throws -> Budget {
        let rows = try await connection.query(
            """
            WITH holds AS MATERIALIZED (
                SELECT h."runId", h."tenantId", h.price FROM wallet_holds h
                WHERE h."runId" = ANY(\(runs)::uuid[]) AND h."closedAt" IS NULL
                ORDER BY h."runId" FOR NO KEY UPDATE
            ), locked AS MATERIALIZED (
                SELECT w."tenantId", w.available FROM wallets w
                WHERE w."tenantId" = ANY(ARRAY(SELECT DISTINCT "tenantId" FROM holds))
                ORDER BY w."tenantId" FOR NO KEY UPDATE
            )
            SELECT l.available, h."runId", h.price FROM holds h JOIN locked l ON l."tenantId" = h."tenantId"
            ORDER BY h."runId"
            """
        )
        var prices: [UUID: Int] = [:]
        for row in rows { prices[try row.decode(1)] = try row.decode(2, as: Int.self) }
        return Budget(available: try rows.first?.decode(0) ?? 0, prices: prices)
    }

    /// Holds the cost of messages that are added to a standing run.
    static func extend(_ run: UUID, by tokens: Int, on connection: isolated PostgresConnection) async throws {
        guard tokens != 0 else { return }
        try await connection.enqueue(changing(run, by: tokens))
    }

    private static func change(_ run: UUID, by tokens: Int, on connection: PostgresConnection) async throws {
        guard tokens != 0 else { return }
        try await connection.execute(changing(run, by: tokens))
    }

    private static func changing(_ run: UUID, by tokens: Int) -> PostgresQuery {
        """
        WITH hold AS (
            UPDATE wallet_holds SET amount = amount + \(tokens) WHERE "runId" = \(run) RETURNING "tenantId"
        ), wallet AS (
            UPDATE wallets w SET available = available - \(tokens), "updatedAt" = now()
            FROM hold WHERE w."tenantId" = hold."tenantId"
        )
        INSERT INTO wallet_entries ("tenantId", kind, amount, held, "runId")
        SELECT "tenantId", \(tokens > 0 ? "hold" : "release"), 0, \(tokens), \(run) FROM hold
        """
    }
}
