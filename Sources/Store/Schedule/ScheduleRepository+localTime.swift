import Calendar
import Foundation
import Postgres
import Spec

/// A schedule with `localTime` starts when its time first comes in any zone of its audience.
///
/// Its next time, `nextRunAt`, is that of its own zone, and identifies the run. It is looked at from 27 hours before that
/// on, when the time has not come anywhere, and then an hour before the time comes first, and at that time.
extension ScheduleRepository {
    /// The time before the first instant at which the zones of an audience are looked at once more.
    private static let secondLook: TimeInterval = 3_600
    /// The time after which a schedule is looked at again that cannot start, or waits for a run.
    private static let pause: TimeInterval = 60

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

    private static func zones(
        of candidate: LaunchCandidate,
        else zone: IANAZone,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceZones {
        let content = try candidate.content(for: .startBySchedule)
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

    /// Puts a schedule off whose time comes nowhere yet.
    ///
    /// - Parameters:
    ///   - schedule: The schedule.
    ///   - first: The first instant at which its time comes for anyone.
    ///   - connection: The connection of the transaction.
    /// - Throws: `PostgresError`.
    static func putOff(
        _ schedule: DueSchedule,
        until first: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        let look = first.addingTimeInterval(-secondLook)
        try await wake(schedule, at: look > schedule.now ? look : first, on: connection)
    }

    /// Puts a schedule off that cannot start now, and may be able to before its own time.
    ///
    /// - Returns: False if its own time has come.
    static func waitForMending(
        _ schedule: DueSchedule,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> Bool {
        guard schedule.hasLocalTime, schedule.now < schedule.due else { return false }
        let look = min(schedule.now.addingTimeInterval(secondLook), schedule.due)
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

    private static func wake(
        _ schedule: DueSchedule,
        at date: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            "UPDATE campaign_schedules SET \"wakeAt\" = \(date), \"updatedAt\" = now() WHERE id = \(schedule.id)"
        )
    }
}
