public import Foundation
public import Postgres

/// The senders that have something to send, and the epoch that ties Redis to Postgres.
public struct LaneRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// The lanes with running runs.
    public func open() async throws -> [LaneRecord] {
        try await pool.execute(
            """
            INSERT INTO queue_epochs ("quotaGroup", epoch)
            SELECT DISTINCT s."quotaGroup", 1 FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE r.status = 'running' AND NOT EXISTS (SELECT FROM queue_epochs e WHERE e."quotaGroup" = s."quotaGroup")
            ON CONFLICT DO NOTHING
            """
        )
        let rows = try await pool.query(
            """
            SELECT s.id, s."tenantId", s.name, s."phoneNumberId", s."accessToken", s."ratePerSecond", s."quotaGroup",
                s."pairLimit", e.epoch, r.expected
            FROM (
                SELECT "senderId", sum(queued + sending) AS expected FROM campaign_runs WHERE status = 'running' GROUP BY 1
            ) r
            JOIN senders s ON s.id = r."senderId"
            JOIN queue_epochs e ON e."quotaGroup" = s."quotaGroup"
            """
        )
        return try rows.map(LaneRecord.init(row:))
    }

    /// Remembers a pause that WhatsApp asked for, in case Redis forgets it.
    ///
    /// A pause is only ever made longer.
    public func pause(_ sender: UUID, for duration: Duration) async throws(PostgresError) {
        try await pool.execute(
            """
            UPDATE senders SET "pausedUntil" = greatest("pausedUntil", now() + \(duration.seconds) * interval '1 second')
            WHERE id = \(sender)
            """
        )
    }
}
