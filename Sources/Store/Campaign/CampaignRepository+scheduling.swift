import Calendar
public import Foundation
import JSON
public import Postgres
public import Spec

extension CampaignRepository {
    /// The present by Postgres's clock, which starts what is scheduled, and which all daemons share.
    public func present() async throws(PostgresError) -> Date {
        try await pool.query("SELECT clock_timestamp()")[0].decode(0)
    }

    /// Has a campaign sent once, at an instant; whatever was scheduled before is off.
    ///
    /// - Throws: ``CampaignError`` when it is neither a draft nor scheduled, or a file owns it.
    public func schedule(_ id: UUID, tenant: String, at date: Date) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            try await Self.schedulable(id, tenant: tenant, on: connection)
            try await Self.stopSchedules(of: id, on: connection)
            try await Self.markScheduled(id, at: date, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// Has a campaign sent again and again; whatever was scheduled before is off.
    ///
    /// - Parameters:
    ///   - id: The campaign.
    ///   - tenant: Whose it is.
    ///   - schedule: The times, checked; its name and its campaign's name do not matter.
    ///   - next: The first of the times.
    /// - Returns: The campaign.
    /// - Throws: ``CampaignError`` when it is neither a draft nor scheduled, a file owns it, or the tenant's policy wants
    ///   more time between two starts.
    public func schedule(
        _ id: UUID,
        tenant: String,
        by schedule: ScheduleSpec,
        next: Date
    ) async throws -> CampaignRecord {
        guard case .cron(let expression) = schedule.timing else {
            throw CampaignError.incomplete("a schedule that repeats needs a cron expression")
        }
        let rules = schedule.canonical["dst"]
        return try await pool.transaction { connection in
            try await Self.schedulable(id, tenant: tenant, on: connection)
            try await Self.checkPolicy(schedule, before: next, tenant: tenant, on: connection)
            try await Self.stopSchedules(of: id, on: connection)
            try await connection.execute(
                """
                INSERT INTO campaign_schedules (
                    "campaignId", "tenantId", "cronExpression", "timeZone", "from", until, "maxRuns", misfire,
                    "misfireWindow", overlap, dst, "nextRunAt"
                ) VALUES (
                    \(id), \(tenant), \(expression.description), \(schedule.timeZone),
                    \(schedule.from?.description), \(schedule.until?.description), \(schedule.maxRuns),
                    \(schedule.misfire.rawValue), \(schedule.misfireWindow.description), \(schedule.overlap.rawValue),
                    \(rules.map { PostgresJSON($0) })::jsonb, \(next)
                )
                """
            )
            try await Self.markScheduled(id, at: nil, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// The schedules of a campaign that still fire.
    public func schedules(of id: UUID, tenant: String) async throws -> [CampaignScheduleRecord] {
        let rows = try await pool.query(
            """
            SELECT id, "cronExpression", at, "timeZone", "nextRunAt", "lastRunAt", "maxRuns", "runCount"
            FROM campaign_schedules
            WHERE "campaignId" = \(id) AND "tenantId" = \(tenant) AND "isActive" AND "archivedAt" IS NULL
            ORDER BY "createdAt", id LIMIT 100
            """
        )
        return try rows.map(CampaignScheduleRecord.init(row:))
    }

    /// Holds a schedule against the policy of its tenant, as plans do with those of specs.
    private static func checkPolicy(
        _ schedule: ScheduleSpec,
        before next: Date,
        tenant: String,
        on connection: PostgresConnection
    ) async throws {
        let rows = try await connection.query(
            """
            SELECT policy ->> 'minScheduleInterval' FROM tenants WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL
            """
        )
        guard let limit = try rows.first?.decode(0, as: String?.self).flatMap(SpecDuration.init(_:)),
            let shortest = schedule.shortestInterval(after: next.addingTimeInterval(-1)), shortest < limit
        else { return }
        throw CampaignError.policy(
            "the campaign would start again after \(shortest), and the policy of the tenant wants \(limit) between two starts"
        )
    }

    private static func schedulable(
        _ id: UUID,
        tenant: String,
        on connection: PostgresConnection
    ) async throws {
        let record = try await editable(id, tenant: tenant, to: "scheduled", on: connection)
        guard [.draft, .scheduled].contains(record.status) else {
            throw CampaignError.state(record.status, action: "scheduled")
        }
        if record.type == .eventTriggered {
            throw CampaignError.incomplete(
                "the campaign is started by its event, not by a time"
            )
        }
        guard record.audienceFilter != nil else {
            throw CampaignError.incomplete("the campaign has no `audienceFilter`: nobody would get it")
        }
        guard record.senderID != nil else { throw CampaignError.incomplete("the campaign has no sender") }
    }

    private static func markScheduled(_ id: UUID, at date: Date?, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE campaigns SET status = 'scheduled', "statusReason" = NULL, "scheduledAt" = \(date), "updatedAt" = now()
            WHERE id = \(id)
            """
        )
    }

    /// Turns off what no file owns.
    static func stopSchedules(of id: UUID, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE campaign_schedules
            SET "isActive" = false, "nextRunAt" = NULL, "archivedAt" = now(), "updatedAt" = now()
            WHERE "campaignId" = \(id) AND "managedBy" IS NULL AND "archivedAt" IS NULL
            """
        )
    }
}
