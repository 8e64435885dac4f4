public import Foundation
public import Postgres
import Spec

/// A sender with its pace, its quota, its lane and what WhatsApp reported of it, as lists show it.
public struct SenderOverview: Sendable {
    public let id: UUID
    public let tenantID: String
    public let name: String
    public let phoneNumberID: String
    /// The number as people write it, learned from webhooks.
    public let displayPhoneNumber: String?
    /// The quota group as Redis names it.
    public let quotaGroup: String
    /// The quota group as the specs of the tenant name it.
    public let quotaName: String
    public let ratePerSecond: Int
    public let quota: QuotaStatus
    /// The cause for which its lane does not send; `moving` if nothing stops it.
    public let waiting: Waiting
    /// The end of a pause that WhatsApp asked for; `nil` if there is none.
    public let silencedUntil: Date?
    /// The number of its open runs.
    public let openRuns: Int
    /// The messages of its open runs by status.
    public let counters: RunCounters
    /// Messages of its open runs that WhatsApp holds back.
    public let held: Int
    /// The last event of the number's quality that WhatsApp reported, such as `FLAGGED`.
    public let qualityEvent: String?
    /// The quality of the number, as it was read: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    public let numberQuality: String?
    /// The status of the number, as it was read; `CONNECTED` is the only healthy one.
    public let numberStatus: String?
    /// WhatsApp's limit of business-initiated messages, as it was read, such as `TIER_2K`.
    public let messagingTier: String?
    /// The restriction of the account that is in force.
    public let restriction: String?
    /// The end of the restriction; `nil` if it has none.
    public let restrictedUntil: Date?
    /// The templates of the account that WhatsApp has stopped.
    public let stoppedTemplates: [TemplateState]
    /// The clock of Postgres at which this was read.
    public let readAt: Date
    /// The attempts of its open runs, by run: two readings give the rate.
    public let tried: [UUID: Int]

    /// Returns the messages per second between an earlier reading and this one.
    ///
    /// Runs that are only in one of them are left out: their beginning or end is unknown.
    ///
    /// - Returns: `nil` if the readings have the same time.
    public func rate(since earlier: SenderOverview) -> Double? {
        let seconds = readAt.timeIntervalSince(earlier.readAt)
        guard seconds > 0 else { return nil }
        let messages = tried.reduce(0) { sum, run in sum + max(0, run.value - (earlier.tried[run.key] ?? run.value)) }
        return Double(messages) / seconds
    }
}

/// Reads senders for lists.
public struct SenderOverviewRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the senders that are not archived, by tenant and name.
    ///
    /// - Parameter tenant: The owner of the senders; `nil` means all tenants.
    /// - Returns: The senders.
    /// - Throws: `PostgresError`.
    public func all(tenant: String?) async throws -> [SenderOverview] {
        try await all(where: tenant.map { #"s."tenantId" = \#($0)"# } ?? "true")
    }

    /// Returns the senders of some tenants that are not archived, by tenant and name.
    ///
    /// - Throws: `PostgresError`.
    public func all(tenants: [String]) async throws -> [SenderOverview] {
        try await all(where: #"s."tenantId" = ANY(\#(tenants)::text[])"#)
    }

    private func all(where owner: PostgresQuery) async throws -> [SenderOverview] {
        try await pool.withConnection { connection in
            let condition: PostgresQuery = #"s."archivedAt" IS NULL AND \#(fragment: owner)"#
            let situations = try await SenderSituation.read(where: condition, withActions: true, on: connection)
            let daemons = try await DaemonRepository.presence(on: connection)
            let rows = try await connection.query(
                """
                SELECT s.id, s."tenantId", s.name, s."phoneNumberId", s."displayPhoneNumber", s."quotaGroup",
                    s."ratePerSecond", s."onQuotaExhausted", s."pausedUntil", s."qualityEvent", s."businessAccountId",
                    n.quality AS "numberQuality", n.status AS "numberStatus", n."messagingTier",
                    a.restriction, a."restrictedUntil", coalesce(r.held, 0) AS held, coalesce(r.runs, 0) AS runs
                FROM senders s LEFT JOIN whatsapp_accounts a ON a."businessAccountId" = s."businessAccountId"
                LEFT JOIN account_sweeps w ON w."accountId" = s."accountId" AND w."sweptAt" IS NOT NULL
                LEFT JOIN whatsapp_numbers n ON n."businessAccountId" = w."businessAccountId"
                    AND n."phoneNumberId" = s."phoneNumberId" AND n."goneAt" IS NULL
                LEFT JOIN LATERAL (
                    SELECT sum(r.held)::bigint AS held, count(*) AS runs FROM campaign_runs r
                    WHERE r."senderId" = s.id AND r.status IN \(anyOf: RunStatus.open)
                ) r ON true
                WHERE \(fragment: condition) ORDER BY s."tenantId", s.name
                """
            )
            let groups = try Set(rows.map { try $0.decode("quotaGroup", as: String.self) }).sorted()
            let used = try await QuotaRepository().used(by: groups, now: daemons.now, on: connection)
            let stopped = try await stoppedTemplates(
                of: Set(rows.compactMap { try $0.decode("businessAccountId", as: String?.self) }),
                on: connection
            )
            return try rows.compactMap { row in
                guard let situation = situations[try row.decode("id")] else { return nil }
                let account = try row.decode("businessAccountId", as: String?.self)
                return try SenderOverview(
                    row: row,
                    situation,
                    daemons,
                    used: used[row.decode("quotaGroup")] ?? 0,
                    stopped: account.flatMap { stopped[$0] } ?? []
                )
            }
        }
    }

    private func stoppedTemplates(
        of accounts: Set<String>,
        on connection: PostgresConnection
    ) async throws -> [String: [TemplateState]] {
        guard !accounts.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT w.* FROM whatsapp_templates w WHERE w."businessAccountId" = ANY(\(accounts.sorted())::text[])
            ORDER BY w.name, w.language
            """
        )
        return Dictionary(grouping: try rows.map(TemplateState.init(row:)).filter(\.isStopped), by: \.businessAccountID)
    }
}

extension SenderOverview {
    fileprivate init(
        row: PostgresRow,
        _ situation: SenderSituation,
        _ daemons: DaemonRepository.Presence,
        used: Int,
        stopped: [TemplateState]
    ) throws {
        let now = situation.now
        id = situation.senderID
        (tenantID, name, ratePerSecond) = (situation.tenantID, situation.name, situation.ratePerSecond)
        phoneNumberID = try row.decode("phoneNumberId")
        displayPhoneNumber = try row.decode("displayPhoneNumber")
        quotaGroup = try row.decode("quotaGroup")
        quotaName = QuotaGroup.name(of: quotaGroup, tenant: tenantID)
        quota = QuotaStatus(
            businessSent24h: used,
            tierLimit: situation.dailyLimit,
            resumesByItself: situation.resumesByItself
        )
        silencedUntil = situation.pausedUntil.flatMap { $0 > now ? $0 : nil }
        openRuns = try row.decode("runs")
        held = try row.decode("held")
        qualityEvent = try row.decode("qualityEvent")
        numberQuality = try row.decode("numberQuality")
        numberStatus = try row.decode("numberStatus")
        messagingTier = try row.decode("messagingTier")
        let end = try row.decode("restrictedUntil", as: Date?.self)
        let isRestricted = end.map { $0 > now } ?? true
        restriction = isRestricted ? try row.decode("restriction") : nil
        restrictedUntil = restriction == nil ? nil : end
        stoppedTemplates = stopped
        readAt = now
        var counters = RunCounters()
        for run in situation.runs {
            for status in MessageStatus.allCases { counters[status] += max(0, run.counters[status]) }
            counters.capped += max(0, run.counters.capped)
        }
        self.counters = counters
        tried = Dictionary(uniqueKeysWithValues: situation.runs.map { ($0.id, $0.counters.tried) })
        waiting = Self.waiting(situation, daemons)
    }

    /// Decides why the lane does not send, by the rules for runs: the pause of a single run does not stop it.
    private static func waiting(_ situation: SenderSituation, _ daemons: DaemonRepository.Presence) -> Waiting {
        var facts = WaitingFacts(now: situation.now, since: situation.now)
        facts.lastHeartbeat = daemons.lastSeen
        facts.reports = daemons.reports(of: situation.senderID)
        facts.resumesByItself = situation.resumesByItself
        facts.rateLimitedUntil = situation.pausedUntil
        let live = situation.runs.filter(\.isLive)
        if !live.isEmpty, live.allSatisfy({ $0.quotaUntil != nil }) {
            facts.quotaUntil = live.compactMap(\.quotaUntil).min()
        }
        if let quiet = situation.hours?.quiet(at: situation.now) {
            (facts.quietSince, facts.quietUntil) = (quiet.since, quiet.until)
        }
        return Waiting(facts)
    }
}
