import Calendar
public import Foundation
import Postgres
import Spec

/// A schedule with its next and last starts, as lists show it.
public struct ScheduleOverview: Sendable {
    /// A time of a schedule that has passed.
    public struct Occurrence: Hashable, Sendable {
        public let scheduledFor: Date
        /// `started`, `skipped`, `failed` or `waiting`.
        public let outcome: String
        /// The reason why nothing started, or why it waits, for people.
        public let reason: String?
        /// The run that it started.
        public let runID: UUID?
    }

    /// The id of the schedule; `nil` for a campaign with a single time of its own.
    public let id: UUID?
    /// The name of its spec; `nil` for a schedule of the API, and for a time of the campaign itself.
    public let name: String?
    public let tenantID: String
    public let campaignID: UUID
    public let campaignName: String
    /// Five fields; `nil` for a single time.
    public let cronExpression: String?
    /// The single local time of a schedule.
    public let at: String?
    /// The zone of its times: its own, or the one of the tenant for a time of the campaign itself.
    public let timeZone: String
    /// True if its times are those of the clock of each contact; the times here are on the clock of ``timeZone``.
    public let localTime: Bool
    /// The zones of its audience now, if its times are those of the clock of each contact, it fires again, and zones were
    /// asked for.
    public fileprivate(set) var zones: AudienceZones?
    /// False while it is switched off.
    public let isActive: Bool
    public let maxRuns: Int?
    public let runCount: Int
    /// The next times, soonest first; the first one may have passed while a run of the campaign is open.
    public let next: [Date]
    /// The error of its row; `nil` if it can fire.
    public let problem: String?
    /// The last times, latest first; rows are kept for 90 days.
    public let last: [Occurrence]
}

extension ScheduleRepository {
    /// Returns the schedules that are not archived, and the campaigns with a single time of their own.
    ///
    /// - Parameters:
    ///   - tenant: The owner; `nil` means all tenants.
    ///   - count: The maximum number of next times of each.
    ///   - limit: The maximum number of last times of each; `nil` is `count`.
    ///   - countsZones: True to count the audiences of schedules with `localTime` by zone, which reads all contacts for each.
    /// - Returns: The schedules by tenant, campaign and name.
    /// - Throws: `PostgresError`.
    public func overview(
        tenant: String?,
        count: Int,
        last limit: Int? = nil,
        countsZones: Bool = true
    ) async throws -> [ScheduleOverview] {
        let rows = try await pool.query(
            """
            SELECT s.*, c.name AS campaign FROM campaign_schedules s JOIN campaigns c ON c.id = s."campaignId"
            WHERE s."archivedAt" IS NULL AND (\(tenant)::text IS NULL OR s."tenantId" = \(tenant)::text)
            ORDER BY s."tenantId", c.name, s.name, s.id LIMIT 10000
            """
        )
        let last = try await occurrences(of: rows.map { try $0.decode("id") }, count: limit ?? count)
        var schedules = try rows.map { row in
            try ScheduleOverview(row: row, count: count) { last[$0] ?? [] }
        }
        for index in schedules.indices where countsZones && schedules[index].localTime {
            let schedule = schedules[index]
            guard !schedule.next.isEmpty, let zone = IANAZone(schedule.timeZone) else { continue }
            schedules[index].zones = try await zones(of: schedule.campaignID, tenant: schedule.tenantID, else: zone)
        }
        return try await (schedules + single(tenant: tenant, count: count)).sorted {
            ($0.tenantID, $0.campaignName, $0.name ?? "") < ($1.tenantID, $1.campaignName, $1.name ?? "")
        }
    }

    private func occurrences(of ids: [UUID], count: Int) async throws -> [UUID: [ScheduleOverview.Occurrence]] {
        let rows = try await pool.query(
            """
            SELECT o.* FROM unnest(\(ids)::uuid[]) AS s(id) CROSS JOIN LATERAL (
                SELECT o."scheduleId", o."scheduledFor", o.outcome, o.reason, o."runId" FROM schedule_occurrences o
                WHERE o."scheduleId" = s.id ORDER BY o."scheduledFor" DESC LIMIT \(count)
            ) o ORDER BY o."scheduledFor" DESC
            """
        )
        var found: [UUID: [ScheduleOverview.Occurrence]] = [:]
        for row in rows {
            let occurrence = ScheduleOverview.Occurrence(
                scheduledFor: try row.decode("scheduledFor"),
                outcome: try row.decode("outcome"),
                reason: try row.decode("reason"),
                runID: try row.decode("runId")
            )
            found[try row.decode("scheduleId", as: UUID.self), default: []].append(occurrence)
        }
        return found
    }

    /// Returns the campaigns whose own time is to come, or has passed without a schedule.
    private func single(tenant: String?, count: Int) async throws -> [ScheduleOverview] {
        let rows = try await pool.query(
            """
            SELECT c.id, c."tenantId", c.name, c."scheduledAt", c."statusReason", t."timeZone", r.id AS run,
                c.status = \(campaign: .scheduled) AS waits, c.status = \(campaign: .failed) AS "hasFailed"
            FROM campaigns c
            LEFT JOIN tenants t ON t."tenantId" = c."tenantId" AND t."archivedAt" IS NULL
            LEFT JOIN LATERAL (
                SELECT r.id FROM campaign_runs r
                WHERE r."campaignId" = c.id AND r."scheduleId" IS NULL AND r."scheduledFor" = c."scheduledAt"
                ORDER BY r."createdAt" DESC LIMIT 1
            ) r ON true
            WHERE c."archivedAt" IS NULL AND c."scheduledAt" IS NOT NULL
                AND (\(tenant)::text IS NULL OR c."tenantId" = \(tenant)::text)
                AND (c.status IN (\(campaign: .scheduled), \(campaign: .failed)) OR r.id IS NOT NULL)
            ORDER BY c."scheduledAt" DESC LIMIT 10000
            """
        )
        return try rows.map { row in
            let time = try row.decode("scheduledAt", as: Date.self)
            let run = try row.decode("run", as: UUID?.self)
            var last: [ScheduleOverview.Occurrence] = []
            if let run {
                last = [.init(scheduledFor: time, outcome: OccurrenceOutcome.started.rawValue, reason: nil, runID: run)]
            } else if try row.decode("hasFailed") {
                let reason = try row.decode("statusReason", as: String?.self)
                last = [
                    .init(scheduledFor: time, outcome: OccurrenceOutcome.failed.rawValue, reason: reason, runID: nil)
                ]
            }
            return ScheduleOverview(
                id: nil,
                name: nil,
                tenantID: try row.decode("tenantId"),
                campaignID: try row.decode("id"),
                campaignName: try row.decode("name"),
                cronExpression: nil,
                at: nil,
                timeZone: try row.decode("timeZone", as: String?.self) ?? "UTC",
                localTime: false,
                isActive: true,
                maxRuns: nil,
                runCount: run == nil ? 0 : 1,
                next: try row.decode("waits") ? [time] : [],
                problem: nil,
                last: last
            )
        }
    }
}

extension ScheduleOverview {
    fileprivate init(row: PostgresRow, count: Int, last: (UUID) -> [Occurrence]) throws {
        let id = try row.decode("id", as: UUID.self)
        (self.id, self.last) = (id, last(id))
        name = try row.decode("name")
        tenantID = try row.decode("tenantId")
        campaignID = try row.decode("campaignId")
        campaignName = try row.decode("campaign")
        cronExpression = try row.decode("cronExpression")
        at = try row.decode("at")
        timeZone = try row.decode("timeZone")
        localTime = try row.decode("localTime")
        isActive = try row.decode("isActive")
        maxRuns = try row.decode("maxRuns")
        let started = try row.decode("runCount", as: Int.self)
        runCount = started
        let first = try row.decode("nextRunAt", as: Date?.self)
        switch Result(catching: { try ScheduleSpec(row: row) }) {
        case .success(let spec):
            problem = nil
            let left = maxRuns.map { max(0, $0 - started) } ?? count
            let times = first.map { [$0] + spec.fireTimes(after: $0, count: max(0, count - 1)) } ?? []
            next = isActive ? Array(times.prefix(min(count, left))) : []
        case .failure(let error):
            problem = "\(error)"
            next = []
        }
    }
}
