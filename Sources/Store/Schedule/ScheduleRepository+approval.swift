public import Foundation
import Postgres
import Spec

/// A time of a schedule that waits for the approval of the template.
public struct WaitingStart: Hashable, Sendable {
    public let schedule: UUID
    public let scheduledFor: Date
}

/// Times of schedules with `startWhenApproved` whose template WhatsApp has not approved.
///
/// A time that waits is a row of `schedule_occurrences`. What WhatsApp holds is in Postgres, whether a webhook or a reading
/// brought it, so looking there is enough. Each look is one transaction, which starts the run and ends the wait together, or does
/// neither.
extension ScheduleRepository {
    /// The most waits that are looked at in turn.
    private static let mostWaits = 1_000

    /// Hashes of what an edit changes: of the schedule `s`, and of its campaign `c`.
    ///
    /// The name of a template at WhatsApp may change without an edit, when its next version takes another one.
    private static let subject: PostgresQuery = """
        jsonb_build_object(
            'schedule', md5((
                s."campaignId", s."cronExpression", s.at, s."timeZone", s."from", s.until, s."maxRuns", s.misfire,
                s."misfireWindow", s.overlap, s.dst, s."localTime", s."startWhenApproved"
            )::text),
            'campaign', md5((
                c."messageTemplate" #- '{template,name}', c."templateId", c."senderId", c."audienceFilter", c."templateText",
                c."onUserCap", c.type
            )::text)
        )
        """

    /// Returns the times that wait, earliest first.
    public func waitingStarts() async throws -> [WaitingStart] {
        let rows = try await pool.query(
            """
            SELECT "scheduleId", "scheduledFor" FROM schedule_occurrences
            WHERE outcome = 'waiting' ORDER BY 2, 1 LIMIT \(Self.mostWaits)
            """
        )
        return try rows.map { WaitingStart(schedule: try $0.decode(0), scheduledFor: try $0.decode(1)) }
    }

    /// Records that a time waits.
    static func beginWait(
        _ schedule: DueSchedule,
        for time: Date,
        reason: String,
        until: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            """
            UPDATE schedule_occurrences o SET "waitsUntil" = \(until), reason = \(reason), "waitsFor" = \(fragment: subject)
            FROM campaign_schedules s JOIN campaigns c ON c.id = s."campaignId"
            WHERE o."scheduleId" = \(schedule.id) AND o."scheduledFor" = \(time) AND o.outcome = 'waiting'
                AND s.id = \(schedule.id)
            """
        )
    }

    /// Ends the waits of a schedule whose next time has come.
    static func endWaits(
        of schedule: UUID,
        before time: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            """
            UPDATE schedule_occurrences SET outcome = \(OccurrenceOutcome.skipped.rawValue), "waitsUntil" = NULL, "waitsFor" = NULL,
                reason = 'WhatsApp had not approved the template when the next time of the schedule came'
            WHERE "scheduleId" = \(schedule) AND outcome = 'waiting' AND "scheduledFor" <> \(time)
            """
        )
    }

    /// Looks at a time that waits: starts its campaign if WhatsApp has approved the template, or ends the wait.
    ///
    /// - Parameters:
    ///   - start: The time.
    ///   - now: The current time; `nil` takes Postgres's clock.
    /// - Returns: The outcome; `nil` if it goes on waiting, or another daemon looks at it.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func settle(_ start: WaitingStart, now: Date? = nil) async throws -> Firing? {
        try await pool.transaction(deadline: .seconds(300)) { connection in
            let rows = try await connection.query(
                """
                SELECT s.*, o.reason AS "waitReason", o."waitsUntil", o."waitsFor",
                    coalesce(\(now)::timestamptz, clock_timestamp()) AS instant
                FROM schedule_occurrences o JOIN campaign_schedules s ON s.id = o."scheduleId"
                WHERE o."scheduleId" = \(start.schedule) AND o."scheduledFor" = \(start.scheduledFor)
                    AND o.outcome = 'waiting'
                FOR UPDATE OF s, o SKIP LOCKED
                """
            )
            guard let row = rows.first else { return nil }
            let wait = try Wait(row: row, time: start.scheduledFor)
            // Runs are locked before campaigns, everywhere.
            try await RunRepository.lockOpen(ofCampaigns: [wait.campaignID], on: connection)
            return try await settle(wait, on: connection)
        }
    }

    /// A time that waits, with its rows locked.
    private struct Wait {
        let schedule: UUID
        let tenantID: String
        let campaignID: UUID
        let time: Date
        let now: Date
        let until: Date
        let reason: String?
        let subject: PostgresJSON?
        let nextRunAt: Date?
        let isArchived: Bool
        let isActive: Bool
        let spec: Result<ScheduleSpec, any Error>

        init(row: PostgresRow, time: Date) throws {
            schedule = try row.decode("id")
            tenantID = try row.decode("tenantId")
            campaignID = try row.decode("campaignId")
            self.time = time
            now = try row.decode("instant")
            until = try row.decode("waitsUntil", as: Date?.self) ?? .distantPast
            reason = try row.decode("waitReason")
            subject = try row.decode("waitsFor")
            nextRunAt = try row.decode("nextRunAt")
            isArchived = try row.decode("archivedAt", as: Date?.self) != nil
            isActive = try row.decode("isActive")
            spec = Result { try ScheduleSpec(row: row) }
        }
    }

    private func settle(_ wait: Wait, on connection: PostgresConnection) async throws -> Firing? {
        var facts = WaitRule.Facts()
        facts.change = try await Self.change(since: wait, on: connection)
        facts.isFollowed = wait.nextRunAt.map { $0 <= wait.now } ?? false
        var candidate: LaunchCandidate?
        do {
            let spec = try wait.spec.get()
            if facts.change == nil {
                candidate = try await LaunchCandidate.lock(id: wait.campaignID, on: connection)
                if let candidate, candidate.startsBySchedule {
                    facts.problem = try await Self.problem(of: candidate, on: connection)
                    facts.isBusy = try await Self.isBusy(wait.campaignID, on: connection)
                } else {
                    facts.change =
                        candidate.map { "the campaign was \($0.status.rawValue)" } ?? "the campaign was deleted"
                }
            }
            switch WaitRule(facts, overlap: spec.overlap, until: wait.until, now: wait.now).action {
            case .wait(let reason):
                if let reason, reason != wait.reason { try await Self.note(reason, of: wait, on: connection) }
                return nil
            case .end(let reason): return try await end(wait, .skipped(reason: reason), on: connection)
            case .start:
                guard let candidate else { return nil }
                return try await start(wait, candidate, spec, on: connection)
            }
        } catch let error as ScheduleError {
            return try await end(wait, .failed(reason: "\(error)"), on: connection)
        } catch let error as LaunchError {
            return try await end(wait, .failed(reason: "\(error)"), on: connection)
        }
    }

    private func start(
        _ wait: Wait,
        _ candidate: LaunchCandidate,
        _ spec: ScheduleSpec,
        on connection: PostgresConnection
    ) async throws -> Firing? {
        var times: LocalTimes?
        if spec.localTime {
            times = try await Self.localTimes(of: spec, at: wait.time, for: candidate, now: wait.now, on: connection)
        }
        let outcome = try await start(
            candidate,
            of: wait.schedule,
            for: wait.time,
            times,
            waits: true,
            now: wait.now,
            on: connection
        )
        if case .waits = outcome { return nil }
        return try await end(wait, outcome, remark: times?.missed, on: connection)
    }

    /// Returns what has changed since the wait began, as the begin of a sentence; `nil` if nothing has.
    private static func change(since wait: Wait, on connection: PostgresConnection) async throws -> String? {
        if wait.isArchived { return "the schedule was deleted" }
        if !wait.isActive { return "the schedule was switched off" }
        let rows = try await connection.query(
            """
            SELECT n.subject -> 'schedule' = w.subject -> 'schedule', n.subject -> 'campaign' = w.subject -> 'campaign',
                n."archivedAt" IS NOT NULL
            FROM (
                SELECT \(fragment: subject) AS subject, c."archivedAt"
                FROM campaign_schedules s JOIN campaigns c ON c.id = s."campaignId" WHERE s.id = \(wait.schedule)
                FOR NO KEY UPDATE OF c
            ) n, (SELECT \(wait.subject)::jsonb AS subject) w
            """
        )
        guard let row = rows.first, try !row.decode(2, as: Bool.self) else { return "the campaign was deleted" }
        if try row.decode(0, as: Bool?.self) != true { return "the schedule was edited" }
        return try row.decode(1, as: Bool?.self) == true ? nil : "the campaign was edited"
    }

    /// Returns why WhatsApp would refuse the template of a campaign, as a sentence; `nil` if it would not.
    private static func problem(
        of candidate: LaunchCandidate,
        on connection: PostgresConnection
    ) async throws -> String? {
        do {
            try await LaunchTemplate.read(
                candidate.content(for: .startBySchedule).message,
                campaign: candidate.id,
                sender: candidate.senderID,
                tenant: candidate.tenantID,
                on: connection
            )?
            .check(campaign: candidate.name)
            return nil
        } catch let error as LaunchError {
            guard case .template = error else { throw error }
            return error.description
        }
    }

    private static func isBusy(_ campaign: UUID, on connection: PostgresConnection) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT EXISTS (
                SELECT FROM campaign_runs r WHERE r."campaignId" = \(campaign)
                    AND r.status IN \(anyOf: RunStatus.open) AND r."supersededAt" IS NULL
            )
            """
        )
        return try rows[0].decode(0)
    }

    private static func note(
        _ reason: String,
        of wait: Wait,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            """
            UPDATE schedule_occurrences SET reason = \(reason)
            WHERE "scheduleId" = \(wait.schedule) AND "scheduledFor" = \(wait.time)
            """
        )
    }

    /// Records how a wait ended.
    private func end(
        _ wait: Wait,
        _ outcome: Firing.Outcome,
        remark: String? = nil,
        on connection: PostgresConnection
    ) async throws -> Firing? {
        guard let row = outcome.row else { return nil }
        try await connection.execute(
            """
            UPDATE schedule_occurrences SET outcome = \(row.name), reason = \(row.reason ?? remark), "runId" = \(row.run),
                "waitsUntil" = NULL, "waitsFor" = NULL
            WHERE "scheduleId" = \(wait.schedule) AND "scheduledFor" = \(wait.time)
            """
        )
        let started = row.run == nil ? 0 : 1
        // The next time is named, so that the state of the campaign follows.
        try await connection.execute(
            """
            UPDATE campaign_schedules SET "runCount" = "runCount" + \(started), "updatedAt" = now(),
                "nextRunAt" = CASE WHEN "runCount" + \(started) >= "maxRuns" THEN NULL ELSE "nextRunAt" END,
                "lastRunAt" = CASE WHEN \(started) = 1 THEN \(wait.now) ELSE "lastRunAt" END
            WHERE id = \(wait.schedule)
            """
        )
        return Firing(
            schedule: wait.schedule,
            tenantID: wait.tenantID,
            campaignID: wait.campaignID,
            scheduledFor: wait.time,
            outcome: outcome,
            lag: nil
        )
    }
}
