public import Foundation
import JSON
public import Postgres
public import Spec

/// The filter of a list of campaigns; a property that is `nil` matches every campaign.
public struct CampaignQuery: Sendable {
    public var status: CampaignStatus?
    public var type: CampaignType?
    public var sourceModule: String?
    public var sourceReferenceID: String?
    /// A part of the name or the title, in any case.
    public var text: String?

    public init() {}

    /// Returns a condition on `campaigns AS c`.
    func condition(tenant: String) -> PostgresQuery {
        var parts: [PostgresQuery] = ["c.\"tenantId\" = \(tenant) AND c.\"archivedAt\" IS NULL"]
        if let status { parts.append("c.status = \(status.rawValue)::campaign_status_enum") }
        if let type { parts.append("c.type = \(type.rawValue)::campaign_type_enum") }
        if let sourceModule { parts.append("c.\"sourceModule\" = \(sourceModule)") }
        if let sourceReferenceID { parts.append("c.\"sourceReferenceId\" = \(sourceReferenceID)") }
        if let text {
            let literal = text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
            let pattern = "%\(literal)%"
            parts.append("(c.name ILIKE \(pattern) OR c.title ILIKE \(pattern))")
        }
        return .joined(parts, separator: " AND ")
    }
}

/// The reason why a campaign could not be changed; nothing was written.
public enum CampaignError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The tenant has no such campaign.
    case unknown
    /// A file owns it.
    case managed(file: String?)
    case protected
    /// A campaign of a spec has the name.
    case nameTaken(String)
    /// Its state does not allow it.
    case state(CampaignStatus, action: String)
    /// It has been launched before, so it has runs that must stay.
    case hasRuns
    /// Required content is missing.
    case incomplete(String)
    /// The policy of its tenant forbids it.
    case policy(String)

    public var description: String {
        switch self {
        case .unknown: "there is no such campaign"
        case .managed(let file):
            "the campaign is owned by \(file.map { "the file \($0)" } ?? "a spec"): change it there"
        case .protected: "the campaign is protected"
        case .nameTaken(let name): "a spec manages a campaign `\(name)` of the tenant: choose another name"
        case .state(let status, let action): "a campaign that is \(status.rawValue) cannot be \(action)"
        case .hasRuns: "the campaign has been launched before"
        case .incomplete(let what), .policy(let what): what
        }
    }
}

/// The campaigns of a tenant; no method reads or changes those of another tenant.
public struct CampaignRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns a page of the campaigns, newest first, and how many there are in all.
    public func list(
        tenant: String,
        _ query: CampaignQuery,
        page: Int,
        limit: Int
    ) async throws -> (campaigns: [CampaignRecord], total: Int) {
        try await pool.withConnection { connection in
            let condition = query.condition(tenant: tenant)
            let total = try await connection.query("SELECT count(*) FROM campaigns c WHERE \(fragment: condition)")
            let rows = try await connection.query(
                """
                \(fragment: CampaignRecord.selection) WHERE \(fragment: condition)
                ORDER BY c."createdAt" DESC, c.id DESC LIMIT \(limit) OFFSET \((page - 1) * limit)
                """
            )
            return (try rows.map(CampaignRecord.init(row:)), try total[0].decode(0))
        }
    }

    /// Returns a campaign of the tenant; `nil` if the tenant has no campaign with the id, or it is archived.
    public func find(_ id: UUID, tenant: String) async throws -> CampaignRecord? {
        try await pool.withConnection { try await Self.find(id, tenant: tenant, on: $0) }
    }

    /// Stores a draft.
    ///
    /// - Parameters:
    ///   - draft: The content of the campaign.
    ///   - tenant: The owner of the campaign.
    ///   - createdBy: The id of the user; left out if the table of users lacks it, as for a program.
    /// - Returns: The stored campaign.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func create(_ draft: CampaignDraft, tenant: String, createdBy: UUID?) async throws -> CampaignRecord {
        do {
            return try await insert(draft, tenant: tenant, createdBy: createdBy)
        } catch let error as PostgresError where error.isForeignKeyViolation && createdBy != nil {
            guard error.serverError?.constraint?.contains("createdBy") == true else { throw error }
            return try await insert(draft, tenant: tenant, createdBy: nil)
        }
    }

    private func insert(_ draft: CampaignDraft, tenant: String, createdBy: UUID?) async throws -> CampaignRecord {
        try await pool.transaction { connection in
            try await Self.checkName(draft.name, tenant: tenant, on: connection)
            let rows = try await connection.query(
                """
                INSERT INTO campaigns (
                    "tenantId", name, title, type, "sourceModule", "sourceReferenceId", "senderId", "messageTemplate",
                    "templateId", "templateParams", "audienceFilter", "scheduledAt", "triggerType", "triggerConfig",
                    "onUserCap", "createdBy"
                ) VALUES (
                    \(tenant), \(draft.name), \(draft.title), \(draft.type.rawValue)::campaign_type_enum,
                    \(draft.sourceModule), \(draft.sourceReferenceID), \(draft.senderID),
                    \(PostgresJSON(draft.message))::jsonb, \(draft.templateID),
                    \(draft.templateParams.map { PostgresJSON($0) })::jsonb,
                    \(draft.audienceFilter.map { PostgresJSON($0) })::jsonb, \(draft.scheduledAt),
                    \(draft.triggerType), \(draft.triggerConfig.map { PostgresJSON($0) })::jsonb,
                    \(draft.onUserCap.map { PostgresJSON($0) })::jsonb, \(createdBy)
                ) RETURNING id
                """
            )
            let id = try rows[0].decode(0, as: UUID.self)
            try await Self.writeTrigger(of: id, tenant: tenant, draft, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// Checks that no campaign of a spec has the name: commands take a name to mean that campaign.
    private static func checkName(_ name: String, tenant: String, on connection: PostgresConnection) async throws {
        let rows = try await connection.query(
            """
            SELECT EXISTS (
                SELECT FROM campaigns
                WHERE "tenantId" = \(tenant) AND name = \(name) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
            )
            """
        )
        if try rows[0].decode(0, as: Bool.self) { throw CampaignError.nameTaken(name) }
    }

    static func find(
        _ id: UUID,
        tenant: String,
        isLocked: Bool = false,
        on connection: PostgresConnection
    ) async throws -> CampaignRecord? {
        // New messages of a batch of events share a lock of their campaign, so its key stays unlocked.
        let lock: PostgresQuery = isLocked ? "FOR NO KEY UPDATE OF c" : ""
        let rows = try await connection.query(
            """
            \(fragment: CampaignRecord.selection)
            WHERE c.id = \(id)
                -- As one value, so that no other index than that of the key can serve.
                AND coalesce(c."tenantId" = \(tenant) AND c."archivedAt" IS NULL, false)
            \(fragment: lock)
            """
        )
        return try rows.first.map(CampaignRecord.init(row:))
    }

    /// Returns a campaign that was written in this transaction.
    static func stored(_ id: UUID, tenant: String, on connection: PostgresConnection) async throws -> CampaignRecord {
        guard let record = try await find(id, tenant: tenant, on: connection) else {
            throw PostgresError.misuse("a campaign that was just written is not there")
        }
        return record
    }

    /// Replaces a draft that was read with a changed one.
    ///
    /// - Parameters:
    ///   - record: The campaign as it was read; if it has changed since, nothing happens.
    ///   - draft: The new content.
    /// - Returns: The stored campaign; `nil` when it was changed meanwhile: read it again.
    /// - Throws: ``CampaignError`` when it is no draft, or a file owns it.
    public func replace(_ record: CampaignRecord, by draft: CampaignDraft) async throws -> CampaignRecord? {
        try await pool.transaction { connection in
            let current = try await Self.editable(record.id, tenant: record.tenantID, to: "changed", on: connection)
            guard current.status == .draft else { throw CampaignError.state(current.status, action: "changed") }
            guard current.updatedAt == record.updatedAt else { return nil }
            if draft.name != current.name {
                try await Self.checkName(draft.name, tenant: record.tenantID, on: connection)
            }
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
                    "onUserCap" = \(draft.onUserCap.map { PostgresJSON($0) })::jsonb,
                    "updatedAt" = greatest(clock_timestamp(), "updatedAt" + interval '1 microsecond')
                WHERE id = \(record.id)
                """
            )
            try await Self.writeTrigger(of: record.id, tenant: record.tenantID, draft, on: connection)
            return try await Self.stored(record.id, tenant: record.tenantID, on: connection)
        }
    }

    /// Archives a draft that was never launched, so that it is gone for all callers.
    ///
    /// Its row stays: Postgres would look for it in the messages of all campaigns.
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
            try await connection.execute(
                """
                UPDATE campaigns SET "archivedAt" = now(), "updatedAt" = now(), "templateId" = NULL,
                    "triggerType" = NULL, "triggerConfig" = NULL
                WHERE id = \(id) AND "tenantId" = \(tenant)
                """
            )
            try await connection.execute(
                """
                UPDATE campaign_triggers SET "isActive" = false, "archivedAt" = now(), "updatedAt" = now()
                WHERE "campaignId" = \(id) AND "managedBy" IS NULL AND "archivedAt" IS NULL
                """
            )
        }
    }

    /// Activates a campaign that waits for events; it has no run until the first event comes.
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
                CampaignStatus.moving(
                    .activate,
                    set: ["\"statusReason\" = NULL", "\"startedAt\" = now()"],
                    where: "c.id = \(id)"
                )
            )
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    /// Returns a campaign that no file owns, locked.
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

    /// Writes the event of a campaign into the table in which events are looked up.
    ///
    /// The row is inactive until the campaign is launched.
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

extension CampaignRepository {
    /// Returns the names of campaigns that are not archived, sorted; commands suggest them.
    ///
    /// - Parameter tenant: The owner of the campaigns; `nil` means all tenants.
    /// - Returns: Each name once.
    /// - Throws: `PostgresError`.
    public func names(tenant: String?) async throws -> [String] {
        let rows = try await pool.query(
            """
            SELECT DISTINCT name FROM campaigns
            WHERE (\(tenant)::text IS NULL OR "tenantId" = \(tenant)::text) AND "archivedAt" IS NULL ORDER BY name
            """
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }
}
