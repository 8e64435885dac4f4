public import Foundation
import Postgres

extension MessageRepository {
    /// Has messages fed whose wait for WhatsApp's cap is over.
    ///
    /// Any number of daemons may do it at once. A message that waits no more, because it was cancelled or reported as
    /// delivered meanwhile, is left as it is.
    ///
    /// - Parameter limit: The maximum number of messages.
    /// - Returns: The runs with such messages, each with the number of these.
    /// - Throws: `PostgresError`.
    public func feedCapped(limit: Int = 1_000) async throws -> [UUID: Int] {
        let rows = try await pool.query(
            """
            SELECT k."messageId", k."runId" FROM capped_messages k WHERE k."dueAt" <= now() ORDER BY k."dueAt" LIMIT \(limit)
            """
        )
        var due: [UUID: [UUID]] = [:]
        for row in rows { due[try row.decode(1), default: []].append(try row.decode(0)) }
        var fed: [UUID: Int] = [:]
        for (run, messages) in due.sorted(by: { $0.key.uuidString < $1.key.uuidString }) {
            let count = try await pool.transaction(deadline: .seconds(120)) { connection in
                try await Self.feed(messages, of: run, on: connection)
            }
            if count > 0 { fed[run] = count }
        }
        return fed
    }

    /// Has capped messages of one run fed, and ends their alarms.
    ///
    /// - Returns: The number of messages that waited.
    private static func feed(_ messages: [UUID], of run: UUID, on connection: PostgresConnection) async throws -> Int {
        let rows = try await connection.query(
            """
            WITH due AS MATERIALIZED (
                SELECT m.id, m.position FROM unnest(\(messages)::uuid[]) AS k(id)
                JOIN campaign_messages m ON \(key: "m.id", of: "k.id") ORDER BY m.id
            ), fed AS MATERIALIZED (
                -- Feeding locks chunks before messages.
                SELECT k."startPosition" FROM (
                    SELECT DISTINCT \(run)::uuid AS run, \(fragment: chunk(of: "due.position", in: run)) AS start FROM due
                ) again
                JOIN campaign_chunks k
                    ON \(key: #"k."runId""#, of: "again.run") AND k."startPosition" = again.start
                ORDER BY again.start FOR NO KEY UPDATE OF k
            ), changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.position, m."tenantId", m.status
                FROM due JOIN campaign_messages m ON \(key: "m.id", of: "due.id")
                WHERE (SELECT count(*) FROM fed) >= 0 AND m."isCapped"
                ORDER BY due.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET "isCapped" = false, "nextAttemptAt" = NULL
                FROM changed WHERE \(key: "m.id", of: "changed.id")
            ), locked AS (
                SELECT r.id FROM campaign_runs r WHERE r.id = \(run) AND EXISTS (SELECT FROM changed) FOR NO KEY UPDATE
            ), counted AS (
                UPDATE campaign_runs r SET capped = r.capped - (SELECT count(*)::int FROM changed)
                FROM locked WHERE \(key: "r.id", of: "locked.id")
            )
            SELECT position, "tenantId" FROM changed WHERE status = \(message: .pending)
            """,
            deadline: .seconds(120)
        )
        let positions = try rows.map { try $0.decode(0, as: Int.self) }
        if let first = rows.first {
            try await feedAgain(positions, of: run, tenant: try first.decode(1), on: connection)
        }
        try await connection.execute(
            """
            DELETE FROM capped_messages WHERE "messageId" = ANY(\(messages)::uuid[]) AND "dueAt" <= now()
            """
        )
        return positions.count
    }

    /// Marks the chunks of messages to be fed again; a standing run's chunk may have been deleted, because all its messages
    /// were sent.
    static func feedAgain(
        _ positions: [Int],
        of run: UUID,
        tenant: String,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore")
            SELECT \(run), p.position, p.position + 1, \(tenant), now()
            FROM unnest(\(positions)::int[]) AS p(position)
            WHERE NOT EXISTS (
                SELECT FROM campaign_chunks k
                WHERE k."runId" = \(run) AND k."startPosition" <= p.position AND k."endPosition" > p.position
            )
            ON CONFLICT DO NOTHING
            """
        )
        try await connection.execute(
            ChunkStatus.moving(
                .feedAgain,
                set: ["\"leaseUntil\" = NULL"],
                from: """
                    (
                        SELECT DISTINCT \(run)::uuid AS run, \(fragment: chunk(of: "p.position", in: run)) AS start
                        FROM unnest(\(positions)::int[]) AS p(position)
                    ) again
                    """,
                where: """
                    \(key: #"k."runId""#, of: "again.run") AND k."startPosition" = again.start
                    """
            )
        )
        try await connection.announce(RunRepository.channel, payload: run.uuidString)
    }
}
