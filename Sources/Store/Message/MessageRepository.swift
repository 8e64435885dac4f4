import Foundation
public import Postgres

/// The rows of `campaign_messages` on their way through the queue.
///
/// Each step is one statement for a whole batch: it takes the rows in the order of their ids, moves only those that
/// are still where the caller believes them, and moves the counters of their runs along. Where the status that a row
/// comes from is known, the row is written at once; locking it first would be a second write.
public struct MessageRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Writes what became of messages that were being sent.
    ///
    /// Safe to repeat: a message that has moved on meanwhile, by a status webhook or by the first execution of the same
    /// call, keeps its status and only learns the id that WhatsApp gave it. What somebody else holds by now is left
    /// alone, unless WhatsApp has accepted it: that is true whoever says so.
    public func record(_ outcomes: [MessageOutcome]) async throws(PostgresError) {
        let accepted = outcomes.filter { $0.waMessageID != nil }
        let others = outcomes.filter { $0.waMessageID == nil }
        // Whoever was overtaken is found by the count, and looked at again with the others.
        let isAsExpected = try await recordAccepted(accepted) == accepted.count
        try await recordAny(isAsExpected ? others : outcomes)
    }

    /// Writes that messages were accepted which are being sent, by the lease that says so; leaves all others alone.
    ///
    /// - Returns: How many were written.
    private func recordAccepted(_ outcomes: [MessageOutcome]) async throws(PostgresError) -> Int {
        guard !outcomes.isEmpty else { return 0 }
        let rows = try await pool.query(
            """
            WITH changed AS (
                UPDATE campaign_messages m SET
                    status = 'sent',
                    attempts = m.attempts + 1,
                    holder = NULL,
                    "waMessageId" = o."waMessageId",
                    "sentAt" = coalesce(m."sentAt", now()),
                    "unconfirmedAt" = NULL,
                    "nextAttemptAt" = NULL,
                    "errorCode" = NULL,
                    "errorMessage" = NULL
                FROM (
                    SELECT * FROM unnest(
                        \(outcomes.map(\.messageID))::uuid[],
                        \(outcomes.map { $0.waMessageID ?? "" })::text[],
                        \(outcomes.map(\.lease))::bigint[]
                    ) AS o(id, "waMessageId", lease) ORDER BY id
                ) o
                WHERE m.id = o.id AND m.status = 'sending' AND m.holder = o.lease
                RETURNING m."runId", 'sending'::campaign_message_status_enum AS old, m.status AS new,
                    m."isBusinessInitiated" AS charged
            ), \(fragment: QuotaRepository.counted), \(fragment: RunCounters.counted)
            SELECT count(*)::int FROM changed
            """
        )
        return try rows[0].decode(0)
    }

    private func recordAny(_ outcomes: [MessageOutcome]) async throws(PostgresError) {
        guard !outcomes.isEmpty else { return }
        try await pool.execute(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m."tenantId", m.status AS old,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.new ELSE m.status END AS new,
                    CASE WHEN m.holder = o.lease THEN o.attempt ELSE 0 END AS attempt,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.code END AS code,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.message END AS message,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.delay END AS delay,
                    m.attempts, o."waMessageId", o."httpStatus",
                    m."isBusinessInitiated" AND m.holder = o.lease AND m.status <> 'unconfirmed'
                        AND o.new IN ('sent', 'unconfirmed') AS charged
                FROM unnest(
                    \(outcomes.map(\.messageID))::uuid[],
                    \(outcomes.map(\.status))::campaign_message_status_enum[],
                    \(outcomes.map { $0.countsAsAttempt ? 1 : 0 })::int[],
                    \(outcomes.map(\.waMessageID))::text[],
                    \(outcomes.map { $0.failure?.code })::text[],
                    \(outcomes.map { $0.failure?.message })::text[],
                    \(outcomes.map { $0.failure?.httpStatus })::int[],
                    \(outcomes.map { $0.delay?.seconds })::float8[],
                    \(outcomes.map(\.lease))::bigint[]
                ) AS o(id, new, attempt, "waMessageId", code, message, "httpStatus", delay, lease)
                JOIN campaign_messages m ON m.id = o.id
                WHERE m.status IN ('sending', 'unconfirmed', 'sent', 'delivered', 'read', 'failed')
                    AND (o.new = 'sent' OR m.holder = o.lease)
                ORDER BY m.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    attempts = m.attempts + changed.attempt,
                    -- Reported once: a repetition is not another attempt.
                    holder = NULL,
                    "waMessageId" = coalesce(changed."waMessageId", m."waMessageId"),
                    "sentAt" = CASE WHEN changed."waMessageId" IS NULL THEN m."sentAt" ELSE coalesce(m."sentAt", now()) END,
                    "failedAt" = CASE WHEN changed.new = 'failed' THEN coalesce(m."failedAt", now()) ELSE m."failedAt" END,
                    "unconfirmedAt" = CASE WHEN changed.new = 'unconfirmed' THEN coalesce(m."unconfirmedAt", now()) END,
                    "nextAttemptAt" = now() + changed.delay * interval '1 second',
                    "errorCode" = CASE WHEN changed.new = 'sent' THEN NULL ELSE coalesce(changed.code, m."errorCode") END,
                    "errorMessage" =
                        CASE WHEN changed.new = 'sent' THEN NULL ELSE coalesce(changed.message, m."errorMessage") END
                FROM changed WHERE m.id = changed.id
            ), logged AS (
                INSERT INTO message_failures ("tenantId", "messageId", attempt, "httpStatus", "errorCode", "errorMessage")
                SELECT "tenantId", id, attempts + 1, "httpStatus", code, coalesce(message, '')
                FROM changed WHERE attempt > 0 AND code IS NOT NULL
            ), \(fragment: QuotaRepository.counted), \(fragment: RunCounters.counted)
            SELECT count(*) FROM changed
            """
        )
    }
}
