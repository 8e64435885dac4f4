import Calendar
public import Foundation
import JSON
import Postgres
import Spec

/// The reason why a schedule cannot fire.
public enum ScheduleError: Error, Equatable, CustomStringConvertible {
    /// A column of its row cannot be read, for example after an edit by hand.
    case unreadable(schedule: UUID, column: String, problem: String)

    public var description: String {
        switch self {
        case .unreadable(let schedule, let column, let problem):
            "schedule \(schedule.uuidString.lowercased()), column \"\(column)\": \(problem)"
        }
    }
}

/// A due schedule, with its row locked.
struct DueSchedule: Sendable {
    let id: UUID
    let tenantID: String
    let campaignID: UUID
    /// The time that is due.
    let due: Date
    let now: Date
    let runCount: Int
    /// True if its times are those of the clock of each contact.
    let hasLocalTime: Bool
    /// Its times and rules, or the error of its row.
    let spec: Result<ScheduleSpec, any Error>

    /// Locks the schedule that has waited longest and that no other daemon has locked.
    ///
    /// Schedules that wait for a run to end are left out; they become due again when the run ends.
    ///
    /// - Parameters:
    ///   - now: The current time; `nil` takes Postgres's clock, which all daemons share.
    ///   - connection: The connection of the transaction.
    /// - Returns: The schedule; `nil` if none is due.
    /// - Throws: `PostgresError`.
    static func lock(now: Date?, on connection: PostgresConnection) async throws -> DueSchedule? {
        // The clock is read once, before the rows. If the condition called the clock for each row, Postgres could not
        // use the index, and would read all rows that are not due yet.
        let rows = try await connection.query(
            """
            WITH present AS MATERIALIZED (SELECT coalesce(\(now)::timestamptz, clock_timestamp()) AS instant)
            SELECT s.*, (SELECT instant FROM present) AS instant
            FROM campaign_schedules s
            WHERE s."isActive" AND s."archivedAt" IS NULL
                AND \(fragment: lookedAt) <= (SELECT instant FROM present)
                AND NOT (
                    (s.overlap = 'queue' OR (s.overlap = 'skip' AND s.misfire = 'runAll'
                        AND s."nextRunAt" < (SELECT instant FROM present) - \(DueRule.tolerance) * interval '1 second'))
                    AND EXISTS (\(fragment: openRun))
                )
            ORDER BY \(fragment: lookedAt), s.id LIMIT 1
            FOR UPDATE OF s SKIP LOCKED
            """
        )
        return try rows.first.map(DueSchedule.init(row:))
    }

    /// The time at which `campaign_schedules AS s` is looked at next.
    static let lookedAt: PostgresQuery = "coalesce(s.\"wakeAt\", s.\"nextRunAt\")"

    /// A run under way, of the campaign of `campaign_schedules AS s`.
    private static let openRun: PostgresQuery = """
        SELECT FROM campaign_runs r WHERE r."campaignId" = s."campaignId"
            AND r.status IN \(anyOf: RunStatus.open) AND r."supersededAt" IS NULL
        """

    private init(row: PostgresRow) throws {
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        campaignID = try row.decode("campaignId")
        due = try row.decode("nextRunAt")
        now = try row.decode("instant")
        runCount = try row.decode("runCount")
        hasLocalTime = try row.decode("localTime")
        spec = Result { try ScheduleSpec(row: row) }
    }

    /// Decides what the schedule does, once the campaign is locked.
    ///
    /// - Parameters:
    ///   - spec: Its times and rules.
    ///   - shift: Seconds from its time, on the clock of its own zone, until the time has come for everyone.
    ///   - connection: The connection of the transaction.
    /// - Returns: The decision.
    /// - Throws: `PostgresError`.
    func rule(
        _ spec: ScheduleSpec,
        shift: TimeInterval = 0,
        on connection: PostgresConnection
    ) async throws -> DueRule {
        let rows = try await connection.query(
            """
            SELECT coalesce(bool_or(status IN \(anyOf: RunStatus.open) AND "supersededAt" IS NULL), false),
                max("completedAt")
            FROM campaign_runs WHERE "campaignId" = \(campaignID)
            """
        )
        return DueRule(
            schedule: spec,
            due: due,
            now: now.addingTimeInterval(-shift),
            runCount: runCount,
            isBusy: try rows[0].decode(0),
            freeSince: try rows[0].decode(1, as: Date?.self)?.addingTimeInterval(-shift)
        )
    }
}

extension ScheduleSpec {
    /// Reads a row of `campaign_schedules`, of a spec or of the API.
    ///
    /// - Throws: ``ScheduleError`` naming the column that cannot be read.
    init(row: PostgresRow) throws {
        let id = try row.decode("id", as: UUID.self)
        func unreadable(_ column: String, _ problem: String) -> ScheduleError {
            .unreadable(schedule: id, column: column, problem: problem)
        }
        func local(_ column: String) throws -> LocalDateTime? {
            guard let text = try row.decode(column, as: String?.self) else { return nil }
            guard let time = LocalDateTime(text) else { throw unreadable(column, "`\(text)` is no local time") }
            return time
        }
        let zoneName = try row.decode("timeZone", as: String.self)
        guard let zone = IANAZone(zoneName) else { throw unreadable("timeZone", "`\(zoneName)` is no time zone") }
        let timing: Timing
        if let text = try row.decode("cronExpression", as: String?.self) {
            do { timing = .cron(try CronExpression(text)) } catch { throw unreadable("cronExpression", "\(error)") }
        } else if let at = try local("at") {
            timing = .at(at)
        } else {
            throw unreadable("cronExpression", "it has no time")
        }
        self.init(timing: timing, zone: zone)
        header = SpecHeader(name: try row.decode("name", as: String?.self) ?? id.uuidString.lowercased())
        (from, until, maxRuns) = (try local("from"), try local("until"), try row.decode("maxRuns"))
        misfire = Misfire(rawValue: try row.decode("misfire")) ?? misfire
        misfireWindow = SpecDuration(try row.decode("misfireWindow", as: String.self)) ?? misfireWindow
        overlap = Overlap(rawValue: try row.decode("overlap")) ?? overlap
        localTime = try row.decode("localTime")
        startWhenApproved = try row.decode("startWhenApproved")
        let dst = try row.json("dst")
        self.dst = DSTPolicy(
            gap: dst?["gap"]?.stringValue.flatMap(DSTPolicy.Gap.init(rawValue:)),
            fold: dst?["fold"]?.stringValue.flatMap(DSTPolicy.Fold.init(rawValue:))
        )
    }
}
