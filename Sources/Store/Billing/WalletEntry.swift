public import Foundation
public import Postgres

/// One line of the ledger of a wallet, which only grows.
public struct WalletEntry: Hashable, Sendable {
    public enum Kind: String, PostgresScalar, CaseIterable, Sendable {
        /// Tokens came in.
        case topUp
        /// A run set tokens aside.
        case hold
        /// A run gave tokens back.
        case release
        /// Messages were accepted; one entry stands for all messages of a run that were recorded together.
        case debit
        /// Messages that were accepted failed later.
        case refund
    }

    /// Its place in the ledger.
    public let id: Int
    public let kind: Kind
    /// How the balance changed.
    ///
    /// The sum over all entries is the balance.
    public let amount: Int
    /// How much more is held, or less.
    ///
    /// The sum over all entries is what is held.
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
