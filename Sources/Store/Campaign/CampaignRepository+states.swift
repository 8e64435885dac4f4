public import Foundation
import Postgres

extension CampaignRepository {
    /// Cancels a campaign that is scheduled, running or paused, with its run if it has one.
    ///
    /// What no file owns of its schedules and triggers stops with it.
    ///
    /// - Throws: ``CampaignError`` in any other state.
    public func cancel(_ id: UUID, tenant: String, reason: String) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            // Runs before campaigns, as everywhere; a run that opens between the two is found by the next round.
            let own = try await Self.own(id, tenant: tenant, on: connection)
            try await RunRepository.lockOpen(ofCampaigns: own, on: connection)
            let runs = try await RunRepository.cancelOpen(ofCampaigns: [id], reason: reason, on: connection)
            guard let record = try await Self.find(id, tenant: tenant, isLocked: true, on: connection) else {
                throw CampaignError.unknown
            }
            if runs.isEmpty {
                guard [.scheduled, .running, .paused].contains(record.status) else {
                    throw CampaignError.state(record.status, action: "cancelled")
                }
                let isLaunching = try await Self.hasOpenRun(id, on: connection)
                guard !isLaunching else { throw CampaignError.incomplete("the launch has just begun; try again") }
                try await Self.move(id, to: .cancelled, reason: reason, on: connection)
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
        try await move(id, tenant: tenant, from: .running, to: .paused, reason: reason, action: "paused")
    }

    /// Lets a campaign that was paused without a run listen again.
    ///
    /// - Throws: ``CampaignError`` when it is not paused, or has a run that is to be resumed instead.
    public func resumeListening(_ id: UUID, tenant: String) async throws -> CampaignRecord {
        try await move(id, tenant: tenant, from: .paused, to: .running, reason: nil, action: "resumed")
    }

    private func move(
        _ id: UUID,
        tenant: String,
        from: CampaignStatus,
        to: CampaignStatus,
        reason: String?,
        action: String
    ) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            guard let record = try await Self.find(id, tenant: tenant, isLocked: true, on: connection) else {
                throw CampaignError.unknown
            }
            guard record.status == from, record.waitsForEvent, try await !Self.hasOpenRun(id, on: connection)
            else { throw CampaignError.state(record.status, action: action) }
            try await Self.move(id, to: to, reason: reason, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    private static func move(
        _ id: UUID,
        to status: CampaignStatus,
        reason: String?,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            UPDATE campaigns
            SET status = \(status.rawValue)::campaign_status_enum, "statusReason" = \(reason), "updatedAt" = now()
            WHERE id = \(id)
            """
        )
    }

    /// The id again if the campaign is the tenant's; nobody's runs are locked otherwise.
    private static func own(_ id: UUID, tenant: String, on connection: PostgresConnection) async throws -> [UUID] {
        guard try await find(id, tenant: tenant, on: connection) != nil else { throw CampaignError.unknown }
        return [id]
    }

    private static func hasOpenRun(_ id: UUID, on connection: PostgresConnection) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT EXISTS (
                SELECT FROM campaign_runs
                WHERE "campaignId" = \(id) AND status IN ('launching', 'running', 'paused')
            )
            """
        )
        return try rows[0].decode(0)
    }
}
