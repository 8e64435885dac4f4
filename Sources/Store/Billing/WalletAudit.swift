import Postgres

/// The result of an audit of a wallet: each number as it is stored and as it is recounted.
public struct WalletAudit: Hashable, Sendable {
    /// The stored balance, and the sum of the entries.
    public let balance: Int
    public let entryBalance: Int
    public let held: Int
    public let entryHeld: Int
    /// Spent tokens by the holds of runs, by the entries, and by accepted messages.
    public let used: Int
    public let entryUsed: Int
    public let messageUsed: Int
    /// Runs whose hold does not equal their entries, or their messages.
    public let wrongRuns: Int
    /// Running runs with messages to send that their hold does not cover.
    public let uncoveredRuns: Int

    /// The numbers that do not agree; empty if all do.
    public var findings: [String] {
        var findings: [String] = []
        if balance != entryBalance {
            findings.append("the balance is \(balance), and the entries add up to \(entryBalance)")
        }
        if held != entryHeld { findings.append("\(held) tokens are held, and the entries add up to \(entryHeld)") }
        if used != entryUsed { findings.append("\(used) tokens are spent, and the entries add up to \(entryUsed)") }
        if used != messageUsed { findings.append("\(used) tokens are spent, and the messages cost \(messageUsed)") }
        if wrongRuns > 0 { findings.append("\(wrongRuns) runs do not equal their entries or their messages") }
        if uncoveredRuns > 0 { findings.append("\(uncoveredRuns) runs have messages that are not paid for") }
        return findings
    }

    init(row: PostgresRow) throws(PostgresError) {
        balance = try row.decode("balance")
        entryBalance = try row.decode("entryBalance")
        held = try row.decode("held")
        entryHeld = try row.decode("entryHeld")
        used = try row.decode("used")
        entryUsed = try row.decode("entryUsed")
        messageUsed = try row.decode("messageUsed")
        wrongRuns = try row.decode("wrongRuns")
        uncoveredRuns = try row.decode("uncoveredRuns")
    }
}

extension WalletRepository {
    /// Recounts a wallet from its entries and from the messages of its runs, in one snapshot.
    ///
    /// Messages that retention has deleted are in its counts of them. It reads every message of every billed run, so do not run it every minute.
    ///
    /// - Parameter tenant: The owner of the wallet.
    /// - Returns: The result; `nil` when the tenant has no wallet.
    /// - Throws: `PostgresError`.
    public func audit(tenant: String) async throws -> WalletAudit? {
        let rows = try await pool.query(
            """
            WITH run AS MATERIALIZED (
                SELECT h."runId", h.price, h.amount, h.used, h.entries, e.lines, h."closedAt" IS NULL AS "isOpen", r.status,
                    m.accepted + \(fragment: DeletedMessages.count(of: "r.id", MessageStatus.accepted)) AS accepted, m.rest,
                    e.spent, e.held
                FROM wallet_holds h
                JOIN campaign_runs r ON r.id = h."runId"
                CROSS JOIN LATERAL (
                    SELECT count(*) FILTER (WHERE m.status IN \(anyOf: MessageStatus.accepted)) AS accepted,
                        count(*) FILTER (WHERE m.status IN \(anyOf: MessageStatus.unsettled)) AS rest
                    FROM campaign_messages m
                    WHERE m.id BETWEEN message_id(h."runId", 0) AND message_id(h."runId", \(MessageID.maximumPosition))
                ) m
                CROSS JOIN LATERAL (
                    SELECT -coalesce(sum(e.amount), 0)::bigint AS spent, coalesce(sum(e.held), 0)::bigint AS held,
                        count(*) AS lines
                    FROM wallet_entries e WHERE e."runId" = h."runId"
                ) e
                WHERE h."tenantId" = \(tenant)
            )
            SELECT w.available + s.held AS balance, e.balance AS "entryBalance", s.held, e.held AS "entryHeld",
                s.used, e.used AS "entryUsed", s."messageUsed", s."wrongRuns", s."uncoveredRuns"
            FROM wallets w
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount), 0)::bigint AS balance, coalesce(sum(held), 0)::bigint AS held,
                    -coalesce(sum(amount) FILTER (WHERE kind <> 'topUp'), 0)::bigint AS used
                FROM wallet_entries WHERE "tenantId" = w."tenantId"
            ) e
            CROSS JOIN (
                SELECT coalesce(sum(amount - used) FILTER (WHERE "isOpen"), 0)::bigint AS held,
                    coalesce(sum(used), 0)::bigint AS used, coalesce(sum(accepted * price), 0)::bigint AS "messageUsed",
                    count(*) FILTER (WHERE used <> spent OR used <> accepted * price OR entries <> lines
                        OR held <> CASE WHEN "isOpen" THEN amount - used ELSE 0 END) AS "wrongRuns",
                    count(*) FILTER (
                        WHERE "isOpen" AND status = \(run: .running) AND amount - used < rest * price
                    ) AS "uncoveredRuns"
                FROM run
            ) s
            WHERE w."tenantId" = \(tenant)
            """,
            deadline: .seconds(600)
        )
        guard let row = rows.first else { return nil }
        return try WalletAudit(row: row)
    }
}
