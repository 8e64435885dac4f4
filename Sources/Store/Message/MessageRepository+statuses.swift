public import Foundation
public import Postgres

/// The effects of reports beyond their messages.
public struct StatusEffects: Sendable {
    /// A failure that concerns all messages of a run.
    public struct Stop: Hashable, Sendable {
        public let run: UUID
        public let failure: MessageOutcome.Failure
        /// The time at which the message failed, by WhatsApp's clock.
        public let failedAt: Date
    }

    /// Reports whose message is unknown.
    public fileprivate(set) var unknown: [DeliveryStatus] = []
    /// Failures that pause a run; one for each run and code.
    public fileprivate(set) var stops: [Stop] = []
    /// Runs that the alike guard is to pause.
    public fileprivate(set) var alike: [AlikeRefusals] = []
    /// Parked reports that were applied or dropped.
    public fileprivate(set) var parked = 0

    fileprivate mutating func add(_ other: Self) {
        unknown += other.unknown
        stops += other.stops
        alike += other.alike
    }
}

extension MessageRepository {
    /// Applies reports of WhatsApp to their messages; each message may occur once (`foldedByMessage()`).
    ///
    /// Statuses only move forward: sent, delivered, read. `failed` ends a message unless delivered or read follows. A
    /// report with our id also settles a message whose answer is outstanding or was lost.
    ///
    /// Failures count for the guards of their runs. Consent is taken first: after a crash between the two, WhatsApp
    /// repeats the report.
    ///
    /// - Returns: The effects on runs, and the reports whose message is unknown, both by our id and by WhatsApp's.
    public func report(_ statuses: [DeliveryStatus]) async throws(PostgresError) -> StatusEffects {
        guard !statuses.isEmpty else { return StatusEffects() }
        try await takeConsent(of: statuses.filter { $0.consequence == .optOut })
        let hasCounted = statuses.contains { $0.consequence == .counted }
        let hasCapped = statuses.contains { $0.consequence == .userCap }
        let waits = hasCapped ? UserCapRule.waits(if: Self.isCapped) : "false"
        let rows = try await pool.query(
            """
            WITH report AS MATERIALIZED (
                SELECT * FROM unnest(
                    \(statuses.map(\.waMessageID))::text[],
                    \(statuses.map(\.messageID))::uuid[],
                    \(statuses.map(\.status))::campaign_message_status_enum[],
                    \(statuses.map(\.sentAt))::timestamptz[],
                    \(statuses.map(\.deliveredAt))::timestamptz[],
                    \(statuses.map(\.readAt))::timestamptz[],
                    \(statuses.map(\.failedAt))::timestamptz[],
                    \(statuses.map { $0.failure?.code })::text[],
                    \(statuses.map { $0.failure?.message })::text[],
                    \(statuses.map { $0.consequence == .counted })::bool[],
                    \(statuses.map { $0.consequence == .userCap })::bool[],
                    \(statuses.map(\.pricing))::text[]
                ) WITH ORDINALITY AS s(
                    "waMessageId", id, status, "sentAt", "deliveredAt", "readAt", "failedAt", code, message, counted, capped,
                    pricing, number
                )
            ), target AS MATERIALIZED (
                -- Two reports of one message would move its counters twice: the second comes back to be parked.
                SELECT DISTINCT ON (t.id) t.id, t.number FROM (
                    SELECT r.number, r.id FROM report r WHERE r.id IS NOT NULL
                    UNION ALL
                    SELECT r.number, m.id FROM report r CROSS JOIN LATERAL (
                        SELECT m.id FROM campaign_messages m WHERE \(only: #"m."waMessageId""#, is: #"r."waMessageId""#)
                    ) m WHERE r.id IS NULL
                ) t ORDER BY t.id, t.number
            ), changed AS MATERIALIZED (
                SELECT m.id, m."runId", m."tenantId", m.status AS old, m."messageStatus" IS NOT NULL AS "isHeld",
                    m."retriedBy" IS NOT NULL AS "isRetried",
                    m.attempts, former."isFormer", \(fragment: waits) AS waits,
                    \(fragment: hasCapped ? UserCapRule.delay : "NULL::float8") AS delay, m."isCapped" AS "wasCapped",
                    \(fragment: waits) OR (m."isCapped" AND former."isFormer") AS "isCapped",
                    \(fragment: waits) AS "isRepeated",
                    CASE
                        WHEN \(fragment: waits) THEN \(message: .pending)
                        WHEN former."isFormer" THEN m.status
                        WHEN m.status IN \(anyOf: MessageStatus.accepted)
                            THEN CASE
                                WHEN r.status = \(message: .failed) THEN
                                    CASE WHEN m.status = \(message: .sent) THEN \(message: .failed) ELSE m.status END
                                ELSE greatest(m.status, r.status)
                            END
                        WHEN m.status = \(message: .failed) AND r.status NOT IN \(anyOf: [MessageStatus.delivered, .read])
                            THEN m.status
                        ELSE r.status
                    END AS new,
                    r."waMessageId", r."sentAt", r."deliveredAt", r."readAt", r."failedAt", r.code, r.message, r.number,
                    \(fragment: RunCharges.pricing(counted: RunCharges.isCounted)) AS pricing,
                    \(fragment: RunCharges.isCounted) AS "wasCharged", CASE
                        WHEN m."recipientPhone" <> '' THEN m."recipientPhone"
                        WHEN m."numberStart" IS NOT NULL THEN m."numberStart"
                        ELSE (
                            SELECT CASE WHEN c."erasedAt" IS NULL THEN c."contactId" ELSE '' END
                            FROM contacts c WHERE \(key: "c.id", of: #"m."contactId""#)
                        )
                    END AS phone,
                    -- The first that is known of the arrival; a message that is read has arrived before.
                    coalesce(least(m."deliveredAt", r."deliveredAt", r."readAt"), now()) AS "chargedAt",
                    \(fragment: hasCounted ? Self.isCounted : "false") AS "isCounted"
                FROM target t
                JOIN report r ON r.number = t.number
                JOIN campaign_messages m ON \(key: "m.id", of: "t.id")
                -- About a request that was repeated since: only its arrival counts.
                CROSS JOIN LATERAL (
                    SELECT coalesce(m."cappedAt" >= CASE r.status
                        WHEN \(message: .sent) THEN r."sentAt" WHEN \(message: .failed) THEN r."failedAt"
                    END, false) AS "isFormer"
                ) former
                \(fragment: hasCapped ? UserCapRule.waiting(if: Self.isCapped) : "")
                ORDER BY t.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    "waMessageId" = coalesce(m."waMessageId", changed."waMessageId"),
                    "sentAt" = CASE
                        WHEN changed.waits THEN NULL
                        WHEN changed."isFormer" THEN m."sentAt"
                        ELSE coalesce(m."sentAt", changed."sentAt", changed."deliveredAt", changed."readAt")
                    END,
                    pricing = changed.pricing,
                    "deliveredAt" = coalesce(m."deliveredAt", changed."deliveredAt", changed."readAt"),
                    "readAt" = coalesce(m."readAt", changed."readAt"),
                    "failedAt" = CASE
                        WHEN changed."isFormer" THEN m."failedAt"
                        WHEN changed.new = \(message: .failed) THEN coalesce(m."failedAt", changed."failedAt")
                    END,
                    "unconfirmedAt" = CASE WHEN changed."isFormer" THEN m."unconfirmedAt" END,
                    "errorCode" = CASE
                        WHEN changed."isFormer" THEN m."errorCode"
                        WHEN changed.new = \(message: .failed) OR changed.waits THEN coalesce(changed.code, m."errorCode")
                    END,
                    "errorMessage" = CASE
                        WHEN changed."isFormer" THEN m."errorMessage"
                        -- The text may name the person, who was erased.
                        WHEN starts_with(m."waMessageId", 'erased:') THEN NULL
                        WHEN changed.new = \(message: .failed) OR changed.waits
                            THEN coalesce(changed.message, m."errorMessage")
                    END,
                    \(fragment: hasCapped ? UserCapRule.assignments + ", " + Self.capping : Self.uncapping)
                FROM changed WHERE \(key: "m.id", of: "changed.id")
            ), \(fragment: hasCapped ? UserCapRule.alarm + ", " + Self.cappedLog + ", " : "")
            \(fragment: RunCounters.countedWithReports), \(fragment: RunCharges.counted)
            \(fragment: hasCounted ? AlikeRefusals.counting(.report) : "")
            SELECT number, "runId" FROM changed
            """
        )
        var runs: [Int: UUID] = [:]
        for row in rows { runs[try row.decode(0, as: Int.self) - 1] = try row.decode(1) }
        var effects = StatusEffects()
        effects.unknown = statuses.indices.filter { runs[$0] == nil }.map { statuses[$0] }
        effects.stops = Self.stops(in: statuses, runs: runs)
        if hasCounted {
            effects.alike = try await RunRepository(pool: pool).alikeRefusals(of: Array(Set(runs.values)))
        }
        return effects
    }

    /// True if the failure of a report `r` about a message `m` counts as one of many alike: those from before the run was
    /// resumed are about the past.
    private static let isCounted: PostgresQuery = """
        r.counted AND r."failedAt" > coalesce(
            (SELECT x."guardsSince" FROM campaign_runs x WHERE x.id = m."runId"), '-infinity'
        )
        """

    /// True for a report `r` about a message `m` that WhatsApp's cap for the person has stopped, after the message was
    /// accepted or while its answer is outstanding.
    private static let isCapped: PostgresQuery = """
        r.capped AND NOT former."isFormer" AND m.status IN \(anyOf: MessageStatus.unanswered + [.sent])
        """

    /// The assignment for reports without a cap: a message that arrived waits no more.
    private static let uncapping: PostgresQuery = "\"isCapped\" = changed.\"isCapped\""

    /// Further assignments that make a message wait of which WhatsApp had accepted a request: no lease holds it any more, the
    /// request counts as none of its attempts, and may have arrived after all.
    private static let capping: PostgresQuery = """
        "nextAttemptAt" = CASE
            WHEN changed.waits THEN now() + changed.delay * interval '1 second' ELSE m."nextAttemptAt"
        END,
        holder = CASE WHEN NOT changed.waits THEN m.holder END,
        attempts = m.attempts
            - CASE WHEN changed.waits AND changed.old = \(message: .sent) AND m.attempts > 0 THEN 1 ELSE 0 END,
        "lostAnswers" = m."lostAnswers" + CASE WHEN changed.waits THEN 1 ELSE 0 END
        """

    /// The expression that logs the refusals.
    private static let cappedLog: PostgresQuery = """
        refusals AS (
            INSERT INTO message_failures ("tenantId", "messageId", attempt, "errorCode", "errorMessage")
            SELECT "tenantId", id, greatest(attempts, 1), coalesce(code, 'unknown'), coalesce(message, '')
            FROM changed WHERE waits
        )
        """

    private static func stops(in statuses: [DeliveryStatus], runs: [Int: UUID]) -> [StatusEffects.Stop] {
        var stops: [StatusEffects.Stop] = []
        for (index, status) in statuses.enumerated() {
            guard [.pausesRun, .holdsRun].contains(status.consequence), let failure = status.failure,
                let failedAt = status.failedAt,
                let run = runs[index]
            else { continue }
            if let known = stops.firstIndex(where: { $0.run == run && $0.failure.code == failure.code }) {
                guard stops[known].failedAt < failedAt else { continue }
                stops[known] = StatusEffects.Stop(run: run, failure: failure, failedAt: failedAt)
            } else {
                stops.append(StatusEffects.Stop(run: run, failure: failure, failedAt: failedAt))
            }
        }
        return stops
    }

    /// Opts the contacts of messages out of marketing; of two statements about consent the later one counts.
    ///
    /// Only reports about known messages count.
    private func takeConsent(of reports: [DeliveryStatus]) async throws(PostgresError) {
        try await takeConsent(
            reports.map { (id: $0.messageID, waMessageID: $0.waMessageID, at: $0.failedAt) }
        )
    }

    /// Opts the contacts of messages out of marketing that WhatsApp refused because the contact has stopped it.
    public func takeConsent(of outcomes: [MessageOutcome]) async throws(PostgresError) {
        let refused = outcomes.filter { $0.failure?.consequence == .optOut }
        try await takeConsent(refused.map { (id: $0.messageID, waMessageID: "", at: nil) })
    }

    private func takeConsent(_ messages: [(id: UUID?, waMessageID: String, at: Date?)]) async throws(PostgresError) {
        guard !messages.isEmpty else { return }
        let rows = try await pool.query(
            """
            SELECT c."tenantId", c."contactId", t."recipientPhone", t.at, c.id, c."erasedAt" IS NOT NULL, t.message FROM (
                SELECT m."contactId" AS id, m."recipientPhone", i.at, m.id AS message FROM unnest(
                    \(messages.map { $0.id })::uuid[], \(messages.map { $0.at })::timestamptz[]
                ) AS i(id, at) JOIN campaign_messages m ON \(key: "m.id", of: "i.id")
                UNION ALL
                SELECT m."contactId" AS id, m."recipientPhone", i.at, m.id FROM unnest(
                    \(messages.map { $0.id == nil ? $0.waMessageID : nil })::text[],
                    \(messages.map { $0.at })::timestamptz[]
                ) AS i(id, at) CROSS JOIN LATERAL (
                    SELECT * FROM campaign_messages m WHERE \(only: #"m."waMessageId""#, is: "i.id")
                ) m
            ) t JOIN contacts c ON \(key: "c.id", of: "t.id")
            """
        )
        var statements: [ConsentStatement] = []
        var erased: [(id: UUID, at: Date?)] = []
        var optOuts: [ResponseRepository.OptOut] = []
        for row in rows {
            guard try !row.decode(5, as: Bool.self) else {
                erased.append((try row.decode(4), try row.decode(3)))
                continue
            }
            optOuts.append(.init(contacts: [try row.decode(4)], at: try row.decode(3), refused: try row.decode(6)))
            statements.append(
                ConsentStatement(
                    tenantID: try row.decode(0),
                    ids: [try row.decode(1), try row.decode(2)],
                    .marketing,
                    isOptedIn: false,
                    source: .refusal,
                    at: try row.decode(3)
                )
            )
        }
        try await ErasedPeople.stopMarketing(erased, in: pool)
        try await ConsentRepository(pool: pool).record(statements)
        try await ResponseRepository(pool: pool).count(optOuts)
    }

    /// Keeps reports whose message is not known yet; ``reportParked(reading:)`` tries them again.
    ///
    /// A report about a message to a person who was erased is applied: WhatsApp's id, which holds the number, is known by its hash.
    public func park(_ unknown: [DeliveryStatus]) async throws(PostgresError) {
        let statuses = try await reportErased(unknown)
        guard !statuses.isEmpty else { return }
        try await pool.execute(
            """
            INSERT INTO webhook_inbox ("waMessageId", status, "occurredAt", "errorCode", "errorMessage", pricing)
            SELECT * FROM unnest(
                \(statuses.map(\.waMessageID))::text[],
                \(statuses.map(\.status.rawValue))::text[],
                \(statuses.map(\.lastReport))::timestamptz[],
                \(statuses.map { $0.failure?.code })::text[],
                \(statuses.map { $0.failure?.message })::text[],
                \(statuses.map(\.pricing))::text[]
            )
            ON CONFLICT ("waMessageId", status) DO NOTHING
            """
        )
    }

    /// Applies reports about messages to people who were erased, and returns all others.
    private func reportErased(_ statuses: [DeliveryStatus]) async throws(PostgresError) -> [DeliveryStatus] {
        guard !statuses.isEmpty else { return [] }
        let rows = try await pool.query(
            """
            SELECT s.number, m.id FROM unnest(\(statuses.map(\.waMessageID))::text[]) WITH ORDINALITY AS s(id, number)
            CROSS JOIN LATERAL (SELECT 'erased:' || encode(sha256(convert_to(s.id, 'UTF8')), 'hex') AS hash) h
            CROSS JOIN LATERAL (
                SELECT m.id FROM campaign_messages m WHERE \(only: #"m."waMessageId""#, is: "h.hash")
            ) m
            """
        )
        guard !rows.isEmpty else { return statuses }
        var known: [Int: UUID] = [:]
        for row in rows { known[try row.decode(0, as: Int.self) - 1] = try row.decode(1) }
        let named = known.keys.sorted().map { index in
            var status = statuses[index]
            status.name(known[index])
            return status
        }
        _ = try await report(named.foldedByMessage())
        return statuses.indices.filter { known[$0] == nil }.map { statuses[$0] }
    }

    /// Applies the parked reports whose message is known by now, and drops those older than a week: WhatsApp repeats a
    /// report for seven days at most.
    ///
    /// A report that Postgres refuses stays parked, and the others are applied.
    ///
    /// - Parameter failure: Classifies a stored code and text.
    /// - Returns: The effects, with the number of applied reports.
    /// - Throws: `PostgresError`.
    public func reportParked(
        reading failure: (_ code: String, _ message: String) -> MessageOutcome.Failure
    ) async throws(PostgresError) -> StatusEffects {
        let rows = try await pool.query(
            """
            SELECT i.id, i."waMessageId", m.id, i.status, i."occurredAt", i."errorCode", i."errorMessage",
                i.pricing
            FROM webhook_inbox i CROSS JOIN LATERAL (
                SELECT m.id FROM campaign_messages m WHERE \(only: #"m."waMessageId""#, is: #"i."waMessageId""#)
            ) m
            ORDER BY i.id LIMIT 500
            """
        )
        var inbox: [Int] = []
        var names: [String] = []
        var statuses: [DeliveryStatus] = []
        var responses: [ResponseRepository.Response] = []
        for row in rows {
            inbox.append(try row.decode(0))
            names.append(try row.decode(1))
            if let kind = ResponseKind(rawValue: try row.decode(3)) {
                responses.append(.init(kind: kind, waMessageID: try row.decode(1), at: try row.decode(4)))
                continue
            }
            guard let rank = DeliveryStatus.Rank(name: try row.decode(3, as: String.self)) else { continue }
            let code = try row.decode(5, as: String?.self)
            let message = try row.decode(6, as: String?.self)
            statuses.append(
                DeliveryStatus(
                    waMessageID: try row.decode(1),
                    messageID: try row.decode(2),
                    rank: rank,
                    at: try row.decode(4),
                    failure: code.map { failure($0, message ?? "") },
                    pricing: try row.decode(7)
                )
            )
        }
        // Reports are applied before they are dropped: a crash in between applies them again, which changes nothing.
        _ = try await ResponseRepository(pool: pool).count(responses)
        var effects = StatusEffects()
        let folded = statuses.foldedByMessage()
        do throws(PostgresError) {
            effects = try await report(folded)
        } catch  where error.isAboutValues && folded.count > 1 {
            var refused: Set<String> = []
            for status in folded {
                do throws(PostgresError) {
                    effects.add(try await report([status]))
                } catch  where error.isAboutValues {
                    refused.insert(status.waMessageID)
                }
            }
            inbox = rows.indices.compactMap { refused.contains(names[$0]) ? nil : inbox[$0] }
        }
        try await pool.execute(
            """
            DELETE FROM webhook_inbox
            WHERE id = ANY(\(inbox)::bigint[]) OR "createdAt" < now() - interval '8 days'
            """
        )
        effects.parked = inbox.count
        return effects
    }
}

extension DeliveryStatus.Rank {
    /// The status with the name that WhatsApp uses; `nil` for those that say nothing about delivery.
    public init?(name: String) {
        switch name {
        case "sent": self = .sent
        case "delivered": self = .delivered
        case "read", "played": self = .read
        case "failed": self = .failed
        default: return nil
        }
    }
}

extension DeliveryStatus {
    /// The effect of its failure; none if the message arrived after all.
    fileprivate var consequence: MessageOutcome.Consequence {
        rank == .failed ? failure?.consequence ?? .none : .none
    }

    fileprivate var lastReport: Date {
        readAt ?? deliveredAt ?? failedAt ?? sentAt ?? Date()
    }
}
