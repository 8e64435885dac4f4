import Calendar
public import Foundation
import JSON
public import Postgres
import Spec

/// Turns a campaign into a run with its messages, resumable after a crash between any two steps.
public struct LaunchRepository: Sendable {
    /// The result of a request to launch.
    public enum Opening: Sendable {
        /// A new run, whose messages are still to be written.
        case opened(RunRecord)
        /// The campaign has a run under way already: launching twice is one run.
        case underWay(RunRecord)
        /// The campaign has been sent.
        case over(RunRecord)
    }

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Freezes the campaign's content and creates its run, in state `launching`.
    ///
    /// - Parameters:
    ///   - campaign: The name of the campaign.
    ///   - tenant: The owner of the campaign.
    ///   - now: The instant against which the 24 hour window is measured for the whole launch, and from which its
    ///     messages may be sent; `nil` takes Postgres's clock, which all daemons share.
    ///   - actor: Who launches it.
    /// - Returns: The new run, or the one that exists.
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func open(
        campaign: String,
        tenant: String,
        now: Date? = nil,
        by actor: RunActor = .daemon
    ) async throws -> Opening {
        try await open(.name(campaign), tenant: tenant, now: now, by: actor).opening
    }

    /// Opens a run of a campaign given by name or id, and returns the quota that the run was checked against.
    ///
    /// - Returns: The result, and the quota, which is `nil` if there was a run before.
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func open(
        _ key: CampaignKey,
        tenant: String,
        now given: Date? = nil,
        by actor: RunActor = .daemon
    ) async throws -> (opening: Opening, quota: QuotaCheck?) {
        do {
            return try await pool.transaction(deadline: .seconds(120)) { connection in
                try await open(key, tenant: tenant, now: given, by: actor, on: connection)
            }
        } catch let error as PostgresError where error.isUniqueViolation {
            // Another process opened it at the same time.
            return try await open(key, tenant: tenant, now: given, by: actor)
        }
    }

    /// Returns what ``open(_:tenant:now:by:)`` would do at this moment, and changes nothing.
    ///
    /// The launch itself runs in a transaction that is rolled back, so that a preview makes the same checks.
    ///
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func preview(
        _ key: CampaignKey,
        tenant: String
    ) async throws -> (opening: Opening, quota: QuotaCheck?) {
        do {
            return try await pool.transaction(deadline: .seconds(120)) { connection in
                throw RolledBack(
                    result: try await open(key, tenant: tenant, now: nil, by: .daemon, on: connection)
                )
            }
        } catch let error as RolledBack {
            return error.result
        }
    }

    /// Ends the transaction of a preview.
    private struct RolledBack: Error, CustomStringConvertible {
        let result: (opening: Opening, quota: QuotaCheck?)

        var description: String { "the launch of a preview was rolled back" }
    }

    private func open(
        _ key: CampaignKey,
        tenant: String,
        now given: Date?,
        by actor: RunActor,
        on connection: PostgresConnection
    ) async throws -> (opening: Opening, quota: QuotaCheck?) {
        let now = try await Self.present(given, on: connection)
        let candidate = try await LaunchCandidate.lock(key, tenant: tenant, on: connection)
        if let run = try await latestRun(of: candidate.id, on: connection) {
            return (run.status.isOver ? .over(run) : .underWay(run), nil)
        }
        let content = try candidate.content(for: .launch)
        if candidate.isTriggered {
            let empty = AudienceSize(total: 0, inWindow: 0)
            let run = try await Self.insertRun(
                of: candidate,
                content,
                by: .launch,
                size: empty,
                origin: .trigger,
                now: now,
                on: connection
            )
            try await RunAction.record(.send, on: run.id, by: actor, connection)
            return (.opened(run), nil)
        }
        let (run, quota) = try await Self.openCounted(candidate, content, by: .launch, now: now, on: connection)
        try await RunAction.record(.send, on: run.id, by: actor, connection)
        return (.opened(run), quota)
    }

    /// Compares the messages that a run still has to send with the rest of its sender's quota.
    ///
    /// - Returns: The result; `nil` if the run does not exist.
    public func quota(of run: UUID, now: Date) async throws -> QuotaCheck? {
        try await pool.transaction { connection in
            let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(run)")
            guard let record = try rows.first.map(RunRecord.init(row:)) else { return nil }
            let audience = AudienceSize(total: record.recipientCount, inWindow: record.inWindowCount)
            return try await QuotaRepository().check(
                sender: record.senderID,
                audience: audience,
                now: now,
                on: connection
            )
        }
    }

    private func latestRun(of campaign: UUID, on connection: PostgresConnection) async throws -> RunRecord? {
        let rows = try await connection.query(
            """
            \(fragment: RunRecord.selection) WHERE r."campaignId" = \(campaign) ORDER BY r."createdAt" DESC LIMIT 1
            """
        )
        return try rows.first.map(RunRecord.init(row:))
    }
}

extension LaunchRepository {
    /// The reason why a run is opened.
    enum Origin: Sendable {
        /// A request launched it.
        case launch
        /// A time of a schedule, or of a campaign that starts once, is due; with the instants at which it comes in the zones of
        /// the audience, if it is sent by the clock of each contact. If it waits for WhatsApp itself, no run is opened that does.
        case occurrence(schedule: UUID?, scheduledFor: Date, times: LocalTimes? = nil, waitsItself: Bool = false)
        /// A campaign that waits for events; its messages come one by one.
        case trigger
        /// A request sends it once more; one run for each key of the caller.
        case again(key: String)
        /// Messages of a former run are repeated; the caller writes the messages in the same transaction. One run for each
        /// key, if the caller has one.
        case retry(of: UUID, key: String? = nil)
        /// A request sends the message to test recipients; the caller writes the messages in the same transaction.
        case test(key: String?)
    }

    /// Counts the contacts that the message reaches: free text only those in their window.
    ///
    /// - Throws: ``LaunchError/noneReachable(campaign:people:)`` if there are contacts, and it reaches none of them.
    static func count(
        _ audience: AudienceFilter,
        _ content: RevisionContent,
        of candidate: LaunchCandidate,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        let category = try await candidate.reach(of: content, on: connection)
        let all = try await AudienceQuery.size(
            of: AudienceQuery.Audience(
                tenant: candidate.tenantID,
                filter: audience,
                category: category,
                window: ContactWindow(at: now, number: candidate.windowNumber)
            ),
            now: now,
            countingNumbers: try await TenantRates.read(of: candidate.tenantID, on: connection) != nil,
            on: connection
        )
        let size = all.reached(byFreeText: content.isFreeText)
        guard size.total > 0 || size.unreachable == 0 else {
            throw LaunchError.noneReachable(campaign: candidate.name, people: size.unreachable)
        }
        return size
    }

    /// Counts the audience, compares it with the quota, and opens a run for it, in the caller's transaction.
    ///
    /// - Throws: ``LaunchError`` if the message reaches none of the audience, or the quota, the policy or the wallet
    ///   refuses it.
    static func openCounted(
        _ candidate: LaunchCandidate,
        _ content: RevisionContent,
        by event: CampaignStatus.Event,
        origin: Origin = .launch,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> (run: RunRecord, quota: QuotaCheck) {
        let campaign = candidate.name
        guard let audience = content.audience else { throw LaunchError.noAudience(campaign: campaign) }
        let size = try await count(audience, content, of: candidate, now: now, on: connection)
        guard size.total > 0 else {
            let contacts = try await AudienceQuery.contacts(of: [candidate.tenantID], on: connection)
            let category = try await candidate.reach(of: content, on: connection)
            let funnel = AudienceFunnel(contacts[candidate.tenantID], size, category)
            throw LaunchError.emptyAudience(campaign: campaign, funnel)
        }
        let quota = try await checkQuota(of: candidate, size: size, now: now, on: connection)
        let run = try await insertRun(
            of: candidate,
            content,
            by: event,
            size: size,
            origin: origin,
            now: now,
            on: connection
        )
        return (run, quota)
    }

    /// Compares recipients with the quota of the campaign's sender.
    ///
    /// - Throws: ``LaunchError/quotaExhausted(campaign:problem:)`` if no message could be sent.
    static func checkQuota(
        of candidate: LaunchCandidate,
        size: AudienceSize,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> QuotaCheck {
        let quota = try await QuotaRepository().check(
            sender: candidate.senderID,
            audience: size,
            now: now,
            on: connection
        )
        guard quota.canProceed else {
            throw LaunchError.quotaExhausted(campaign: candidate.name, problem: quota.warning ?? "")
        }
        return quota
    }

    /// Returns the given instant, or the present by Postgres's clock.
    static func present(_ given: Date?, on connection: PostgresConnection) async throws(PostgresError) -> Date {
        try await connection.query("SELECT coalesce(\(given)::timestamptz, clock_timestamp())")[0].decode(0)
    }

    /// Makes the id of a new run.
    static func makeID(at now: Date) -> UUID {
        var random = SystemRandomNumberGenerator()
        return MessageID.makeRun(at: now, using: &random)
    }

    /// Freezes the content and creates the run, in the caller's transaction, which holds the campaign's row.
    ///
    /// - Parameters:
    ///   - candidate: The campaign.
    ///   - content: What the run sends.
    ///   - event: The move of the campaign.
    ///   - size: The number of recipients.
    ///   - origin: The reason of the run.
    ///   - given: Its id; `nil` makes one.
    ///   - now: The instant of the launch.
    ///   - connection: The connection of the transaction.
    ///   - messages: Writes the messages of a run that is not left to the launchers. Their tokens are held after it, so
    ///     that the wallet is not locked for the time it takes.
    /// - Returns: The run.
    /// - Throws: ``LaunchError`` if the tenant's policy or wallet refuses it; nothing was written then, unless `messages`
    ///   wrote it.
    static func insertRun(
        of candidate: LaunchCandidate,
        _ content: RevisionContent,
        by event: CampaignStatus.Event,
        size: AudienceSize,
        origin: Origin = .launch,
        id given: UUID? = nil,
        now: Date,
        on connection: PostgresConnection,
        writing messages: (@Sendable () async throws -> Void)? = nil
    ) async throws -> RunRecord {
        let category = try await candidate.reach(of: content, on: connection)
        var cost: CostEstimate?
        if size.beginnings != nil, let rates = try await TenantRates.read(of: candidate.tenantID, on: connection) {
            cost = rates.estimate(
                size,
                of: RateCategory(template: category, isFreeText: content.isFreeText),
                at: max(now, origin.times?.first ?? now),
                until: origin.times.map { max(now, $0.last) }
            )
        }
        let most = try await LaunchPolicy.check(
            candidate,
            content,
            size: size,
            cost: origin.isLaunched ? .none : .some(cost),
            scheduledFor: origin.scheduledFor,
            on: connection
        )
        try await TemplateUse.begin(
            content.message,
            sender: candidate.senderID,
            campaign: candidate.name,
            on: connection
        )
        // Set if the run waits for the approval of its template.
        var waiting: String?
        let template = try await LaunchTemplate.read(
            content.message,
            campaign: candidate.id,
            sender: candidate.senderID,
            tenant: candidate.tenantID,
            on: connection
        )
        // What is queued at once cannot wait.
        if candidate.startsWhenApproved, !origin.isLaunched, !origin.waitsItself {
            waiting = template?.problem.map { "waits for WhatsApp: the campaign \($0)" }
        } else {
            try template?.check(campaign: candidate.name)
        }
        // The wallet is checked before any write, because a caller that catches the refusal continues the transaction.
        var grant: WalletHold.Grant?
        if messages == nil { grant = try await WalletHold.ask(for: size.total, campaign: candidate, on: connection) }
        let revision = try await freeze(content, of: candidate, on: connection)
        let id = given ?? makeID(at: now)
        var completion: Date?
        if !origin.isTrigger {
            completion = try await OutlookRepository.completion(
                of: size,
                by: candidate.senderID,
                from: now,
                on: connection
            )
        }
        let times = try await times(of: origin, candidate, content, now: now, on: connection)
        if let times {
            let last = try await OutlookRepository.completion(
                of: times,
                by: candidate.senderID,
                from: now,
                on: connection
            )
            completion = last.map { max($0, completion ?? $0) }
        }
        try await connection.execute(
            """
            INSERT INTO campaign_runs (
                id, "campaignId", "tenantId", "revisionId", "senderId", "isFreeText", "windowCutoff", "expectedCount",
                "startedAt", "estimatedCompletionAt", "scheduleId", "scheduledFor", "isTriggered", "retryOf", "launchKey",
                status, "launchPhase", "recipientLimit", "unreachableCount", "isMarketing",
                "needsNumber", "leftOut", "localTime", "localZone", "isTest", "estimatedCost", "statusReason", "templateHeldAt"
            ) VALUES (
                \(id), \(candidate.id), \(candidate.tenantID), \(revision), \(candidate.senderID), \(content.isFreeText),
                \(now.addingTimeInterval(-AudienceQuery.windowLength)), \(size.total), \(now), \(completion),
                \(origin.schedule), \(origin.scheduledFor), \(origin.isTrigger), \(origin.retried), \(origin.key),
                \(origin.isLaunched ? RunStatus.running : .launching),
                \(origin.isLaunched ? LaunchProgress.Phase.done : .inWindow),
                \(origin.isLaunched ? nil : most), \(size.unreachable), \(category.isMarketing),
                \(category.needsNumber), \(PostgresJSON(text: size.leftOut.json.canonicalText))::jsonb,
                \(times?.time?.description), \(times?.fallback.identifier), \(origin.isTest),
                \(cost.map { PostgresJSON(text: $0.json.canonicalText) })::jsonb, \(waiting),
                CASE WHEN \(waiting != nil) THEN \(fragment: RunRepository.heldSinceLaunch) END
            )
            """
        )
        if let times { try await times.write(of: id, tenant: candidate.tenantID, now: now, on: connection) }
        if let messages {
            try await messages()
            grant = try await WalletHold.ask(for: size.total, campaign: candidate, on: connection)
        }
        if let grant { try await WalletHold.open(grant, run: id, on: connection) }
        try await connection.execute(
            CampaignStatus.moving(
                event,
                set: [
                    "\"statusReason\" = NULL", "\"startedAt\" = \(now)", "\"completedAt\" = NULL",
                    "\"recipientCount\" = \(size.total)", "\"estimatedCompletionAt\" = \(completion)",
                ],
                where: "c.id = \(candidate.id)"
            )
        )
        // Wakes the launchers.
        try await connection.announce(RunRepository.channel, payload: id.uuidString)
        let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(id)")
        return try RunRecord(row: rows[0])
    }

    /// Finds the zones of the contacts of a run, if their clocks decide when they get the message: the time of a schedule, or
    /// the quiet hours of the tenant.
    ///
    /// - Returns: `nil` if no clock of a contact counts, or if the messages are written without a launch; the claim of each
    ///   message asks for quiet hours then.
    private static func times(
        of origin: Origin,
        _ candidate: LaunchCandidate,
        _ content: RevisionContent,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> LocalTimes? {
        guard !origin.isLaunched else { return nil }
        let rows = try await connection.query(
            """
            SELECT coalesce("quietHours" ->> 'clock' = 'contact' AND "quietHours" ->> 'action' = 'wait', false) FROM tenants
            WHERE "tenantId" = \(candidate.tenantID) AND "archivedAt" IS NULL
            """
        )
        guard try rows.first?.decode(0) ?? false else { return origin.times }
        if let times = origin.times { return times.withQuietZones(from: now) }
        let zones = try await ScheduleRepository.zones(of: candidate, content, else: .utc, now: now, on: connection)
        return LocalTimes(atOnce: now, in: zones).withQuietZones(from: now)
    }

    private static func freeze(
        _ content: RevisionContent,
        of candidate: LaunchCandidate,
        on connection: PostgresConnection
    ) async throws -> UUID {
        let rows = try await connection.query(
            """
            INSERT INTO campaign_revisions ("campaignId", "tenantId", number, digest, content)
            SELECT \(candidate.id)::uuid, \(candidate.tenantID)::text,
                coalesce((SELECT max(number) FROM campaign_revisions WHERE "campaignId" = \(candidate.id)), 0) + 1,
                \(content.digest)::text, \(PostgresJSON(text: content.json.canonicalText))::jsonb
            -- Not a column of the key, because a transaction that updates a run twice shares a lock of the key.
            ON CONFLICT ("campaignId", digest) DO UPDATE SET "tenantId" = excluded."tenantId"
            RETURNING id
            """
        )
        return try rows[0].decode(0)
    }
}

extension LaunchRepository.Origin {
    fileprivate var schedule: UUID? {
        guard case .occurrence(let schedule, _, _, _) = self else { return nil }
        return schedule
    }

    fileprivate var scheduledFor: Date? {
        guard case .occurrence(_, let time, _, _) = self else { return nil }
        return time
    }

    fileprivate var times: LocalTimes? {
        guard case .occurrence(_, _, let times, _) = self else { return nil }
        return times
    }

    fileprivate var waitsItself: Bool {
        guard case .occurrence(_, _, _, let waits) = self else { return false }
        return waits
    }

    fileprivate var isTrigger: Bool {
        guard case .trigger = self else { return false }
        return true
    }

    fileprivate var retried: UUID? {
        guard case .retry(let run, _) = self else { return nil }
        return run
    }

    fileprivate var key: String? {
        switch self {
        case .again(let key): key
        case .retry(_, let key): key
        case .test(let key): key
        case .launch, .occurrence, .trigger: nil
        }
    }

    /// True if no launcher writes its messages.
    fileprivate var isLaunched: Bool { isTrigger || retried != nil || isTest }

    fileprivate var isTest: Bool {
        guard case .test = self else { return false }
        return true
    }
}
