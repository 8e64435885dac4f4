import Calendar
public import Foundation
import JSON
public import Postgres
public import Spec

extension CampaignRepository {
    /// Returns the current time of Postgres's clock, which decides when schedules fire and which all daemons share.
    public func present() async throws(PostgresError) -> Date {
        try await pool.query("SELECT clock_timestamp()")[0].decode(0)
    }

    /// Schedules a campaign for one instant, in place of its former schedules.
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

    /// Schedules a campaign for repeated times, in place of its former schedules.
    ///
    /// - Parameters:
    ///   - id: The campaign.
    ///   - tenant: The owner of the campaign.
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
                    "misfireWindow", overlap, dst, "localTime", "startWhenApproved", "nextRunAt"
                ) VALUES (
                    \(id), \(tenant), \(expression.description), \(schedule.timeZone),
                    \(schedule.from?.description), \(schedule.until?.description), \(schedule.maxRuns),
                    \(schedule.misfire.rawValue), \(schedule.misfireWindow.description), \(schedule.overlap.rawValue),
                    \(rules.map { PostgresJSON($0) })::jsonb, \(schedule.localTime), \(schedule.startWhenApproved),
                    \(next)
                )
                """
            )
            try await Self.markScheduled(id, at: nil, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// Returns the schedules of a campaign that still fire.
    public func schedules(of id: UUID, tenant: String) async throws -> [CampaignScheduleRecord] {
        let rows = try await pool.query(
            """
            SELECT id, "cronExpression", at, "timeZone", "localTime", "nextRunAt", "lastRunAt", "maxRuns", "runCount"
            FROM campaign_schedules
            WHERE "campaignId" = \(id) AND "tenantId" = \(tenant) AND "isActive" AND "archivedAt" IS NULL
            ORDER BY "createdAt", id LIMIT 100
            """
        )
        return try rows.map(CampaignScheduleRecord.init(row:))
    }

    /// Checks a schedule against the policy of its tenant, as plans do for schedules of specs.
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
        guard CampaignStatus.sources(of: .schedule).contains(record.status) else {
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
            CampaignStatus.moving(
                .schedule,
                set: ["\"statusReason\" = NULL", "\"scheduledAt\" = \(date)"],
                where: "c.id = \(id)"
            )
        )
    }

    /// Archives those schedules of a campaign that no file owns.
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

extension CampaignRepository {
    /// Cancels a campaign that is scheduled, running or paused, with its run if it has one.
    ///
    /// Its schedules and triggers that no file owns stop with it.
    ///
    /// - Throws: ``CampaignError`` in any other state.
    public func cancel(_ id: UUID, tenant: String, reason: String, by actor: RunActor) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            // Runs are locked before campaigns, as everywhere. A run that opens between the two is found by the next
            // round.
            let own = try await Self.own(id, tenant: tenant, on: connection)
            try await RunRepository.lockOpen(ofCampaigns: own, on: connection)
            let runs = try await RunRepository.cancelOpen(
                ofCampaigns: [id],
                reason: reason,
                by: actor,
                on: connection
            )
            guard let record = try await Self.find(id, tenant: tenant, isLocked: true, on: connection) else {
                throw CampaignError.unknown
            }
            if runs.isEmpty {
                guard CampaignStatus.sources(of: .cancelWithoutRun).contains(record.status) else {
                    throw CampaignError.state(record.status, action: "cancelled")
                }
                let isLaunching = try await Self.hasOpenRun(id, on: connection)
                guard !isLaunching else { throw CampaignError.incomplete("the launch has just begun; try again") }
                try await Self.move(id, .cancelWithoutRun, reason: reason, on: connection)
            }
            try await Self.stopSchedules(of: id, on: connection)
            try await connection.execute(
                """
                UPDATE campaign_triggers SET "isActive" = false, "updatedAt" = now()
                WHERE "campaignId" = \(id) AND "managedBy" IS NULL AND "isActive"
                """
            )
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// Pauses a campaign that is running without a run: one that waits for its event.
    ///
    /// - Throws: ``CampaignError`` when it is not running, or has a run that is to be paused instead.
    public func pauseListening(_ id: UUID, tenant: String, reason: String) async throws -> CampaignRecord {
        try await move(id, tenant: tenant, .pauseListening, reason: reason, action: "paused")
    }

    /// Resumes a campaign that was paused without a run: it takes events again.
    ///
    /// - Throws: ``CampaignError`` when it is not paused, or has a run that is to be resumed instead.
    public func resumeListening(_ id: UUID, tenant: String) async throws -> CampaignRecord {
        try await move(id, tenant: tenant, .resumeListening, reason: nil, action: "resumed")
    }

    private func move(
        _ id: UUID,
        tenant: String,
        _ event: CampaignStatus.Event,
        reason: String?,
        action: String
    ) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            guard let record = try await Self.find(id, tenant: tenant, isLocked: true, on: connection) else {
                throw CampaignError.unknown
            }
            guard CampaignStatus.sources(of: event).contains(record.status), record.waitsForEvent,
                try await !Self.hasOpenRun(id, on: connection)
            else { throw CampaignError.state(record.status, action: action) }
            try await Self.move(id, event, reason: reason, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    private static func move(
        _ id: UUID,
        _ event: CampaignStatus.Event,
        reason: String?,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            CampaignStatus.moving(event, set: ["\"statusReason\" = \(reason)"], where: "c.id = \(id)")
        )
    }

    /// Returns the id if the campaign is the tenant's; otherwise no run is locked.
    private static func own(_ id: UUID, tenant: String, on connection: PostgresConnection) async throws -> [UUID] {
        guard try await find(id, tenant: tenant, on: connection) != nil else { throw CampaignError.unknown }
        return [id]
    }

    private static func hasOpenRun(_ id: UUID, on connection: PostgresConnection) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT EXISTS (
                SELECT FROM campaign_runs
                WHERE "campaignId" = \(id) AND status IN \(anyOf: RunStatus.open)
            )
            """
        )
        return try rows[0].decode(0)
    }
}
