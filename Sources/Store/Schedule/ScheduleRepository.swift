public import Foundation
public import Postgres
import Spec

/// Fires schedules: exactly one run for each of their times, whichever daemon sees it first and wherever it dies.
///
/// A time and its run are one transaction: the schedule's row is locked, the run is opened, the outcome is noted, and the
/// schedule moves on to its next time, or nothing of it has happened. Times are compared with Postgres's clock, so
/// daemons whose clocks differ agree; when that clock is set, a time that was noted does not come again.
public struct ScheduleRepository: Sendable {
    /// NOTIFY channel that tells daemons that there is another time to wake up at.
    public static let channel = "campaign_schedules"

    /// Whether a campaign, as `c`, has a schedule that fires again.
    static let firesAgain: PostgresQuery = """
        EXISTS (
            SELECT FROM campaign_schedules s
            WHERE s."campaignId" = c.id AND s."isActive" AND s."nextRunAt" IS NOT NULL AND s."archivedAt" IS NULL
        )
        """

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// How long until the next time of any schedule or campaign; negative when it has passed, `nil` when there is none.
    public func untilNext() async throws(PostgresError) -> Duration? {
        let rows = try await pool.query(
            """
            SELECT extract(epoch FROM least(
                (SELECT min("nextRunAt") FROM campaign_schedules WHERE "isActive" AND "archivedAt" IS NULL),
                (
                    SELECT min("scheduledAt") FROM campaigns
                    WHERE status = 'scheduled' AND "scheduledAt" IS NOT NULL AND "archivedAt" IS NULL
                )
            ) - clock_timestamp())::float8
            """
        )
        return try rows[0].decode(0, as: Double?.self).map { .seconds($0) }
    }

    /// Looks at one schedule whose time has come, and does what its rules say.
    ///
    /// - Parameter now: The present; `nil` takes Postgres's clock.
    /// - Returns: What became of it; `nil` when nothing is due that nobody else is looking at.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func fireNext(now: Date? = nil) async throws -> Firing? {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            guard let schedule = try await DueSchedule.lock(now: now, on: connection) else { return nil }
            return try await fire(schedule, on: connection)
        }
    }

    private func fire(_ schedule: DueSchedule, on connection: PostgresConnection) async throws -> Firing? {
        let spec: ScheduleSpec
        let candidate: LaunchCandidate?
        do {
            spec = try schedule.spec.get()
            candidate = try await LaunchCandidate.lock(id: schedule.campaignID, on: connection)
        } catch let error as ScheduleError {
            return try await note(schedule, .failed(reason: "\(error)"), next: nil, on: connection)
        } catch let error as LaunchError {
            let next = try? schedule.spec.get().next(after: max(schedule.due, schedule.now))
            return try await note(schedule, .failed(reason: "\(error)"), next: next, on: connection)
        }
        guard let candidate, !["cancelled", "failed"].contains(candidate.status) else {
            let reason = candidate.map { "the campaign is \($0.status)" } ?? "the campaign is archived"
            return try await note(schedule, .skipped(reason: reason), next: nil, on: connection)
        }
        let rule = try await schedule.rule(spec, on: connection)
        switch rule.action {
        case .wait:
            return nil
        case .end:
            return try await note(schedule, .ended, next: nil, on: connection)
        case .skip(let reason):
            return try await note(schedule, .skipped(reason: reason), next: rule.next, on: connection)
        case .start(let time):
            let outcome = try await start(candidate, of: schedule, for: time, on: connection)
            return try await note(schedule, outcome, time: time, next: rule.next, on: connection)
        }
    }

    private func start(
        _ candidate: LaunchCandidate,
        of schedule: DueSchedule,
        for time: Date,
        on connection: PostgresConnection
    ) async throws -> Firing.Outcome {
        // A start that fails must not have cancelled anything, while its time is noted all the same.
        try await connection.execute("SAVEPOINT start")
        // Without effect unless the schedule says `cancelRunning`: nothing is under way then.
        try await RunRepository.cancelOpen(
            ofCampaigns: [candidate.id],
            reason: "the next run of its schedule began",
            keepingCampaigns: true,
            on: connection
        )
        do {
            let content = try candidate.content(in: ["draft", "scheduled", "completed", "running", "paused"])
            let run = try await Self.open(
                candidate,
                content,
                origin: .occurrence(schedule: schedule.id, scheduledFor: time),
                now: schedule.now,
                on: connection
            )
            return .started(run: run.id)
        } catch let error as LaunchError {
            try await connection.execute("ROLLBACK TO SAVEPOINT start")
            return .failed(reason: "\(error)")
        }
    }

    /// Opens a run whoever its audience is: an empty one makes a run without messages, which ends at once.
    static func open(
        _ candidate: LaunchCandidate,
        _ content: RevisionContent,
        origin: LaunchRepository.Origin,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> RunRecord {
        guard let audience = content.audience else { throw LaunchError.noAudience(campaign: candidate.name) }
        let size = try await LaunchRepository.count(audience, candidate: candidate, now: now, on: connection)
        return try await LaunchRepository.insertRun(
            of: candidate,
            content,
            size: size,
            origin: origin,
            now: now,
            on: connection
        )
    }

    /// Notes the outcome and moves the schedule on.
    private func note(
        _ schedule: DueSchedule,
        _ outcome: Firing.Outcome,
        time: Date? = nil,
        next: Date?,
        on connection: PostgresConnection
    ) async throws -> Firing {
        let time = time ?? schedule.due
        if let row = outcome.row {
            try await connection.execute(
                """
                INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome, reason, "runId")
                VALUES (\(schedule.id), \(time), \(schedule.tenantID), \(row.name), \(row.reason), \(row.run))
                ON CONFLICT ("scheduleId", "scheduledFor") DO NOTHING
                """
            )
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
            lag: schedule.now.timeIntervalSince(time)
        )
    }
}

extension Firing.Outcome {
    /// What is written down of it; `nil` is nothing.
    fileprivate var row: (name: String, reason: String?, run: UUID?)? {
        switch self {
        case .started(let run): ("started", nil, run)
        case .skipped(let reason): ("skipped", reason, nil)
        case .failed(let reason): ("failed", reason, nil)
        case .ended: nil
        }
    }
}
