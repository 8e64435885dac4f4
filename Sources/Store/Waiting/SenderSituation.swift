import Calendar
public import Foundation
import JSON
public import Postgres
public import Spec

/// The messages that a sender has to send, and the facts that decide how fast.
///
/// They are read from Postgres in a few statements for any number of senders.
public struct SenderSituation: Sendable {
    /// An open run of the sender.
    struct Run: Sendable {
        let id: UUID
        let campaignID: UUID
        let status: RunStatus
        let statusReason: String?
        let isTriggered: Bool
        let quotaUntil: Date?
        let since: Date
        let expectedCount: Int
        let recipientCount: Int
        let inWindowCount: Int
        let counters: RunCounters
        /// The times at which the first and the last message are tried again that WhatsApp's cap for their person has stopped.
        let cappedUntil: ClosedRange<Date>?
        /// The messages that wait for a time on the clocks of their contacts; `nil` if there are none.
        let held: Held?
        /// The last action on it.
        let lastAction: (kind: RunAction.Kind, actor: RunActor, at: Date)?
        /// The time at which WhatsApp reported that its template can be sent; `nil` unless that is the last report in each language that
        /// it sends, and the run is paused.
        let templateApprovedAt: Date?
        /// True if it goes on by itself when WhatsApp approves its template.
        let isTemplateHold: Bool
        /// True if a file of its message has no id yet, and a daemon uploads it or is to try again.
        let awaitsFile: Bool
    }

    /// Messages of a run that wait for a time on the clocks of their contacts: that of the run, or the end of quiet hours.
    struct Held: Sendable {
        let messages: Int
        /// The first and the last time at which it comes.
        let until: ClosedRange<Date>
        /// The messages for which it comes last.
        let last: Int
        /// True if those for whom it comes first wait for the end of quiet hours.
        let isQuiet: Bool
    }

    /// Postgres's clock.
    public let now: Date
    public let senderID: UUID
    public let tenantID: String
    public let name: String
    public let ratePerSecond: Int
    let resumesByItself: Bool
    /// The end of a pause that WhatsApp asked for.
    public let pausedUntil: Date?
    public let hours: SendingHours?
    private let quietHours: TenantSpec.QuietHours?
    let quotaGroup: String
    /// The lower one of its own limit and WhatsApp's.
    let dailyLimit: Int?
    /// WhatsApp's limit for the account, as far as webhooks told it.
    public let messagingLimit: Int?
    /// Charges of its quota group, by hour.
    public private(set) var charged: [Date: Int] = [:]
    /// The open runs, oldest first.
    private(set) var runs: [Run] = []

    private init(row: PostgresRow) throws {
        now = try row.decode("now")
        senderID = try row.decode("id")
        tenantID = try row.decode("tenantId")
        name = try row.decode("name")
        ratePerSecond = try row.decode("ratePerSecond")
        resumesByItself = try row.decode("onQuotaExhausted", as: String.self) == "wait"
        pausedUntil = try row.decode("pausedUntil")
        quotaGroup = try row.decode("quotaGroup")
        dailyLimit = try row.decode("dailyLimit")
        messagingLimit = try row.decode("messagingLimit")
        let quiet = try row.json("quietHours")
        quietHours = TenantSpec.QuietHours(
            from: quiet?["from"]?.stringValue ?? "",
            to: quiet?["to"]?.stringValue ?? "",
            action: quiet?["action"]?.stringValue,
            clock: quiet?["clock"]?.stringValue
        )
        hours = SendingHours(quietHours: quietHours, timeZone: try row.decode("timeZone"))
    }
}

extension SenderSituation {
    /// Reads the situation of senders.
    ///
    /// - Parameters:
    ///   - condition: Selects the senders, as `s`.
    ///   - kept: Selects standing runs of triggers, as `r`, that are read although they have nothing to send.
    ///   - hasActions: True if the last action on each run and its capped messages are needed; a plan may lack the right to
    ///     read them.
    ///   - connection: The connection to use.
    /// - Returns: The situations by the sender's id.
    /// - Throws: `PostgresError`.
    static func read(
        where condition: PostgresQuery,
        keeping kept: PostgresQuery = "false",
        withActions hasActions: Bool = false,
        on connection: PostgresConnection
    ) async throws -> [UUID: SenderSituation] {
        let rows = try await connection.query(
            """
            SELECT s.id, s."tenantId", s.name, s."ratePerSecond", s."quotaGroup", \(fragment: QuotaRepository.limit) AS "dailyLimit",
                s."onQuotaExhausted", s."messagingLimit",
                s."pausedUntil", t."quietHours", t."timeZone", clock_timestamp() AS now
            FROM senders s LEFT JOIN tenants t ON t."tenantId" = s."tenantId" AND t."archivedAt" IS NULL
            WHERE \(fragment: condition)
            """
        )
        var senders: [UUID: SenderSituation] = [:]
        for row in rows {
            let sender = try SenderSituation(row: row)
            senders[sender.senderID] = sender
        }
        try await addRuns(to: &senders, keeping: kept, withActions: hasActions, on: connection)
        try await addCharges(to: &senders, on: connection)
        return senders
    }

    private static func addRuns(
        to senders: inout [UUID: SenderSituation],
        keeping kept: PostgresQuery,
        withActions hasActions: Bool,
        on connection: PostgresConnection
    ) async throws {
        guard !senders.isEmpty else { return }
        let actions: PostgresQuery =
            hasActions
            ? """
            LEFT JOIN LATERAL (
                SELECT x.action, x.who, x."createdAt" FROM run_actions x WHERE x."runId" = r.id
                ORDER BY x.id DESC LIMIT 1
            ) a ON true
            """
            : "CROSS JOIN (SELECT NULL::text, NULL::text, NULL::timestamptz) a(action, who, \"createdAt\")"
        let capped: PostgresQuery =
            hasActions
            ? """
            LEFT JOIN LATERAL (
                SELECT min(k."dueAt"), max(k."dueAt") FROM capped_messages k WHERE k."runId" = r.id AND r.capped > 0
            ) w(first, last) ON true
            """
            : "CROSS JOIN (SELECT NULL::timestamptz, NULL::timestamptz) w(first, last)"
        let templates: PostgresQuery =
            hasActions
            ? """
            LEFT JOIN LATERAL (
                SELECT max(t."statusAt") FROM campaign_revisions v
                JOIN senders s ON s.id = r."senderId"
                JOIN whatsapp_templates t ON t."businessAccountId" = \(fragment: RunRepository.account)
                    AND t.name = v.content #>> '{message,template,name}'
                    AND \(fragment: TemplateState.isSent(by: "(v.content -> 'message')", in: "t.language"))
                WHERE v.id = r."revisionId" AND r.status = \(run: .paused)
                HAVING bool_and(coalesce(t.status = ANY(\(Array(TemplateState.approved))::text[]), false))
            ) p("approvedAt") ON true
            """
            : "CROSS JOIN (SELECT NULL::timestamptz) p(\"approvedAt\")"
        let held: PostgresQuery =
            hasActions
            ? """
            LEFT JOIN LATERAL (
                SELECT sum(g.messages)::bigint, min(g.until), max(g.until),
                    (array_agg(g.messages ORDER BY g.until DESC))[1], (array_agg(g.quiet ORDER BY g.until))[1]
                FROM (
                    SELECT u.until, sum(k.messages) AS messages, bool_or(u.quiet IS NOT NULL) AS quiet FROM (
                        SELECT k."zoneTime" AS at, k."quietZone" AS zone,
                            sum(k."endPosition" - k."startPosition") AS messages
                        FROM campaign_chunks k
                        WHERE k."runId" = r.id AND r."localZone" IS NOT NULL AND k.status <> \(chunk: .fed)
                        GROUP BY 1, 2 OFFSET 0
                    ) k
                    CROSS JOIN LATERAL (
                        SELECT greatest(CASE WHEN k.at > clock_timestamp() THEN k.at END, q.quiet) AS until, q.quiet
                        FROM (
                            SELECT quiet_until(
                                \(fragment: QuietClock.hours), k.zone, greatest(k.at, clock_timestamp())
                            ) AS quiet OFFSET 0
                        ) q
                    ) u
                    WHERE u.until IS NOT NULL GROUP BY 1
                    UNION ALL
                    SELECT q."dueAt", count(*), true FROM quiet_messages q
                    WHERE q."runId" = r.id AND q."dueAt" > clock_timestamp() GROUP BY 1
                ) g
            ) h(messages, first, last, "lastMessages", quiet) ON true
            """
            : """
            CROSS JOIN (SELECT NULL::bigint, NULL::timestamptz, NULL::timestamptz, NULL::bigint, NULL::boolean)
                h(messages, first, last, "lastMessages", quiet)
            """
        let rows = try await connection.query(
            """
            SELECT r.id, r."senderId", r."campaignId", r.status, r."statusReason", r."isTriggered", r."quotaUntil",
                coalesce(r."startedAt", r."createdAt") AS since, r."expectedCount", r."recipientCount",
                r."inWindowCount", \(fragment: RunCounters.columns), a.action, a.who, a."createdAt" AS "actedAt",
                w.first AS "cappedFirst", w.last AS "cappedLast", p."approvedAt",
                r."templateHeldAt" IS NOT NULL AS "isTemplateHold",
                \(fragment: hasActions ? MediaUploadRepository.isAwaited : "false") AS "awaitsFile",
                h.messages AS "heldMessages", h.first AS "heldFirst", h.last AS "heldLast", h."lastMessages"::bigint AS "lastHeld",
                h.quiet AS "isHeldQuiet"
            FROM campaign_runs r
                \(fragment: actions) \(fragment: capped) \(fragment: templates) \(fragment: held)
            WHERE r."senderId" = ANY(\(Array(senders.keys))::uuid[]) AND r.status IN \(anyOf: RunStatus.open)
                AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0 OR \(fragment: kept))
            ORDER BY r."createdAt", r.id
            """
        )
        for row in rows { senders[try row.decode("senderId")]?.runs.append(try Run(row: row)) }
    }

    private static func addCharges(
        to senders: inout [UUID: SenderSituation],
        on connection: PostgresConnection
    ) async throws {
        let groups = Set(senders.values.filter { $0.dailyLimit != nil }.map(\.quotaGroup))
        let charges = try await charges(of: groups.sorted(), on: connection)
        for id in senders.keys {
            guard let group = senders[id]?.quotaGroup else { continue }
            senders[id]?.charged = charges[group] ?? [:]
        }
    }

    /// Returns the charges of quota groups by hour.
    public static func charges(
        of groups: [String],
        on connection: PostgresConnection
    ) async throws -> [String: [Date: Int]] {
        guard !groups.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT "quotaGroup", hour, sum(count)::bigint AS count FROM quota_hours
            WHERE "quotaGroup" = ANY(\(groups)::text[]) AND hour > now() - interval '26 hours'
            GROUP BY 1, 2
            """
        )
        var charges: [String: [Date: Int]] = [:]
        for row in rows {
            charges[try row.decode("quotaGroup"), default: [:]][try row.decode("hour")] = try row.decode("count")
        }
        return charges
    }

    /// Returns the situations of senders by tenant and name; new senders are left out.
    public static func read(
        named names: [(tenant: String, sender: String)],
        on connection: PostgresConnection
    ) async throws -> [UUID: SenderSituation] {
        guard !names.isEmpty else { return [:] }
        return try await read(
            where: """
                s."archivedAt" IS NULL AND (s."tenantId", s.name) IN (
                    SELECT * FROM unnest(\(names.map(\.tenant))::text[], \(names.map(\.sender))::text[])
                )
                """,
            on: connection
        )
    }

    /// Returns the situation of one sender.
    static func read(of sender: UUID, on connection: PostgresConnection) async throws -> SenderSituation? {
        try await read(where: "s.id = \(sender)", on: connection)[sender]
    }
}

extension SenderSituation.Run {
    fileprivate init(row: PostgresRow) throws {
        id = try row.decode("id")
        campaignID = try row.decode("campaignId")
        status = try row.decode("status")
        statusReason = try row.decode("statusReason")
        isTriggered = try row.decode("isTriggered")
        quotaUntil = try row.decode("quotaUntil")
        since = try row.decode("since")
        expectedCount = try row.decode("expectedCount")
        recipientCount = try row.decode("recipientCount")
        inWindowCount = try row.decode("inWindowCount")
        counters = try RunCounters(row: row)
        let first = try row.decode("cappedFirst", as: Date?.self)
        let last = try row.decode("cappedLast", as: Date?.self)
        cappedUntil = if let first, let last { first...last } else { nil }
        if let messages = try row.decode("heldMessages", as: Int?.self) {
            held = SenderSituation.Held(
                messages: messages,
                until: try row.decode("heldFirst")...row.decode("heldLast"),
                last: try row.decode("lastHeld"),
                isQuiet: try row.decode("isHeldQuiet")
            )
        } else {
            held = nil
        }
        templateApprovedAt = try row.decode("approvedAt")
        isTemplateHold = try row.decode("isTemplateHold")
        awaitsFile = try row.decode("awaitsFile")
        let kind = try row.decode("action", as: String?.self).flatMap(RunAction.Kind.init(rawValue:))
        if let kind, let who = try row.decode("who", as: String?.self),
            let at = try row.decode("actedAt", as: Date?.self)
        {
            lastAction = (kind, RunActor(stored: who), at)
        } else {
            lastAction = nil
        }
    }

    /// The messages that it still has to send, without those that wait for WhatsApp's cap or for their contact's clock.
    var share: LaneWork.Share {
        let total = isTriggered ? recipientCount : max(recipientCount, status == .launching ? expectedCount : 0)
        let unwritten = status == .launching ? max(0, total - counters.total) : 0
        let queued = max(0, counters[.queued] + counters[.sending])
        let waiting = max(0, counters.capped) + (held?.messages ?? 0)
        let pending = max(0, counters[.pending] - waiting) + unwritten
        return LaneWork.Share(
            run: id,
            queued: queued,
            pending: pending,
            outside: min(queued + pending, max(0, total - inWindowCount)),
            goesFirst: isTriggered,
            chunk: LaunchPlan(recipients: max(expectedCount, recipientCount), ratePerSecond: 1).chunkSize
        )
    }

    /// True if it may send: nobody stopped it.
    var isLive: Bool { status == .launching || status == .running || (status == .paused && quotaUntil != nil) }
}

extension SenderSituation {
    /// The work of its lane: what is live, oldest first.
    public var shares: [LaneWork.Share] { runs.filter(\.isLive).map(\.share) }

    /// Estimates when the last message of a run is sent.
    ///
    /// - Parameters:
    ///   - start: The begin.
    ///   - share: Messages that the sender gets more.
    ///   - zone: The zone of those who get them, if quiet hours follow the clocks of contacts.
    /// - Returns: The estimate.
    func estimate(
        from start: Date,
        adding share: LaneWork.Share? = nil,
        of zone: IANAZone? = nil
    ) -> DeliveryEstimate {
        DeliveryEstimate(
            from: start,
            ratePerSecond: ratePerSecond,
            shares: shares + (share.map { [$0] } ?? []),
            hours: zone.flatMap { SendingHours(quietHours, ofContactsIn: $0) } ?? hours,
            quota: dailyLimit.map { DeliveryEstimate.Quota(limit: $0, charged: charged) },
            pausedUntil: pausedUntil
        )
    }

    /// Estimates when those messages of a run are sent whose time comes last; `nil` if none of its messages waits for its time,
    /// or if it takes years.
    func lastHeldCompletion(of run: Run) -> Date? {
        guard let held = run.held else { return nil }
        let share = LaneWork.Share(run: run.id, queued: 0, pending: held.last, outside: held.last)
        return DeliveryEstimate(
            from: held.until.upperBound,
            ratePerSecond: ratePerSecond,
            shares: [share],
            hours: hours,
            quota: dailyLimit.map { DeliveryEstimate.Quota(limit: $0, charged: charged) },
            pausedUntil: pausedUntil
        )
        .completion(of: run.id)
    }
}
