public import Foundation
import Postgres

extension RunRepository {
    /// Puts messages back that find no quota, and pauses their runs until some of it returns.
    ///
    /// Only business-initiated messages wait then; those to contacts in their window go on. The messages become
    /// `pending`, and resuming queues them again.
    ///
    /// - Parameters:
    ///   - messages: Business-initiated messages that are ready to be sent.
    ///   - duration: The time until quota returns.
    /// - Returns: The runs paused now.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func waitForQuota(_ messages: [UUID], for duration: Duration) async throws -> [UUID] {
        guard !messages.isEmpty else { return [] }
        return try await pool.transaction { connection in
            let rows = try await connection.query(
                """
                WITH changed AS MATERIALIZED (
                    SELECT m.id, m."runId", m.status AS old, 'pending'::campaign_message_status_enum AS new
                    FROM campaign_messages m
                    WHERE m.id = ANY(\(messages)::uuid[]) AND m.status = 'queued'
                    ORDER BY m.id
                    FOR NO KEY UPDATE OF m
                ), written AS (
                    UPDATE campaign_messages m SET status = 'pending' FROM changed WHERE m.id = changed.id
                ), \(fragment: RunCounters.counted)
                SELECT DISTINCT "runId" FROM changed ORDER BY 1
                """
            )
            var paused: [UUID] = []
            for row in rows {
                let run = try row.decode(0, as: UUID.self)
                if try await waitForQuota(run, for: duration, on: connection) { paused.append(run) }
            }
            return paused
        }
    }

    private func waitForQuota(_ run: UUID, for duration: Duration, on connection: PostgresConnection) async throws
        -> Bool
    {
        let rows = try await connection.query(
            """
            UPDATE campaign_runs r SET status = 'paused', "quotaUntil" = q.until,
                "statusReason" = 'the 24 hour quota is used up; some of it returns at '
                    || to_char(q.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            FROM (SELECT now() + \(duration.seconds) * interval '1 second' AS until) q
            WHERE r.id = \(run) AND r.status = 'running' RETURNING r."statusReason"
            """
        )
        guard let reason = try rows.first?.decode(0, as: String.self) else { return false }
        try await connection.execute(
            """
            UPDATE campaigns c SET status = 'paused', "statusReason" = \(reason), "updatedAt" = now()
            FROM campaign_runs r WHERE r.id = \(run) AND c.id = r."campaignId" AND c.status = 'running'
            """
        )
        try await connection.notify(Self.channel, payload: run.uuidString)
        return true
    }

    /// Resumes the runs for which quota has returned, as far as their senders go on by themselves.
    ///
    /// - Returns: The runs resumed now.
    /// - Throws: `PostgresError`.
    public func resumeWhereQuotaReturned() async throws -> [UUID] {
        let rows = try await pool.query(
            """
            SELECT r.id FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE r.status = 'paused' AND r."quotaUntil" <= now() AND s."onQuotaExhausted" = 'wait'
            """
        )
        var resumed: [UUID] = []
        for row in rows {
            let run = try row.decode(0, as: UUID.self)
            // Somebody may have paused it by hand meanwhile: then it does not wait for the quota any more.
            if try await resume(run, if: "r.\"quotaUntil\" <= now()") { resumed.append(run) }
        }
        return resumed
    }
}
