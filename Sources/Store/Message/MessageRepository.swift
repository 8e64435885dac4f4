public import Foundation
public import Postgres

/// The rows of `campaign_messages` on their way through the queue.
///
/// Each step is one statement for a whole batch: it locks the rows in the order of their ids, moves only those that
/// are still where the caller believes them, and moves the counters of their runs along.
public struct MessageRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Moves messages from `queued` to `sending`, as far as they may still be sent.
    ///
    /// What Redis says is never enough to send: a message goes out only when its run is running and its contact is
    /// opted in and active. Others get the status that says why not; those that are not `queued` at all (sent already,
    /// cancelled, unknown) are left out of the answer.
    ///
    /// - Parameters:
    ///   - ids: The messages of one reservation.
    ///   - holder: The reservation; only its holder can report on the messages from now on.
    /// - Returns: The messages that were queued, each with its new status.
    /// - Throws: `PostgresError`; whether the messages were begun is unknown when the connection broke.
    public func begin(_ ids: [UUID], holder: Int64) async throws(PostgresError) -> [BegunMessage] {
        let rows = try await pool.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", r."revisionId", m.status AS old, m."recipientPhone", m.attempts, m.context,
                    m."isBusinessInitiated" OR w.closed AS business, \(fragment: ContactFields.columns),
                    CASE
                        WHEN r.status = 'paused' THEN 'pending'
                        WHEN r.status <> 'running' THEN 'cancelled'
                        WHEN NOT c."optedIn" OR c."deactivatedAt" IS NOT NULL THEN 'cancelled'
                        WHEN r."isFreeText" AND w.closed THEN 'failed'
                        ELSE 'sending'
                    END::campaign_message_status_enum AS new,
                    CASE
                        WHEN r.status <> 'running' THEN NULL
                        WHEN NOT c."optedIn" THEN 'opted_out'
                        WHEN c."deactivatedAt" IS NOT NULL THEN 'deactivated'
                        WHEN r."isFreeText" AND w.closed THEN 'window_closed'
                    END AS code
                FROM campaign_messages m
                JOIN campaign_runs r ON r.id = m."runId"
                JOIN contacts c ON c.id = m."contactId"
                CROSS JOIN LATERAL (
                    SELECT coalesce(c."lastSeen" <= clock_timestamp() - interval '24 hours', true) AS closed
                ) w
                WHERE m.id = ANY(\(ids)::uuid[]) AND m.status = 'queued'
                ORDER BY m.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    holder = \(holder),
                    "isBusinessInitiated" = changed.business,
                    "nextAttemptAt" = NULL,
                    "errorCode" = coalesce(changed.code, m."errorCode"),
                    "errorMessage" = CASE changed.code
                        WHEN 'opted_out' THEN 'the contact opted out before the message was sent'
                        WHEN 'deactivated' THEN 'the contact was deactivated before the message was sent'
                        WHEN 'window_closed' THEN 'the 24 hour window closed before the message was sent; use a template'
                        ELSE m."errorMessage"
                    END,
                    "failedAt" = CASE WHEN changed.new = 'failed' THEN now() ELSE m."failedAt" END
                FROM changed WHERE m.id = changed.id
            ), \(fragment: RunCounters.counted)
            SELECT id, "runId", "revisionId", new, "recipientPhone", attempts, business, context,
                "contactId", name, email, pin, "yearOfBirth", "messageCount", "paymentStatus", "firstSeen", "lastSeen",
                metadata
            FROM changed
            """
        )
        var messages: [BegunMessage] = []
        messages.reserveCapacity(rows.count)
        for row in rows { messages.append(try BegunMessage(row: row)) }
        return messages
    }

    /// Writes what became of messages that were being sent.
    ///
    /// Safe to repeat: a message that has moved on meanwhile, by a status webhook or by the first execution of the same
    /// call, keeps its status and only learns the id that WhatsApp gave it. What somebody else holds by now is left
    /// alone, unless WhatsApp has accepted it: that is true whoever says so.
    public func record(_ outcomes: [MessageOutcome]) async throws(PostgresError) {
        guard !outcomes.isEmpty else { return }
        try await pool.execute(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m."tenantId", m.status AS old,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.new ELSE m.status END AS new,
                    CASE WHEN m.holder = o.holder THEN o.attempt ELSE 0 END AS attempt,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.code END AS code,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.message END AS message,
                    CASE WHEN m.status IN ('sending', 'unconfirmed') THEN o.delay END AS delay,
                    m.attempts, o."waMessageId", o."httpStatus"
                FROM unnest(
                    \(outcomes.map(\.messageID))::uuid[],
                    \(outcomes.map(\.status))::campaign_message_status_enum[],
                    \(outcomes.map { $0.countsAsAttempt ? 1 : 0 })::int[],
                    \(outcomes.map(\.waMessageID))::text[],
                    \(outcomes.map { $0.failure?.code })::text[],
                    \(outcomes.map { $0.failure?.message })::text[],
                    \(outcomes.map { $0.failure?.httpStatus })::int[],
                    \(outcomes.map { $0.delay?.seconds })::float8[],
                    \(outcomes.map(\.holder))::bigint[]
                ) AS o(id, new, attempt, "waMessageId", code, message, "httpStatus", delay, holder)
                JOIN campaign_messages m ON m.id = o.id
                WHERE m.status IN ('sending', 'unconfirmed', 'sent', 'delivered', 'read', 'failed')
                    AND (o.new = 'sent' OR m.holder = o.holder)
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
            ), \(fragment: RunCounters.counted)
            SELECT count(*) FROM changed
            """
        )
    }
}
