public import Foundation
import Postgres
import Spec

extension CampaignRepository {
    /// Puts a changed draft in the place of the one that was read.
    ///
    /// - Parameters:
    ///   - record: The campaign as it was when the change was made up; if it has changed since, nothing happens.
    ///   - draft: What it is made of from now on.
    /// - Returns: The stored campaign; `nil` when it was changed meanwhile: read it again.
    /// - Throws: ``CampaignError`` when it is no draft, or a file owns it.
    public func replace(_ record: CampaignRecord, by draft: CampaignDraft) async throws -> CampaignRecord? {
        try await pool.transaction { connection in
            let current = try await Self.editable(record.id, tenant: record.tenantID, to: "changed", on: connection)
            guard current.status == .draft else { throw CampaignError.state(current.status, action: "changed") }
            guard current.updatedAt == record.updatedAt else { return nil }
            try await connection.execute(
                """
                UPDATE campaigns SET name = \(draft.name), title = \(draft.title),
                    type = \(draft.type.rawValue)::campaign_type_enum, "sourceModule" = \(draft.sourceModule),
                    "sourceReferenceId" = \(draft.sourceReferenceID), "senderId" = \(draft.senderID),
                    "messageTemplate" = \(PostgresJSON(draft.message))::jsonb, "templateId" = \(draft.templateID),
                    "templateParams" = \(draft.templateParams.map { PostgresJSON($0) })::jsonb,
                    "audienceFilter" = \(draft.audienceFilter.map { PostgresJSON($0) })::jsonb,
                    "scheduledAt" = \(draft.scheduledAt), "triggerType" = \(draft.triggerType),
                    "triggerConfig" = \(draft.triggerConfig.map { PostgresJSON($0) })::jsonb,
                    "updatedAt" = greatest(clock_timestamp(), "updatedAt" + interval '1 microsecond')
                WHERE id = \(record.id)
                """
            )
            try await Self.writeTrigger(of: record.id, tenant: record.tenantID, draft, on: connection)
            return try await Self.stored(record.id, tenant: record.tenantID, on: connection)
        }
    }

    /// Deletes a draft that was never launched.
    ///
    /// - Throws: ``CampaignError``.
    public func delete(_ id: UUID, tenant: String) async throws {
        try await pool.transaction { connection in
            let current = try await Self.editable(id, tenant: tenant, to: "deleted", on: connection)
            guard current.status == .draft else { throw CampaignError.state(current.status, action: "deleted") }
            let runs = try await connection.query(
                "SELECT EXISTS (SELECT FROM campaign_runs WHERE \"campaignId\" = \(id))"
            )
            if try runs[0].decode(0, as: Bool.self) { throw CampaignError.hasRuns }
            try await connection.execute("DELETE FROM campaigns WHERE id = \(id) AND \"tenantId\" = \(tenant)")
        }
    }

    /// Lets a campaign that waits for an event listen from now on; it has no run until the event comes.
    ///
    /// - Throws: ``CampaignError`` when it names no event, or is not a draft.
    public func activate(_ id: UUID, tenant: String) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            let current = try await Self.editable(id, tenant: tenant, to: "launched", on: connection)
            guard current.status == .draft else { throw CampaignError.state(current.status, action: "launched") }
            guard current.triggerType != nil else {
                throw CampaignError.incomplete("a campaign that is started by an event needs a `triggerType`")
            }
            guard current.senderID != nil else { throw CampaignError.incomplete("the campaign has no sender") }
            try await connection.execute(
                """
                UPDATE campaign_triggers SET "isActive" = true, "updatedAt" = now()
                WHERE "campaignId" = \(id) AND "managedBy" IS NULL AND "archivedAt" IS NULL
                """
            )
            try await connection.execute(
                """
                UPDATE campaigns SET status = 'running', "statusReason" = NULL, "startedAt" = now(), "updatedAt" = now()
                WHERE id = \(id)
                """
            )
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// A campaign that no file owns, locked.
    static func editable(
        _ id: UUID,
        tenant: String,
        to action: String,
        on connection: PostgresConnection
    ) async throws -> CampaignRecord {
        guard let record = try await find(id, tenant: tenant, isLocked: true, on: connection) else {
            throw CampaignError.unknown
        }
        if record.isManagedBySpec { throw CampaignError.managed(file: record.sourceFile) }
        if record.protect, action == "deleted" { throw CampaignError.protected }
        return record
    }

    /// Writes what the campaign says of its event into the table that events are looked up in.
    ///
    /// It listens from its launch on, not before.
    static func writeTrigger(
        of id: UUID,
        tenant: String,
        _ draft: CampaignDraft,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            "DELETE FROM campaign_triggers WHERE \"campaignId\" = \(id) AND \"managedBy\" IS NULL"
        )
        guard let event = draft.triggerType else { return }
        try await connection.execute(
            """
            INSERT INTO campaign_triggers ("tenantId", "campaignId", event, custom, match, "isActive")
            VALUES (
                \(tenant), \(id), \(event), \(TriggerEvent(rawValue: event) == nil),
                \(draft.triggerConfig.map { PostgresJSON($0) })::jsonb, false
            )
            """
        )
    }
}
