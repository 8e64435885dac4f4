import Calendar
import Foundation
import Postgres
import Spec

/// A schedule with `localTime` starts when its time first comes in any zone of its audience.
///
/// Its next time, `nextRunAt`, is that of its own zone, and identifies the run. From the instant on at which the time could
/// come first in any zone of the world, its audience is counted by zone each half hour until it has come for someone. So people
/// who come into an eastern zone meanwhile have their time, too. Counting locks neither runs nor campaigns, because a run of
/// the time before may be sending.
extension ScheduleRepository {
    /// The time between two looks at the zones of an audience; clocks differ by whole half hours in nearly all zones.
    private static let lookInterval: TimeInterval = 1_800
    /// The time after which a schedule is looked at again that cannot start before its own time.
    private static let mendingInterval: TimeInterval = 3_600
    /// The time after which a schedule is looked at again that waits for a run.
    private static let pause: TimeInterval = 60

    /// A look at the zones of an audience.
    struct Look: Sendable {
        let candidate: LaunchCandidate
        /// `nil` if the time cannot have come anywhere yet.
        let times: LocalTimes?
        /// The time of the next look; if that is not later than now, the time of the schedule has come for someone.
        let next: Date
    }

    /// Finds out whether the time of a schedule has come for anyone; it locks nothing.
    ///
    /// - Returns: `nil` if its times are not those of the clock of each contact, or if its campaign cannot be started.
    /// - Throws: ``LaunchError`` if the campaign lacks something that a run needs.
    static func look(
        at schedule: DueSchedule,
        _ spec: ScheduleSpec,
        on connection: PostgresConnection
    ) async throws -> Look? {
        guard spec.localTime,
            let candidate = try await LaunchCandidate.find(
                schedule.campaignID,
                tenant: schedule.tenantID,
                on: connection
            ), candidate.startsBySchedule
        else { return nil }
        let earliest = LocalTimes.earliest(of: spec.localTime(at: schedule.due))
        guard earliest <= schedule.now else { return Look(candidate: candidate, times: nil, next: earliest) }
        let times = try await localTimes(of: spec, at: schedule.due, for: candidate, now: schedule.now, on: connection)
        // A multiple of the interval after the earliest instant: at these instants the time comes in zones.
        let looks = (schedule.now.timeIntervalSince(earliest) / lookInterval).rounded(.down) + 1
        return Look(
            candidate: candidate,
            times: times,
            next: min(times.first, earliest.addingTimeInterval(looks * lookInterval))
        )
    }

    /// Returns true if a run was opened for the time that is due: earlier than its own time, or before its schedule was
    /// edited, switched off and on again, or Postgres's clock put back.
    static func hasStarted(
        _ schedule: DueSchedule,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> Bool {
        let rows = try await connection.query(
            """
            SELECT EXISTS (
                SELECT FROM campaign_runs WHERE "scheduleId" = \(schedule.id) AND "scheduledFor" = \(schedule.due)
            )
            """
        )
        return try rows[0].decode(0)
    }

    /// Finds a run that was made for a time of the schedule from before it was edited, and that was sent somewhere when the time
    /// that is due came for the first contacts.
    ///
    /// Such a time came too early: contacts of late zones would get the message twice within hours. A time of an unchanged
    /// schedule is meant, however close it is. A cancelled run delays nothing.
    static func overtaking(
        _ schedule: DueSchedule,
        _ spec: ScheduleSpec,
        _ times: LocalTimes,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> (time: String, last: Date)? {
        guard spec.overlap != .cancelRunning else { return nil }
        let rows = try await connection.query(
            """
            SELECT r."scheduledFor", r."localTime", max(z."sendAt") FROM campaign_runs r
            JOIN run_zones z ON z."runId" = r.id AND z."skipCode" IS NULL AND z.contacts > 0
            WHERE r."scheduleId" = \(schedule.id) AND r."localTime" IS NOT NULL AND r."scheduledFor" < \(schedule.due)
                AND r."scheduledFor" > \(schedule.due)::timestamptz - interval '3 days'
                AND r.status NOT IN \(anyOf: [RunStatus.cancelled, .failed])
            GROUP BY 1, 2 ORDER BY 3 DESC
            """
        )
        for row in rows {
            let (time, last) = (try row.decode(0, as: Date.self), try row.decode(2, as: Date.self))
            let isOfSchedule = spec.next(after: time.addingTimeInterval(-1)) == time
            if !isOfSchedule, times.first <= last { return (try row.decode(1), last) }
        }
        return nil
    }

    /// Sets the next time of a schedule after one that has started before.
    static func skipStarted(
        _ schedule: DueSchedule,
        _ spec: ScheduleSpec,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        let isOver = spec.maxRuns.map { schedule.runCount >= $0 } ?? false
        let next = isOver ? nil : spec.next(after: schedule.due)
        try await connection.execute(
            "UPDATE campaign_schedules SET \"nextRunAt\" = \(next), \"updatedAt\" = now() WHERE id = \(schedule.id)"
        )
    }

    /// Finds the instants at which a time of a schedule comes for its audience.
    ///
    /// - Throws: ``LaunchError`` if the campaign has no audience that can be read.
    static func localTimes(
        of spec: ScheduleSpec,
        at start: Date,
        for candidate: LaunchCandidate,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> LocalTimes {
        let zones = try await zones(of: candidate, else: spec.zone, now: now, on: connection)
        return LocalTimes(spec, at: start, in: zones, now: now)
    }

    static func zones(
        of candidate: LaunchCandidate,
        else zone: IANAZone,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceZones {
        let content = try candidate.content(for: .startBySchedule)
        return try await zones(of: candidate, content, else: zone, now: now, on: connection)
    }

    /// Counts the people whom a campaign reaches by zone.
    ///
    /// - Throws: ``LaunchError`` if the campaign has no audience that can be read.
    static func zones(
        of candidate: LaunchCandidate,
        _ content: RevisionContent,
        else zone: IANAZone,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceZones {
        guard let audience = content.audience else { throw LaunchError.noAudience(campaign: candidate.name) }
        let category = try await candidate.reach(of: content, on: connection)
        var recipients = AudienceQuery.recipients(
            tenant: candidate.tenantID,
            filter: audience,
            category: category,
            now: now
        )
        if content.isFreeText {
            let window = ContactWindow(at: now, number: candidate.windowNumber)
            recipients = "\(fragment: recipients) AND \(fragment: window.isOpen)"
        }
        try await connection.execute("SAVEPOINT zones")
        do {
            return try await AudienceZones.read(
                tenant: candidate.tenantID,
                where: recipients,
                else: zone,
                on: connection
            )
        } catch let error as PostgresError where error.isAboutValues {
            // The schedule would stay the first that is due, and no other one would fire again.
            try await connection.execute("ROLLBACK TO SAVEPOINT zones")
            throw LaunchError.unreadableAudience(campaign: candidate.name, problem: "\(error)")
        }
    }

    /// Counts the audience of a campaign by zone, for lists; it locks nothing, because it may take long.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - zone: The zone of its schedule.
    /// - Returns: The zones; `nil` if the campaign cannot start.
    /// - Throws: `PostgresError`.
    func zones(of campaign: UUID, tenant: String, else zone: IANAZone) async throws -> AudienceZones? {
        try await pool.transaction(deadline: .seconds(300)) { connection in
            do {
                guard let candidate = try await LaunchCandidate.find(campaign, tenant: tenant, on: connection) else {
                    return nil
                }
                return try await Self.zones(of: candidate, else: zone, now: Date(), on: connection)
            } catch is LaunchError {
                // Its start will fail with the reason.
                return nil
            }
        }
    }

    /// Puts a schedule off that cannot start now, and may be able to before its own time.
    ///
    /// - Returns: False if its own time has come.
    static func waitForMending(
        _ schedule: DueSchedule,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> Bool {
        guard schedule.hasLocalTime, schedule.now < schedule.due else { return false }
        let look = min(schedule.now.addingTimeInterval(mendingInterval), schedule.due)
        try await wake(schedule, at: look, on: connection)
        return true
    }

    /// Puts a schedule off that waits for the run before, so that its audience is not counted each second.
    static func waitForRun(
        _ schedule: DueSchedule,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await wake(schedule, at: schedule.now.addingTimeInterval(pause), on: connection)
    }

    /// Sets when a schedule is looked at next.
    static func wake(
        _ schedule: DueSchedule,
        at date: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            "UPDATE campaign_schedules SET \"wakeAt\" = \(date), \"updatedAt\" = now() WHERE id = \(schedule.id)"
        )
    }
}
