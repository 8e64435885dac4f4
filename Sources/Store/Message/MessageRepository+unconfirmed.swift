public import Foundation
import Postgres

extension MessageRepository {
    /// Sends messages again whose answer was lost, where the sender says so: no report came within `timeout`.
    ///
    /// The lost request counts as an attempt, and the last one is not repeated. The messages become `pending`, and their
    /// chunks are fed again.
    ///
    /// - Parameters:
    ///   - timeout: How long a report may take.
    ///   - maximumAttempts: How often a message is sent at most.
    ///   - limit: How many messages of a run to take in one go.
    /// - Returns: The runs whose messages go again, each with their number.
    /// - Throws: `PostgresError`.
    public func retryUnconfirmed(
        after timeout: Duration,
        maximumAttempts: Int = 3,
        limit: Int = 1_000
    ) async throws -> [UUID: Int] {
        let rows = try await pool.query(
            """
            SELECT r.id FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE \(fragment: RunRepository.live) AND r.unconfirmed > 0 AND s."unconfirmedPolicy" = 'retry'
            """
        )
        var retried: [UUID: Int] = [:]
        for row in rows {
            let run = try row.decode(0, as: UUID.self)
            let positions = try await retry(run, after: timeout, maximumAttempts: maximumAttempts, limit: limit)
            if positions > 0 { retried[run] = positions }
        }
        return retried
    }

    private func retry(_ run: UUID, after timeout: Duration, maximumAttempts: Int, limit: Int) async throws -> Int {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let rows = try await connection.query(
                """
                WITH changed AS MATERIALIZED (
                    SELECT m.id, m."runId", m."tenantId", m.position, m.status AS old, m.attempts, m."errorCode",
                        m."errorMessage", 'pending'::campaign_message_status_enum AS new
                    FROM campaign_messages m
                    WHERE m.id BETWEEN \(MessageID.make(run: run, position: 0))
                            AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
                        AND m.status = 'unconfirmed' AND m.attempts + 1 < \(maximumAttempts)
                        AND m."unconfirmedAt" <= now() - \(timeout.seconds) * interval '1 second'
                    ORDER BY m.id LIMIT \(limit)
                    FOR NO KEY UPDATE OF m
                ), written AS (
                    UPDATE campaign_messages m SET status = 'pending', holder = NULL, attempts = m.attempts + 1,
                        "unconfirmedAt" = NULL, "nextAttemptAt" = NULL
                    FROM changed WHERE m.id = changed.id
                ), logged AS (
                    INSERT INTO message_failures ("tenantId", "messageId", attempt, "errorCode", "errorMessage")
                    SELECT "tenantId", id, attempts + 1, coalesce("errorCode", 'answer_lost'), coalesce("errorMessage", '')
                    FROM changed
                ), \(fragment: RunCounters.counted)
                SELECT position FROM changed
                """,
                deadline: .seconds(120)
            )
            let positions = try rows.map { try $0.decode(0, as: Int.self) }
            guard !positions.isEmpty else { return 0 }
            try await connection.execute(
                """
                UPDATE campaign_chunks c SET status = 'waiting', "leaseUntil" = NULL
                FROM (
                    SELECT DISTINCT (
                        SELECT "startPosition" FROM campaign_chunks
                        WHERE "runId" = \(run) AND "startPosition" <= p.position ORDER BY "startPosition" DESC LIMIT 1
                    ) AS start
                    FROM unnest(\(positions)::int[]) AS p(position)
                ) again
                WHERE c."runId" = \(run) AND c."startPosition" = again.start
                """
            )
            try await connection.notify(RunRepository.channel, payload: run.uuidString)
            return positions.count
        }
    }
}
