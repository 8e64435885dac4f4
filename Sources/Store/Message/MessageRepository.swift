public import Foundation
public import Postgres

/// The rows of `campaign_messages` on their way through the queue.
///
/// Each step is one statement for a whole batch. It takes the rows in the order of their ids, changes only rows that
/// still have the status that the caller expects, and updates the counters of their runs. If the former status of a row
/// is known, the row is written at once, because locking it first would be a second write.
public struct MessageRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Records the outcomes of messages that were being sent.
    ///
    /// Safe to repeat: a message that has moved on meanwhile, by a status webhook or by the first execution of the same
    /// call, keeps its status and only learns the id that WhatsApp gave it. A message that another lease holds by now
    /// is left unchanged, unless WhatsApp has accepted it: acceptance counts from any lease.
    ///
    /// - Returns: The runs that the alike guard is to pause now.
    /// - Throws: `PostgresError`; record the outcomes again then.
    @discardableResult
    public func record(_ outcomes: [MessageOutcome]) async throws(PostgresError) -> [AlikeRefusals] {
        // A message that is held back moves one counter more, which the statement for most messages does not touch.
        let accepted = outcomes.filter { $0.waMessageID != nil && $0.messageStatus == nil }
        let others = outcomes.filter { $0.waMessageID == nil || $0.messageStatus != nil }
        // A lower count means that some messages have moved on: the general statement decides about all of them.
        let isAsExpected = try await recordAccepted(accepted) == accepted.count
        return try await recordAny(isAsExpected ? others : outcomes)
    }

    /// Records accepted messages that are being sent under the same lease, and leaves all others unchanged.
    ///
    /// - Returns: The number of messages written.
    private func recordAccepted(_ outcomes: [MessageOutcome]) async throws(PostgresError) -> Int {
        guard !outcomes.isEmpty else { return 0 }
        let rows = try await pool.query(
            """
            WITH changed AS (
                UPDATE campaign_messages m SET
                    status = \(message: .sent),
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
                WHERE \(key: "m.id", of: "o.id") AND m.status = \(message: .sending) AND m.holder = o.lease
                RETURNING m."runId", \(message: .sending)::campaign_message_status_enum AS old, m.status AS new,
                    m."isBusinessInitiated" AS charged
            ), \(fragment: QuotaRepository.counted), \(fragment: RunCounters.counted)
            SELECT count(*)::int FROM changed
            """
        )
        return try rows[0].decode(0)
    }

    private func recordAny(_ outcomes: [MessageOutcome]) async throws(PostgresError) -> [AlikeRefusals] {
        guard !outcomes.isEmpty else { return [] }
        let hasCounted = outcomes.contains(where: \.isCountedAlike)
        let hasCapped = outcomes.contains(where: \.isCapped)
        let waits = hasCapped ? UserCapRule.waits(if: Self.isCapped) : "false"
        let rows = try await pool.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m."tenantId", m.status AS old,
                    CASE
                        WHEN \(fragment: waits) THEN \(message: .pending)
                        WHEN m.status IN \(anyOf: MessageStatus.unanswered) THEN o.new
                        ELSE m.status
                    END AS new,
                    CASE WHEN m.holder = o.lease AND NOT \(fragment: waits) THEN o.attempt ELSE 0 END AS attempt,
                    \(fragment: waits) AS waits, \(fragment: waits) OR m."isCapped" AS "isCapped",
                    m."isCapped" AS "wasCapped",
                    \(fragment: waits) OR (
                        o.attempt > 0 AND o.new = \(message: .queued) AND m.holder = o.lease
                            AND m.status IN \(anyOf: MessageStatus.unanswered)
                    ) AS "isRepeated",
                    CASE WHEN m.status IN \(anyOf: MessageStatus.unanswered) THEN o.code END AS code,
                    CASE WHEN m.status IN \(anyOf: MessageStatus.unanswered) THEN o.message END AS message,
                    CASE
                        WHEN \(fragment: waits) THEN \(fragment: hasCapped ? UserCapRule.delay : "NULL")
                        WHEN m.status IN \(anyOf: MessageStatus.unanswered) THEN o.delay
                    END AS delay,
                    m.attempts, o."waMessageId", o."httpStatus", o."messageStatus", o."isCounted",
                    coalesce(o."messageStatus", m."messageStatus") IS NOT NULL AS "isHeld",
                    m."isBusinessInitiated" AND m.holder = o.lease AND m.status <> \(message: .unconfirmed)
                        AND o.new IN \(anyOf: [MessageStatus.sent, .unconfirmed]) AS charged
                FROM unnest(
                    \(outcomes.map(\.messageID))::uuid[],
                    \(outcomes.map(\.status))::campaign_message_status_enum[],
                    \(outcomes.map { $0.countsAsAttempt ? 1 : 0 })::int[],
                    \(outcomes.map(\.waMessageID))::text[],
                    \(outcomes.map { $0.failure?.code })::text[],
                    \(outcomes.map { $0.failure?.message })::text[],
                    \(outcomes.map { $0.failure?.httpStatus })::int[],
                    \(outcomes.map { $0.delay?.seconds })::float8[],
                    \(outcomes.map(\.lease))::bigint[],
                    \(outcomes.map(\.messageStatus))::text[],
                    \(outcomes.map(\.isCountedAlike))::bool[],
                    \(outcomes.map(\.isCapped))::bool[]
                ) AS o(
                    id, new, attempt, "waMessageId", code, message, "httpStatus", delay, lease, "messageStatus", "isCounted",
                    capped
                )
                JOIN campaign_messages m ON \(key: "m.id", of: "o.id")
                \(fragment: hasCapped ? UserCapRule.waiting(if: Self.isCapped) : "")
                WHERE m.status IN \(anyOf: MessageStatus.unanswered + MessageStatus.accepted + [.failed])
                    AND (o.new = \(message: .sent) OR m.holder = o.lease)
                ORDER BY o.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    attempts = m.attempts + changed.attempt,
                    -- Reported once: a repetition is not another attempt.
                    holder = NULL,
                    "waMessageId" = coalesce(changed."waMessageId", m."waMessageId"),
                    "messageStatus" = coalesce(changed."messageStatus", m."messageStatus"),
                    "sentAt" = CASE WHEN changed."waMessageId" IS NULL THEN m."sentAt" ELSE coalesce(m."sentAt", now()) END,
                    "failedAt" =
                        CASE WHEN changed.new = \(message: .failed) THEN coalesce(m."failedAt", now()) ELSE m."failedAt" END,
                    "unconfirmedAt" =
                        CASE WHEN changed.new = \(message: .unconfirmed) THEN coalesce(m."unconfirmedAt", now()) END,
                    "nextAttemptAt" = now() + changed.delay * interval '1 second',
                    "errorCode" =
                        CASE WHEN changed.new = \(message: .sent) THEN NULL ELSE coalesce(changed.code, m."errorCode") END,
                    "errorMessage" = CASE
                        WHEN changed.new = \(message: .sent) THEN NULL ELSE coalesce(changed.message, m."errorMessage")
                    END\(fragment: hasCapped ? ", " + UserCapRule.assignments : "")
                FROM changed WHERE \(key: "m.id", of: "changed.id")
            ), logged AS (
                INSERT INTO message_failures ("tenantId", "messageId", attempt, "httpStatus", "errorCode", "errorMessage")
                SELECT "tenantId", id, attempts + 1, "httpStatus", code, coalesce(message, '')
                FROM changed WHERE (attempt > 0 OR waits) AND code IS NOT NULL
            ), \(fragment: hasCapped ? UserCapRule.alarm + ", " : "")\(fragment: QuotaRepository.counted),
            \(fragment: hasCapped ? RunCounters.countedWithHeldAndCapped : RunCounters.countedWithHeld)
            \(fragment: hasCounted ? AlikeRefusals.counting(.answer) + AlikeRefusals.selection : "SELECT NULL WHERE false")
            """
        )
        return hasCounted ? try AlikeRefusals.read(rows) : []
    }

    /// True for an outcome `o` of a message `m` that WhatsApp's cap for the person has stopped.
    private static let isCapped: PostgresQuery = """
        o.capped AND m.holder = o.lease AND m.status IN \(anyOf: MessageStatus.unanswered)
        """
}

extension MessageRepository {
    /// Claims messages: moves those that may still be sent from `queued` to `sending`.
    ///
    /// A lease in Redis is never enough to send: a message is sent only if its run is running, its contact is opted in,
    /// not suppressed and active, and neither quiet hours nor the frequency cap of its tenant forbid it. Others get the
    /// status that gives the reason. They stay `queued` if they return to the lane: until a time, or because their window
    /// has closed meanwhile and nothing was taken from the quota. If it is quiet on the clock of the contact, the message
    /// waits in Postgres: it becomes `pending`, with an alarm (``feedQuiet(limit:)``). Those that are not `queued` at all
    /// (sent already, cancelled, unknown) are left out of the answer.
    ///
    /// - Parameter beginnings: The claims, of any senders.
    /// - Returns: The messages that were queued, each with its new status and the lease that holds it.
    /// - Throws: `PostgresError`; whether the messages were claimed is unknown if the connection broke.
    public func begin(_ beginnings: [SendClaim]) async throws(PostgresError) -> [ClaimedMessage] {
        let ids = beginnings.flatMap(\.ids)
        let isCharged = beginnings.flatMap { beginning in
            beginning.ids.map { beginning.charged?.contains($0) ?? true }
        }
        let leases = beginnings.flatMap { repeatElement($0.lease, count: $0.ids.count) }
        // A statement of its own for senders whose own window counts, which takes one more look-up.
        let windows = beginnings.flatMap { repeatElement($0.windowNumber, count: $0.ids.count) }
        let isOwnWindow = windows.contains { $0 != nil }
        // And one for tenants whose contacts have quiet hours on their own clocks.
        let contactClocks = beginnings.contains(where: \.hasContactClocks)
        let rows = try await pool.query(
            """
            WITH changed AS (
                UPDATE campaign_messages m SET
                    status = d.new,
                    holder = a.lease,
                    "recipientPhone" = coalesce(c."currentNumber", m."recipientPhone"),
                    "isBusinessInitiated" = w.closed,
                    "nextAttemptAt" = CASE
                        WHEN d.new = \(message: .queued) \(fragment: contactClocks ? "OR d.waits" : "")
                        THEN greatest(w."quietUntil", w."cappedUntil")
                    END,
                    "errorCode" = coalesce(d.code, m."errorCode"),
                    "errorMessage" = CASE d.code
                        WHEN 'opted_out' THEN 'the contact opted out before the message was sent'
                        WHEN 'marketing_stopped' THEN 'the contact stopped marketing messages before the message was sent'
                        WHEN 'deactivated' THEN 'the contact was deactivated before the message was sent'
                        WHEN '131062' THEN
                            'an authentication template needs a phone number, and only a user id of the contact is known'
                        WHEN 'window_closed' THEN 'the 24 hour window closed before the message was sent; use a template'
                        WHEN 'quiet_hours' THEN 'its time fell into the quiet hours of the tenant'
                        WHEN 'frequency_cap' THEN 'the contact has had as many messages as the tenant allows'
                        ELSE m."errorMessage"
                    END,
                    "failedAt" = CASE WHEN d.new = \(message: .failed) THEN now() ELSE m."failedAt" END
                FROM (
                    SELECT * FROM unnest(
                        \(ids)::uuid[], \(isCharged)::bool[], \(leases)::bigint[]
                        \(fragment: isOwnWindow ? ", \(windows)::text[]" : "")
                    ) AS a(id, charged, lease \(fragment: isOwnWindow ? ", number" : ""))
                    ORDER BY id
                ) a
                CROSS JOIN campaign_runs r
                CROSS JOIN contacts c
                LEFT JOIN LATERAL (
                    SELECT * FROM tenants t WHERE t."tenantId" = r."tenantId" AND t."archivedAt" IS NULL OFFSET 0
                ) t ON true
                CROSS JOIN LATERAL (
                    SELECT coalesce(
                            c."lastSeen" <= clock_timestamp() - make_interval(secs => \(AudienceQuery.windowLength)), true
                        ) \(fragment: isOwnWindow ? Self.isClosedForNumber : "") AS closed,
                        \(fragment: contactClocks ? QuietClock.quietUntil : QuietClock.quietUntilOfTenant) AS "quietUntil",
                        (\(fragment: Self.cappedUntil(ids))) AS "cappedUntil"
                ) w
                CROSS JOIN LATERAL (\(fragment: Self.decision(contactClocks: contactClocks))) d
                WHERE \(key: "m.id", of: "a.id") AND m.status = \(message: .queued)
                    AND \(key: "r.id", of: #"m."runId""#) AND \(key: "c.id", of: #"m."contactId""#)
                RETURNING m.id, m."runId", r."revisionId", \(message: .queued)::campaign_message_status_enum AS old,
                    m.status AS new, m."recipientPhone", m.attempts, m.crashes, m.context, m."isBusinessInitiated" AS business,
                    m."nextAttemptAt" AS "waitUntil", m.holder AS lease,
                    coalesce(t."templateText" = 'strict', false) AS "isStrict", \(fragment: ContactFields.selection)
            ), \(fragment: contactClocks ? QuietClock.alarm + ", " : "")\(fragment: RunCounters.counted)
            SELECT id, "runId", "revisionId", new, "recipientPhone", attempts, business, context,
                coalesce(extract(epoch FROM "waitUntil" - clock_timestamp())::float8, 0) AS delay, crashes, lease,
                "isStrict", \(fragment: ContactFields.columns)
            FROM changed
            """
        )
        var messages: [ClaimedMessage] = []
        messages.reserveCapacity(rows.count)
        for row in rows {
            do throws(PostgresError) {
                messages.append(try ClaimedMessage(row: row))
            } catch {
                // The rows are claimed already: an error for all of them would leave all of them in `sending`.
                messages.append(try ClaimedMessage(unreadable: row, because: error))
            }
        }
        return messages
    }

    /// Fails messages that Postgres refuses to claim, each with its reason; those that are not queued stay as they are.
    public func park(_ refused: [UUID: String]) async throws(PostgresError) {
        guard !refused.isEmpty else { return }
        let ids = Array(refused.keys)
        try await pool.execute(
            """
            WITH changed AS (
                UPDATE campaign_messages m SET
                    status = \(message: .failed), "failedAt" = now(), "errorCode" = 'unclaimable', "errorMessage" = p.reason
                FROM (
                    SELECT * FROM unnest(\(ids)::uuid[], \(ids.map { refused[$0] ?? "" })::text[]) AS p(id, reason)
                    ORDER BY id
                ) p
                WHERE \(key: "m.id", of: "p.id") AND m.status = \(message: .queued)
                RETURNING m."runId", \(message: .queued)::campaign_message_status_enum AS old, m.status AS new
            ), \(fragment: RunCounters.counted)
            SELECT count(*) FROM changed
            """
        )
    }

    /// Returns the time from which the contact may get another message; NULL if at once.
    ///
    /// Counts the messages that were accepted or may have been, and those that are ahead of this one. Tests, of runs as `r`,
    /// are not capped.
    private static func cappedUntil(_ ids: [UUID]) -> PostgresQuery {
        """
        SELECT coalesce(p."sentAt", p."unconfirmedAt", now()) + (t."frequencyCap" ->> 'within')::interval
        FROM campaign_messages p
        WHERE t."frequencyCap" IS NOT NULL AND NOT r."isTest" AND p."contactId" = c.id AND p.id <> a.id
            AND (
                p.status = \(message: .sending)
                OR (p.status = \(message: .queued) AND p.id < a.id AND p.id = ANY(\(ids)::uuid[]))
                OR coalesce(p."sentAt", p."unconfirmedAt") > now() - (t."frequencyCap" ->> 'within')::interval
            )
        ORDER BY coalesce(p."sentAt", p."unconfirmedAt", now()) DESC
        OFFSET (t."frequencyCap" ->> 'messages')::int - 1 LIMIT 1
        """
    }

    /// The rest of the condition for a closed window, if the contact must have written to the number `a.number` itself.
    private static let isClosedForNumber: PostgresQuery = """
        OR CASE WHEN a.number IS NOT NULL THEN NOT EXISTS (
            SELECT FROM contact_windows i
            WHERE \(key: #"i."contactId""#, of: "c.id") AND i."phoneNumberId" = a.number
                AND i."lastInboundAt" > clock_timestamp() - make_interval(secs => \(AudienceQuery.windowLength))
        ) ELSE false END
        """

    /// Returns the new status of a message, the code with the reason if it is not sent, and whether it waits in Postgres.
    private static func decision(contactClocks: Bool) -> PostgresQuery {
        """
        SELECT CASE
                WHEN r.status = \(run: .paused) AND (r."quotaUntil" IS NULL OR w.closed) THEN \(message: .pending)
                WHEN r.status NOT IN \(anyOf: RunStatus.launched) THEN \(message: .cancelled)
                WHEN k.code IN ('window_closed', '131062') THEN \(message: .failed)
                WHEN k.code IS NOT NULL THEN \(message: .cancelled)
                \(fragment: contactClocks ? "WHEN \(fragment: QuietClock.waits) THEN \(message: .pending)" : "")
                WHEN greatest(w."quietUntil", w."cappedUntil") IS NOT NULL THEN \(message: .queued)
                WHEN w.closed AND NOT a.charged THEN \(message: .queued)
                ELSE \(message: .sending)
            END::campaign_message_status_enum AS new,
            CASE WHEN r.status = \(run: .running) OR r."quotaUntil" IS NOT NULL THEN k.code END AS code
            \(fragment: contactClocks ? QuietClock.waiting : "")
        FROM (
            SELECT CASE
                \(fragment: ConsentCondition.refusals)
                WHEN c."deactivatedAt" IS NOT NULL THEN 'deactivated'
                -- The code of WhatsApp, which would refuse it.
                WHEN r."needsNumber" AND NOT \(fragment: Recipient.hasNumber) THEN '131062'
                WHEN r."isFreeText" AND w.closed THEN 'window_closed'
                WHEN w."quietUntil" IS NOT NULL AND t."quietHours" ->> 'action' = 'skip'
                    \(fragment: contactClocks ? "" : QuietClock.isOfTenant) THEN 'quiet_hours'
                WHEN w."cappedUntil" IS NOT NULL AND t."frequencyCap" ->> 'action' = 'skip' THEN 'frequency_cap'
            END AS code
        ) k
        """
    }
}
