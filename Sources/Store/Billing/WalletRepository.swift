import Foundation
public import Postgres

/// The reason why a wallet was not changed.
public enum WalletError: Error, Hashable, CustomStringConvertible {
    case unknown(tenant: String)
    /// The name of a top-up was used for another amount before.
    case referenceReused(reference: String, tokens: Int)

    public var description: String {
        switch self {
        case .unknown(let tenant):
            "tenant `\(tenant)` has no wallet and is not billed; its first top-up makes one: campaignd wallet top-up"
        case .referenceReused(let reference, let tokens):
            "the reference `\(reference)` stands for a top-up of \(tokens) tokens already; give this one another reference"
        }
    }
}

/// The wallets of tenants, and their ledgers.
///
/// A tenant is billed as soon as it has a wallet. Runs that are already under way are not billed, only later ones. The
/// next event replaces the standing runs of its triggers.
///
/// A token is available, held by a run, or spent. `wallets.available` counts available tokens. `wallet_holds` counts
/// held tokens, as `amount - used` of the open holds. The balance is the sum of both. Launches, ends of runs and
/// top-ups change the wallet's row. A send does not: it raises `used` of its run's hold, in the statement that counts
/// the message as sent (the trigger `campaign_run_billed`), so lanes never wait for each other because of the wallet.
///
/// Each change writes an entry. In every snapshot the sum of all `amount` is exactly the balance, and the sum of all
/// `held` is exactly the number of held tokens. ``audit(tenant:)`` checks this, and compares both with the messages.
public struct WalletRepository: Sendable {
    /// The most tokens that one top-up may bring.
    public static let largestTopUp = 1_000_000_000_000
    /// Allowed prices of a message.
    public static let prices = 1...1_000_000

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the wallet of a tenant; `nil` when it is not billed.
    public func find(tenant: String) async throws(PostgresError) -> WalletRecord? {
        let rows = try await pool.query("\(fragment: WalletRecord.selection) WHERE w.\"tenantId\" = \(tenant)")
        guard let row = rows.first else { return nil }
        return try WalletRecord(row: row)
    }

    /// Adds tokens, and makes the wallet if the tenant has none.
    ///
    /// Safe to repeat: tokens come in once for each reference.
    ///
    /// - Parameters:
    ///   - tokens: The number of tokens, from 1 to ``largestTopUp``.
    ///   - tenant: The owner of the wallet.
    ///   - reference: The idempotency key: the payer's own name for the top-up, such as the number of an invoice; up to
    ///     255 characters.
    /// - Returns: The wallet, and whether the tokens came in now.
    /// - Throws: ``WalletError/referenceReused(reference:tokens:)`` if the reference was used for another amount.
    public func topUp(
        _ tokens: Int,
        tenant: String,
        reference: String
    ) async throws -> (wallet: WalletRecord, isNew: Bool) {
        try await pool.transaction { connection in
            let known = try await connection.query("SELECT 1 FROM wallets WHERE \"tenantId\" = \(tenant)")
            if known.isEmpty {
                try await Self.supersedeStandingRuns(of: tenant, ifCostingOtherThan: 1, on: connection)
            }
            try await Self.make(tenant, on: connection)
            let former = try await connection.query(
                "SELECT amount FROM wallet_entries WHERE \"tenantId\" = \(tenant) AND reference = \(reference)"
            )
            if let amount = try former.first?.decode(0, as: Int.self), amount != tokens {
                throw WalletError.referenceReused(reference: reference, tokens: amount)
            }
            if former.isEmpty {
                try await connection.execute(
                    """
                    INSERT INTO wallet_entries ("tenantId", kind, amount, held, reference)
                    VALUES (\(tenant), 'topUp', \(tokens), 0, \(reference))
                    """
                )
                try await connection.execute(
                    """
                    UPDATE wallets SET available = available + \(tokens), "updatedAt" = now()
                    WHERE "tenantId" = \(tenant)
                    """
                )
            }
            return (try await Self.locked(tenant, on: connection), former.isEmpty)
        }
    }

    /// Sets the price of a successful send from the next run on, and makes the wallet if the tenant has none.
    ///
    /// A run keeps the price that it began with. The standing runs of triggers never end by themselves, so the next
    /// event replaces them with new ones.
    ///
    /// - Parameters:
    ///   - price: Tokens for a message, within ``prices``.
    ///   - tenant: The owner of the wallet.
    /// - Returns: The wallet.
    /// - Throws: `PostgresError`.
    public func setPrice(_ price: Int, tenant: String) async throws -> WalletRecord {
        try await pool.transaction { connection in
            // Runs are locked before wallets, everywhere.
            try await Self.supersedeStandingRuns(of: tenant, ifCostingOtherThan: price, on: connection)
            try await Self.make(tenant, on: connection)
            try await connection.execute(
                """
                UPDATE wallets SET "pricePerMessage" = \(price), "updatedAt" = now() WHERE "tenantId" = \(tenant)
                """
            )
            return try await Self.locked(tenant, on: connection)
        }
    }

    /// Returns a page of the ledger, newest entry first, and how many entries there are in all.
    ///
    /// Entries are counted when they are written, so the total of a long ledger costs as much as a sum over its runs.
    /// The entries before the page are skipped within the index.
    public func entries(
        tenant: String,
        page: Int,
        limit: Int
    ) async throws -> (entries: [WalletEntry], total: Int) {
        try await pool.withConnection { connection in
            let counted = try await connection.query(
                """
                SELECT (SELECT coalesce(sum(entries), 0)::bigint FROM wallet_holds WHERE "tenantId" = \(tenant))
                    + (SELECT count(*) FROM wallet_entries WHERE "tenantId" = \(tenant) AND reference IS NOT NULL)
                """,
                deadline: .seconds(60)
            )
            let total = try counted[0].decode(0, as: Int.self)
            let offset = (page - 1) * limit
            guard offset < total else { return ([], total) }
            let rows = try await connection.query(
                """
                SELECT \(fragment: WalletEntry.columns)
                FROM (
                    SELECT id FROM wallet_entries WHERE "tenantId" = \(tenant)
                    ORDER BY id DESC LIMIT \(limit) OFFSET \(offset)
                ) p
                JOIN wallet_entries e ON e.id = p.id
                ORDER BY e.id DESC
                """,
                deadline: .seconds(60)
            )
            return (try rows.map(WalletEntry.init(row:)), total)
        }
    }

    /// Makes sure that the tenant has a wallet, and locks it.
    private static func make(_ tenant: String, on connection: PostgresConnection) async throws {
        let made = try await connection.execute(
            "INSERT INTO wallets (\"tenantId\") VALUES (\(tenant)) ON CONFLICT DO NOTHING"
        )
        if made > 0 { return }
        try await connection.execute("SELECT 1 FROM wallets WHERE \"tenantId\" = \(tenant) FOR NO KEY UPDATE")
    }

    private static func locked(_ tenant: String, on connection: PostgresConnection) async throws -> WalletRecord {
        let rows = try await connection.query("\(fragment: WalletRecord.selection) WHERE w.\"tenantId\" = \(tenant)")
        return try WalletRecord(row: rows[0])
    }

    /// Supersedes standing runs with another price: the next event opens a new run.
    private static func supersedeStandingRuns(
        of tenant: String,
        ifCostingOtherThan price: Int,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            UPDATE campaign_runs SET "supersededAt" = now() WHERE id IN (
                SELECT r.id FROM campaign_runs r LEFT JOIN wallet_holds h ON h."runId" = r.id
                WHERE r."tenantId" = \(tenant) AND r."isTriggered" AND r."supersededAt" IS NULL
                    AND r.status IN \(anyOf: RunStatus.launched) AND h.price IS DISTINCT FROM \(price)
                ORDER BY r.id FOR NO KEY UPDATE OF r
            )
            """
        )
    }
}
