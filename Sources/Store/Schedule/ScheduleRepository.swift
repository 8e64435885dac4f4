public import Foundation
public import Postgres
import Spec

/// The values of `schedule_occurrences.outcome`.
enum OccurrenceOutcome: String {
    case started, skipped, failed
    /// WhatsApp has not approved the template of the campaign.
    case waiting
}

/// The outcome of one time of a schedule.
public struct Firing: Sendable {
    public enum Outcome: Hashable, Sendable {
        /// A run was opened; its messages are still to be written.
        case started(run: UUID)
        /// Nothing started, by the rules of the schedule.
        case skipped(reason: String)
        /// Nothing started, though it should have.
        case failed(reason: String)
        /// It starts when WhatsApp approves the template.
        case waits(reason: String)
        /// The schedule has started as often as it may.
        case ended
    }

    /// The schedule; `nil` for a campaign that starts once, at a time of its own.
    public let schedule: UUID?
    public let tenantID: String
    public let campaignID: UUID
    public let scheduledFor: Date
    public let outcome: Outcome
    /// The delay between the time, where it comes first, and the firing, in seconds; `nil` at the end of a wait for WhatsApp.
    public let lag: TimeInterval?
}

/// Fires schedules: exactly one run for each of their times, also if daemons compete or crash.
///
/// Each time is one transaction: it locks the schedule's row, opens the run, records the outcome, and sets the next
/// time, or changes nothing at all. Times are compared with Postgres's clock, so daemons whose clocks differ agree. If
/// that clock is changed, a time that was recorded does not fire again.
public struct ScheduleRepository: Sendable {
    /// NOTIFY channel that tells daemons that there is a new time to wake up at.
    public static let channel = "campaign_schedules"

    /// True if a campaign, as `c`, has a schedule that fires again, or one of whose times waits.
    static let firesAgain: PostgresQuery = """
        EXISTS (
            SELECT FROM campaign_schedules s WHERE s."campaignId" = c.id AND s."isActive" AND s."archivedAt" IS NULL
                AND (s."nextRunAt" IS NOT NULL OR EXISTS (
                    SELECT FROM schedule_occurrences o
                    WHERE o."scheduleId" = s.id AND o.outcome = 'waiting'
                ))
        )
        """

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the time until the next firing of any schedule or campaign; negative if it has passed, `nil` for none.
    public func untilNext() async throws(PostgresError) -> Duration? {
        let rows = try await pool.query(
            """
            SELECT extract(epoch FROM least(
                (
                    SELECT min(\(fragment: DueSchedule.lookedAt)) FROM campaign_schedules s
                    WHERE s."isActive" AND s."archivedAt" IS NULL
                ),
                (
                    SELECT min("scheduledAt") FROM campaigns
                    WHERE status = \(campaign: .scheduled) AND "scheduledAt" IS NOT NULL AND "archivedAt" IS NULL
                )
            ) - clock_timestamp())::float8
            """
        )
        return try rows[0].decode(0, as: Double?.self).map { .seconds($0) }
    }

    /// Processes one due schedule by its rules.
    ///
    /// - Parameter now: The current time; `nil` takes Postgres's clock.
    /// - Returns: The outcome; `nil` if nothing is due that is not locked by another daemon.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func fireNext(now: Date? = nil) async throws -> Firing? {
        while true {
            let step: Step = try await pool.transaction(deadline: .seconds(300)) { connection in
                guard let schedule = try await DueSchedule.lock(now: now, on: connection) else { return .nothing }
                return try await fire(schedule, on: connection)
            }
            switch step {
            case .nothing: return nil
            case .putOff: continue
            case .fired(let firing): return firing
            }
        }
    }

    /// The result of looking at one schedule.
    private enum Step: Sendable {
        /// None is due, or the one that is due waits.
        case nothing
        /// It is looked at again later; others may be due.
        case putOff
        case fired(Firing)
    }

    private func fire(_ schedule: DueSchedule, on connection: PostgresConnection) async throws -> Step {
        let spec: ScheduleSpec
        let candidate: LaunchCandidate?
        var times: LocalTimes?
        do {
            spec = try schedule.spec.get()
            if try await Self.hasStarted(schedule, on: connection) {
                try await Self.skipStarted(schedule, spec, on: connection)
                return .putOff
            }
            let look = try await Self.look(at: schedule, spec, on: connection)
            if let look, look.next > schedule.now {
                try await Self.wake(schedule, at: look.next, on: connection)
                return .putOff
            }
            // Runs are locked before campaigns, everywhere.
            try await RunRepository.lockOpen(ofCampaigns: [schedule.campaignID], on: connection)
            candidate = try await LaunchCandidate.lock(id: schedule.campaignID, on: connection)
            times = look?.times
            if spec.localTime, let candidate, candidate.startsBySchedule,
                look?.candidate.hasSameAudience(as: candidate) != true
            {
                // It was changed after the look; the next one sees it as it is now.
                return .putOff
            }
        } catch let error as ScheduleError {
            return .fired(try await note(schedule, .failed(reason: "\(error)"), next: nil, on: connection))
        } catch let error as LaunchError {
            if try await Self.waitForMending(schedule, on: connection) { return .putOff }
            let next = try? schedule.spec.get().next(after: max(schedule.due, schedule.now))
            return .fired(try await note(schedule, .failed(reason: "\(error)"), next: next, on: connection))
        }
        if let times, let run = try await Self.overtaking(schedule, spec, times, on: connection) {
            let reason =
                "the run for \(run.time) was sent until \(run.last.formatted(.iso8601)), and this time begins before"
            let next = spec.next(after: schedule.due)
            return .fired(try await note(schedule, .skipped(reason: reason), next: next, on: connection))
        }
        guard let candidate, candidate.startsBySchedule else {
            let reason = candidate.map { "the campaign is \($0.status.rawValue)" } ?? "the campaign is archived"
            return .fired(try await note(schedule, .skipped(reason: reason), next: nil, on: connection))
        }
        return try await act(schedule, spec, on: candidate, times, connection)
    }

    /// Does what the rules of a schedule say, now that its time has come for someone.
    private func act(
        _ schedule: DueSchedule,
        _ spec: ScheduleSpec,
        on candidate: LaunchCandidate,
        _ times: LocalTimes?,
        _ connection: PostgresConnection
    ) async throws -> Step {
        let shift = times?.last.timeIntervalSince(schedule.due) ?? 0
        let rule = try await schedule.rule(spec, shift: shift, on: connection)
        switch rule.action {
        case .wait:
            guard schedule.hasLocalTime else { return .nothing }
            try await Self.waitForRun(schedule, on: connection)
            return .putOff
        case .end:
            return .fired(try await note(schedule, .ended, next: nil, on: connection))
        case .skip(let reason):
            return .fired(try await note(schedule, .skipped(reason: reason), next: rule.next, on: connection))
        case .start(let time):
            var times = times
            if times != nil, time != schedule.due {
                let now = schedule.now
                times = try await Self.localTimes(of: spec, at: time, for: candidate, now: now, on: connection)
            }
            let outcome = try await start(
                candidate,
                of: schedule.id,
                for: time,
                times,
                waits: spec.startWhenApproved,
                now: schedule.now,
                on: connection
            )
            if case .waits(let problem) = outcome {
                let until = WaitRule.end(spec, after: times?.last ?? time)
                let outcome = Firing.Outcome.waits(reason: WaitRule.reason(problem, until: until))
                // The start is still to come, so it is not the last one yet.
                let next = spec.next(after: time)
                return .fired(
                    try await note(
                        schedule,
                        outcome,
                        time: time,
                        since: times?.first,
                        until: until,
                        next: next,
                        on: connection
                    )
                )
            }
            return .fired(
                try await note(
                    schedule,
                    outcome,
                    time: time,
                    since: times?.first,
                    remark: times?.missed,
                    next: rule.next,
                    on: connection
                )
            )
        }
    }

    /// Opens the run of a time.
    ///
    /// - Parameters:
    ///   - candidate: The campaign, locked.
    ///   - schedule: The schedule.
    ///   - time: The time.
    ///   - times: Its instants by zone, if it is that of the clock of each contact.
    ///   - waits: True if it waits for WhatsApp instead of being skipped for its template.
    ///   - now: The current time.
    ///   - connection: The connection of the transaction.
    /// - Returns: The outcome; with `waits`, the reason is why WhatsApp would refuse the template.
    /// - Throws: `PostgresError`.
    func start(
        _ candidate: LaunchCandidate,
        of schedule: UUID,
        for time: Date,
        _ times: LocalTimes?,
        waits: Bool,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> Firing.Outcome {
        // A start that fails must not cancel anything, but its time must be recorded all the same.
        try await connection.execute("SAVEPOINT start")
        // This has an effect only with `cancelRunning`: otherwise nothing is under way here.
        try await RunRepository.cancelOpen(
            ofCampaigns: [candidate.id],
            reason: "the next run of its schedule began",
            by: .schedule,
            keepingCampaigns: true,
            on: connection
        )
        do {
            let run = try await Self.open(
                candidate,
                by: .startBySchedule,
                origin: .occurrence(schedule: schedule, scheduledFor: time, times: times, waitsItself: waits),
                now: now,
                on: connection
            )
            return .started(run: run.id)
        } catch let error as LaunchError {
            try await connection.execute("ROLLBACK TO SAVEPOINT start")
            if waits, case .template = error { return .waits(reason: "\(error)") }
            return error.isRuled ? .skipped(reason: "\(error)") : .failed(reason: "\(error)")
        } catch let error as PostgresError where error.isAboutValues {
            // Its time would stay the first that is due, and no other schedule would fire again.
            try await connection.execute("ROLLBACK TO SAVEPOINT start")
            return .failed(reason: "\(error)")
        }
    }

    /// Opens a run whatever its audience; a run with an empty audience completes at once.
    static func open(
        _ candidate: LaunchCandidate,
        by event: CampaignStatus.Event,
        origin: LaunchRepository.Origin,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> RunRecord {
        let content = try candidate.content(for: event)
        guard let audience = content.audience else { throw LaunchError.noAudience(campaign: candidate.name) }
        let size = try await LaunchRepository.count(audience, content, of: candidate, now: now, on: connection)
        let run = try await LaunchRepository.insertRun(
            of: candidate,
            content,
            by: event,
            size: size,
            origin: origin,
            now: now,
            on: connection
        )
        try await RunAction.record(.send, on: run.id, by: .schedule, connection)
        return run
    }

    /// Records the outcome and sets the schedule's next time.
    private func note(
        _ schedule: DueSchedule,
        _ outcome: Firing.Outcome,
        time: Date? = nil,
        since first: Date? = nil,
        until end: Date? = nil,
        remark: String? = nil,
        next: Date?,
        on connection: PostgresConnection
    ) async throws -> Firing {
        let time = time ?? schedule.due
        try await Self.endWaits(of: schedule.id, before: time, on: connection)
        if let row = outcome.row {
            try await connection.execute(
                """
                INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome, reason, "runId")
                VALUES (\(schedule.id), \(time), \(schedule.tenantID), \(row.name), \(row.reason ?? remark), \(row.run))
                -- A schedule that was edited may come to a time again that it has skipped; a start is not forgotten.
                ON CONFLICT ("scheduleId", "scheduledFor") DO UPDATE SET outcome = excluded.outcome,
                    reason = excluded.reason, "runId" = excluded."runId", "createdAt" = now(), "waitsUntil" = NULL,
                    "waitsFor" = NULL
                    WHERE schedule_occurrences.outcome <> 'started'
                """
            )
            if let end, let reason = row.reason {
                try await Self.beginWait(schedule, for: time, reason: reason, until: end, on: connection)
            }
        }
        let started = outcome.row?.run == nil ? 0 : 1
        try await connection.execute(
            """
            UPDATE campaign_schedules SET "nextRunAt" = \(next), "runCount" = "runCount" + \(started),
                "lastRunAt" = CASE WHEN \(started) = 1 THEN \(schedule.now) ELSE "lastRunAt" END, "updatedAt" = now()
            WHERE id = \(schedule.id)
            """
        )
        return Firing(
            schedule: schedule.id,
            tenantID: schedule.tenantID,
            campaignID: schedule.campaignID,
            scheduledFor: time,
            outcome: outcome,
            lag: schedule.now.timeIntervalSince(first ?? time)
        )
    }
}

extension Firing.Outcome {
    /// The row that records the outcome; `nil` if it is not recorded.
    var row: (name: String, reason: String?, run: UUID?)? {
        switch self {
        case .started(let run): (OccurrenceOutcome.started.rawValue, nil, run)
        case .skipped(let reason): (OccurrenceOutcome.skipped.rawValue, reason, nil)
        case .failed(let reason): (OccurrenceOutcome.failed.rawValue, reason, nil)
        case .waits(let reason): (OccurrenceOutcome.waiting.rawValue, reason, nil)
        case .ended: nil
        }
    }
}

extension ScheduleRepository {
    /// Starts one campaign whose own time, `scheduledAt`, is due.
    ///
    /// The campaign's state moves on in the transaction that opens its run, so it starts once. A campaign that cannot
    /// start becomes `failed`, with the reason.
    ///
    /// - Parameter now: The current time; `nil` takes Postgres's clock.
    /// - Returns: The outcome; `nil` if none is due that is not locked by another daemon.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func startNext(now: Date? = nil) async throws -> Firing? {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let rows = try await connection.query(
                """
                WITH present AS MATERIALIZED (SELECT coalesce(\(now)::timestamptz, clock_timestamp()) AS instant)
                SELECT c.id, c."tenantId", c."scheduledAt", (SELECT instant FROM present)
                FROM campaigns c
                WHERE c.status = \(campaign: .scheduled) AND c."archivedAt" IS NULL AND c."scheduledAt" IS NOT NULL
                    AND c."scheduledAt" <= (SELECT instant FROM present)
                ORDER BY c."scheduledAt", c.id LIMIT 1
                FOR NO KEY UPDATE OF c SKIP LOCKED
                """
            )
            guard let row = rows.first else { return nil }
            let campaign = try row.decode(0, as: UUID.self)
            let time = try row.decode(2, as: Date.self)
            let now = try row.decode(3, as: Date.self)
            return Firing(
                schedule: nil,
                tenantID: try row.decode(1),
                campaignID: campaign,
                scheduledFor: time,
                outcome: try await start(campaign, for: time, now: now, on: connection),
                lag: now.timeIntervalSince(time)
            )
        }
    }

    private func start(
        _ campaign: UUID,
        for time: Date,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> Firing.Outcome {
        do {
            guard let candidate = try await LaunchCandidate.lock(id: campaign, on: connection) else {
                return .skipped(reason: "the campaign is archived")
            }
            let run = try await Self.open(
                candidate,
                by: .startOnce,
                origin: .occurrence(schedule: nil, scheduledFor: time),
                now: now,
                on: connection
            )
            return .started(run: run.id)
        } catch let error as LaunchError {
            try await connection.execute(
                CampaignStatus.moving(
                    .startFails,
                    set: ["\"statusReason\" = \("\(error)")"],
                    where: "c.id = \(campaign)"
                )
            )
            return .failed(reason: "\(error)")
        }
    }
}
