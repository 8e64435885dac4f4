public import Foundation
public import Postgres
public import Spec

/// The causes for which an open run does not send, and the time at which it is done.
public struct RunOutlook: Hashable, Sendable {
    public let waiting: Waiting
    /// `nil` while a person or a guard stops it, and for the standing run of a trigger with nothing to send.
    public let estimatedCompletionAt: Date?

    public init(waiting: Waiting, estimatedCompletionAt: Date?) {
        (self.waiting, self.estimatedCompletionAt) = (waiting, estimatedCompletionAt)
    }
}

/// The outlook of open runs: from the runs, what stands before them, the rules of their tenants, and what daemons report.
public struct OutlookRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the outlook of those of the runs that are open.
    ///
    /// A few statements, whatever the number of runs; none of them reads messages.
    public func outlooks(of runs: [RunRecord]) async throws -> [UUID: RunOutlook] {
        let open = runs.filter { !$0.status.isOver }
        guard !open.isEmpty else { return [:] }
        return try await outlooks(of: "r.id = ANY(\(open.map(\.id))::uuid[])") { $0.id }
    }

    /// Returns the outlook of one run; `nil` if it is over.
    public func outlook(of run: RunRecord) async throws -> RunOutlook? {
        try await outlooks(of: [run])[run.id]
    }

    /// Returns the outlook of those of the campaigns that have an open run, by campaign.
    public func outlooks(of campaigns: [CampaignRecord]) async throws -> [UUID: RunOutlook] {
        guard !campaigns.isEmpty else { return [:] }
        return try await outlooks(of: "r.\"campaignId\" = ANY(\(campaigns.map(\.id))::uuid[])") { $0.campaignID }
    }

    /// Returns the outlook of the open runs that meet a condition on `campaign_runs AS r`, and of others of their
    /// senders.
    private func outlooks(
        of condition: PostgresQuery,
        by key: (SenderSituation.Run) -> UUID
    ) async throws -> [UUID: RunOutlook] {
        try await pool.withConnection { connection in
            let senders: PostgresQuery = """
                s.id IN (
                    SELECT r."senderId" FROM campaign_runs r
                    WHERE \(fragment: condition) AND r.status IN \(anyOf: RunStatus.open)
                )
                """
            let situations = try await SenderSituation.read(
                where: senders,
                keeping: condition,
                withActions: true,
                on: connection
            )
            guard !situations.isEmpty else { return [:] }
            let daemons = try await DaemonRepository.presence(on: connection)
            var outlooks: [UUID: RunOutlook] = [:]
            for situation in situations.values {
                for run in situation.runs { outlooks[key(run)] = situation.outlook(of: run, daemons) }
            }
            return outlooks
        }
    }

    /// Estimates when a run would be done that a sender begins now.
    ///
    /// - Parameters:
    ///   - size: Its recipients.
    ///   - sender: The sender.
    ///   - start: The begin.
    ///   - connection: The connection to use.
    /// - Returns: The end; `nil` if the sender is unknown, or if it takes years.
    /// - Throws: `PostgresError`.
    static func completion(
        of size: AudienceSize,
        by sender: UUID,
        from start: Date,
        on connection: PostgresConnection
    ) async throws -> Date? {
        let run = UUID()
        guard let situation = try await SenderSituation.read(of: sender, on: connection) else { return nil }
        let share = LaneWork.Share(planned: size, run: run)
        return situation.estimate(from: start, adding: share).completion(of: run)
    }

    /// Estimates when a run would be done that a sender begins now, and whose contacts get the message by their clocks.
    ///
    /// - Returns: The end for the contacts who get it last; `nil` if the sender is unknown, if it takes years, or without
    ///   contacts.
    /// - Throws: `PostgresError`.
    static func completion(
        of times: LocalTimes,
        by sender: UUID,
        from now: Date,
        on connection: PostgresConnection
    ) async throws -> Date? {
        guard let situation = try await SenderSituation.read(of: sender, on: connection) else { return nil }
        return times.groups.compactMap { group, contacts in
            let run = UUID()
            let share = LaneWork.Share(planned: AudienceSize(total: contacts, inWindow: 0), run: run)
            let start = max(now, group.sendAt)
            return situation.estimate(from: start, adding: share, of: group.quietZone).completion(of: run)
        }
        .max()
    }
}

extension LaneWork.Share {
    /// The messages of a run that is not written yet.
    public init(planned size: AudienceSize, run: UUID) {
        self.init(
            run: run,
            queued: 0,
            pending: size.total,
            outside: size.outOfWindow,
            chunk: LaunchPlan(recipients: size.total, ratePerSecond: 1).chunkSize
        )
    }
}

extension Date {
    /// The next whole second: an estimate is no better, and looks the same to all who ask at once.
    fileprivate var wholeSecond: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.up)) }
}

extension SenderSituation {
    fileprivate func outlook(of run: Run, _ daemons: DaemonRepository.Presence) -> RunOutlook {
        let estimate = estimate(from: now)
        var facts = facts(of: run)
        facts.lastHeartbeat = daemons.lastSeen
        facts.reports = daemons.reports(of: senderID)
        let share = run.share
        let isIdle = share.queued + share.pending == 0
        if isIdle {
            facts.cappedUntil = run.cappedUntil?.lowerBound
            if run.held?.isQuiet == true {
                facts.contactQuietUntil = run.held?.until.lowerBound
            } else {
                facts.localTimeUntil = run.held?.until.lowerBound
            }
        }
        if !isIdle {
            if let quiet = hours?.quiet(at: now) { (facts.quietSince, facts.quietUntil) = (quiet.since, quiet.until) }
            facts.awaitsFile = run.awaitsFile
            if isBehindOthers(run) { facts.turnAt = estimate.turn(of: run.id) }
        }
        let waiting = Waiting(facts)
        let isEndKnown = facts.pause == nil && waiting.reason != .paused && !(run.isTriggered && isIdle)
        let last = max(run.cappedUntil?.upperBound ?? .distantPast, lastHeldCompletion(of: run) ?? .distantPast)
        return RunOutlook(
            waiting: waiting,
            estimatedCompletionAt: isEndKnown ? estimate.completion(of: run.id).map { max($0, last).wholeSecond } : nil
        )
    }

    /// Returns the facts from the row of a run, its last action and its sender.
    private func facts(of run: Run) -> WaitingFacts {
        var facts = WaitingFacts(now: now, since: run.since)
        facts.isLaunching = run.status == .launching
        facts.resumesByItself = resumesByItself
        facts.rateLimitedUntil = pausedUntil
        let action = run.lastAction
        switch (run.status, action?.kind) {
        case (.paused, .pause), (.running, .resume): facts.since = max(run.since, action?.at ?? run.since)
        default: break
        }
        guard run.status == .paused else { return facts }
        facts.quotaUntil = run.quotaUntil
        facts.templateApprovedAt = run.templateApprovedAt
        if run.quotaUntil == nil {
            let actor = action?.kind == .pause ? action?.actor : nil
            facts.pause = WaitingFacts.Pause(
                since: facts.since,
                actor: actor,
                reason: run.statusReason,
                isHold: run.isTemplateHold
            )
        }
        return facts
    }

    /// Returns true if messages of other runs go out while this one has none in the lane, or only after events.
    private func isBehindOthers(_ run: Run) -> Bool {
        guard run.status == .running, !run.isTriggered else { return false }
        let others = runs.filter { $0.id != run.id && $0.isLive }.map(\.share)
        let events = others.filter(\.goesFirst).reduce(0) { $0 + $1.queued + $1.pending }
        // A second's worth of events delays nothing that one would notice.
        if events > ratePerSecond { return true }
        return run.share.queued == 0 && others.contains { !$0.goesFirst && $0.queued > 0 }
    }
}
