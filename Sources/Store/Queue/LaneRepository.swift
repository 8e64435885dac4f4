public import Foundation
public import Postgres

/// The senders that have something to send, and the epoch that ties Redis to Postgres.
public struct LaneRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// The lanes with runs that have something to send, or that were stopped while messages were being sent: if who
    /// sent them has died, somebody has to settle them.
    public func open() async throws -> [LaneRecord] {
        try await pool.execute(
            """
            INSERT INTO queue_epochs ("quotaGroup", epoch)
            SELECT DISTINCT s."quotaGroup", \(LaneRecord.firstEpoch)::int8 FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE \(fragment: RunRepository.live) AND NOT EXISTS (SELECT FROM queue_epochs e WHERE e."quotaGroup" = s."quotaGroup")
            ON CONFLICT DO NOTHING
            """
        )
        let rows = try await pool.query(
            """
            SELECT s.id, s."tenantId", s.name, s."phoneNumberId", s."accessToken", s."ratePerSecond", s."quotaGroup",
                s."pairLimit", s."dailyLimit", e.epoch, r.expected,
                coalesce(extract(epoch FROM CASE WHEN t."quietHours" ->> 'action' = 'wait'
                    THEN quiet_until(t."quietHours", t."timeZone", now()) - now() END)::float8, 0) AS "quietFor"
            FROM (
                SELECT "senderId", sum(expected) AS expected FROM (
                    SELECT r."senderId", r.queued + r.sending AS expected FROM campaign_runs r
                    WHERE \(fragment: RunRepository.live)
                        AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
                    UNION ALL
                    SELECT r."senderId", r.sending FROM campaign_runs r WHERE \(fragment: RunRepository.stopped)
                ) open
                GROUP BY 1
            ) r
            JOIN senders s ON s.id = r."senderId"
            JOIN queue_epochs e ON e."quotaGroup" = s."quotaGroup"
            LEFT JOIN tenants t ON t."tenantId" = s."tenantId" AND t."archivedAt" IS NULL
            """
        )
        return try rows.map(LaneRecord.init(row:))
    }

    /// The lanes that Redis may know though nothing is to be sent in them, nor in others of their quota group.
    public func idle() async throws -> [IdleLane] {
        let rows = try await pool.query(
            """
            SELECT s.id, s."quotaGroup", e.epoch FROM senders s JOIN queue_epochs e ON e."quotaGroup" = s."quotaGroup"
            WHERE s."quotaGroup" NOT IN (
                SELECT o."quotaGroup" FROM (
                    SELECT r."senderId" FROM campaign_runs r
                    WHERE \(fragment: RunRepository.live)
                        AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
                    UNION ALL
                    SELECT r."senderId" FROM campaign_runs r WHERE \(fragment: RunRepository.stopped)
                ) open
                JOIN senders o ON o.id = open."senderId"
            )
            ORDER BY s."quotaGroup", s.id
            """
        )
        return try rows.map { row in
            IdleLane(sender: try row.decode(0), quotaGroup: try row.decode(1), epoch: try row.decode(2))
        }
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
