import Foundation
public import Postgres

extension MessageRepository {
    /// Moves messages from `queued` to `sending`, as far as they may still be sent.
    ///
    /// What Redis says is never enough to send: a message goes out only when its run is running, its contact is opted in
    /// and active, and neither quiet hours nor the frequency cap of its tenant stand against it. Others get the status
    /// that says why not, or stay `queued` when they go back to the line: until a time, or because their window has
    /// closed meanwhile and nothing was taken from the quota. Those that are not `queued` at all (sent already,
    /// cancelled, unknown) are left out of the answer.
    ///
    /// - Parameter beginnings: Reservations, of any senders.
    /// - Returns: The messages that were queued, each with its new status, and the lease that has it now.
    /// - Throws: `PostgresError`; whether the messages were begun is unknown when the connection broke.
    public func begin(_ beginnings: [SendClaim]) async throws(PostgresError) -> [ClaimedMessage] {
        let ids = beginnings.flatMap(\.ids)
        let isCharged = beginnings.flatMap { beginning in
            beginning.ids.map { beginning.charged?.contains($0) ?? true }
        }
        let leases = beginnings.flatMap { repeatElement($0.lease, count: $0.ids.count) }
        let rows = try await pool.query(
            """
            WITH changed AS (
                UPDATE campaign_messages m SET
                    status = d.new,
                    holder = a.lease,
                    "isBusinessInitiated" = w.closed,
                    "nextAttemptAt" = CASE WHEN d.new = 'queued' THEN greatest(w."quietUntil", w."cappedUntil") END,
                    "errorCode" = coalesce(d.code, m."errorCode"),
                    "errorMessage" = CASE d.code
                        WHEN 'opted_out' THEN 'the contact opted out before the message was sent'
                        WHEN 'deactivated' THEN 'the contact was deactivated before the message was sent'
                        WHEN 'window_closed' THEN 'the 24 hour window closed before the message was sent; use a template'
                        WHEN 'quiet_hours' THEN 'its time fell into the quiet hours of the tenant'
                        WHEN 'frequency_cap' THEN 'the contact has had as many messages as the tenant allows'
                        ELSE m."errorMessage"
                    END,
                    "failedAt" = CASE WHEN d.new = 'failed' THEN now() ELSE m."failedAt" END
                FROM (
                    SELECT * FROM unnest(\(ids)::uuid[], \(isCharged)::bool[], \(leases)::bigint[])
                        AS a(id, charged, lease)
                    ORDER BY id
                ) a
                CROSS JOIN campaign_runs r
                CROSS JOIN contacts c
                LEFT JOIN tenants t ON t."tenantId" = r."tenantId" AND t."archivedAt" IS NULL
                CROSS JOIN LATERAL (
                    SELECT coalesce(c."lastSeen" <= clock_timestamp() - interval '24 hours', true) AS closed,
                        quiet_until(t."quietHours", t."timeZone", clock_timestamp()) AS "quietUntil",
                        (\(fragment: Self.cappedUntil(ids))) AS "cappedUntil"
                ) w
                CROSS JOIN LATERAL (\(fragment: Self.decision)) d
                WHERE m.id = a.id AND m.status = 'queued' AND r.id = m."runId" AND c.id = m."contactId"
                RETURNING m.id, m."runId", r."revisionId", 'queued'::campaign_message_status_enum AS old, m.status AS new,
                    m."recipientPhone", m.attempts, m.crashes, m.context, m."isBusinessInitiated" AS business,
                    m."nextAttemptAt" AS "waitUntil", m.holder AS lease, \(fragment: ContactFields.columns)
            ), \(fragment: RunCounters.counted)
            SELECT id, "runId", "revisionId", new, "recipientPhone", attempts, business, context,
                coalesce(extract(epoch FROM "waitUntil" - clock_timestamp())::float8, 0), crashes, lease,
                "contactId", name, email, pin, "yearOfBirth", "messageCount", "paymentStatus", "firstSeen", "lastSeen",
                metadata
            FROM changed
            """
        )
        var messages: [ClaimedMessage] = []
        messages.reserveCapacity(rows.count)
        for row in rows { messages.append(try ClaimedMessage(row: row)) }
        return messages
    }

    /// When the contact may get another message; NULL if at once.
    ///
    /// Counted are the messages that were accepted, or may have been, and those that are ahead of this one.
    private static func cappedUntil(_ ids: [UUID]) -> PostgresQuery {
        """
        SELECT coalesce(p."sentAt", p."unconfirmedAt", now()) + (t."frequencyCap" ->> 'within')::interval
        FROM campaign_messages p
        WHERE t."frequencyCap" IS NOT NULL AND p."contactId" = c.id AND p.id <> a.id
            AND (
                p.status = 'sending' OR (p.status = 'queued' AND p.id < a.id AND p.id = ANY(\(ids)::uuid[]))
                OR coalesce(p."sentAt", p."unconfirmedAt") > now() - (t."frequencyCap" ->> 'within')::interval
            )
        ORDER BY coalesce(p."sentAt", p."unconfirmedAt", now()) DESC
        OFFSET (t."frequencyCap" ->> 'messages')::int - 1 LIMIT 1
        """
    }

    /// What becomes of a message, and the code that says why it is not sent.
    private static let decision: PostgresQuery = """
        SELECT CASE
                WHEN r.status = 'paused' AND (r."quotaUntil" IS NULL OR w.closed) THEN 'pending'
                WHEN r.status NOT IN ('running', 'paused') THEN 'cancelled'
                WHEN k.code = 'window_closed' THEN 'failed'
                WHEN k.code IS NOT NULL THEN 'cancelled'
                WHEN greatest(w."quietUntil", w."cappedUntil") IS NOT NULL THEN 'queued'
                WHEN w.closed AND NOT a.charged THEN 'queued'
                ELSE 'sending'
            END::campaign_message_status_enum AS new,
            CASE WHEN r.status = 'running' OR r."quotaUntil" IS NOT NULL THEN k.code END AS code
        FROM (
            SELECT CASE
                WHEN NOT c."optedIn" THEN 'opted_out'
                WHEN c."deactivatedAt" IS NOT NULL THEN 'deactivated'
                WHEN r."isFreeText" AND w.closed THEN 'window_closed'
                WHEN w."quietUntil" IS NOT NULL AND t."quietHours" ->> 'action' = 'skip' THEN 'quiet_hours'
                WHEN w."cappedUntil" IS NOT NULL AND t."frequencyCap" ->> 'action' = 'skip' THEN 'frequency_cap'
            END AS code
        ) k
        """
}
