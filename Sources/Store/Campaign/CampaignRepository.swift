public import Foundation
import JSON
public import Postgres
import Spec

/// The campaigns of a tenant, one by one; nothing here ever sees those of another.
public struct CampaignRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A page of the campaigns, newest first, and how many there are in all.
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

    /// A campaign of the tenant; `nil` when there is none by that id, or it is archived.
    public func find(_ id: UUID, tenant: String) async throws -> CampaignRecord? {
        try await pool.withConnection { try await Self.find(id, tenant: tenant, on: $0) }
    }

    /// Stores a draft.
    ///
    /// - Parameters:
    ///   - draft: What it is made of.
    ///   - tenant: Whose it is.
    ///   - createdBy: Who made it, if that is somebody with an id; left out where there is a table of users that does
    ///     not have them, because a program may call too.
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
            let rows = try await connection.query(
                """
                INSERT INTO campaigns (
                    "tenantId", name, title, type, "sourceModule", "sourceReferenceId", "senderId", "messageTemplate",
                    "templateId", "templateParams", "audienceFilter", "scheduledAt", "triggerType", "triggerConfig",
                    "createdBy"
                ) VALUES (
                    \(tenant), \(draft.name), \(draft.title), \(draft.type.rawValue)::campaign_type_enum,
                    \(draft.sourceModule), \(draft.sourceReferenceID), \(draft.senderID),
                    \(PostgresJSON(draft.message))::jsonb, \(draft.templateID),
                    \(draft.templateParams.map { PostgresJSON($0) })::jsonb,
                    \(draft.audienceFilter.map { PostgresJSON($0) })::jsonb, \(draft.scheduledAt),
                    \(draft.triggerType), \(draft.triggerConfig.map { PostgresJSON($0) })::jsonb, \(createdBy)
                ) RETURNING id
                """
            )
            let id = try rows[0].decode(0, as: UUID.self)
            try await Self.writeTrigger(of: id, tenant: tenant, draft, on: connection)
            return try await Self.stored(id, tenant: tenant, on: connection)
        }
    }

    static func find(
        _ id: UUID,
        tenant: String,
        isLocked: Bool = false,
        on connection: PostgresConnection
    ) async throws -> CampaignRecord? {
        let lock: PostgresQuery = isLocked ? "FOR UPDATE OF c" : ""
        let rows = try await connection.query(
            """
            \(fragment: CampaignRecord.selection)
            WHERE c.id = \(id) AND c."tenantId" = \(tenant) AND c."archivedAt" IS NULL \(fragment: lock)
            """
        )
        return try rows.first.map(CampaignRecord.init(row:))
    }

    /// A campaign that was written in this transaction.
    static func stored(_ id: UUID, tenant: String, on connection: PostgresConnection) async throws -> CampaignRecord {
        guard let record = try await find(id, tenant: tenant, on: connection) else {
            throw PostgresError.misuse("a campaign that was just written is not there")
        }
        return record
    }
}

extension PostgresJSON {
    /// The text of a value.
    init(_ value: JSONValue) {
        self.init(text: value.canonicalText)
    }
}
