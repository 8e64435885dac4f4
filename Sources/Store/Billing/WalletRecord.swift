public import Foundation
public import Postgres

/// The prepaid tokens of a tenant, in whole tokens.
public struct WalletRecord: Hashable, Sendable {
    public let tenantID: String
    /// Tokens that no run holds and that a launch may take.
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

    /// All tokens that are not spent: available and held ones.
    public var balance: Int { available + held }

    /// Wallets in one snapshot, each with the tokens that its open runs hold; a condition on `w` has to follow.
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

/// One line of the ledger of a wallet, which only grows.
public struct WalletEntry: Hashable, Sendable {
    public enum Kind: String, PostgresScalar, CaseIterable, Sendable {
        /// Tokens came in.
        case topUp
        /// A run set tokens aside.
        case hold
        /// A run gave tokens back.
        case release
        /// Messages were accepted; one entry covers all messages of a run that were recorded together.
        case debit
        /// Messages that were accepted failed later.
        case refund
    }

    /// Its place in the ledger.
    public let id: Int
    public let kind: Kind
    /// The change of the balance.
    ///
    /// The sum over all entries is the balance.
    public let amount: Int
    /// The change of the held tokens.
    ///
    /// The sum over all entries is the number of held tokens.
    public let held: Int
    public let runID: UUID?
    /// The payer's own name for a top-up.
    public let reference: String?
    public let createdAt: Date

    static let columns: PostgresQuery = """
        e.id, e.kind, e.amount, e.held, e."runId", e.reference, e."createdAt"
        """

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        kind = try row.decode("kind")
        amount = try row.decode("amount")
        held = try row.decode("held")
        runID = try row.decode("runId")
        reference = try row.decode("reference")
        createdAt = try row.decode("createdAt")
    }
}
