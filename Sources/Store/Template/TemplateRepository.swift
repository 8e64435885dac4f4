public import Foundation
public import Postgres
import Spec

/// The message templates of a tenant.
public struct TemplateRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A page of the templates by name, and how many there are in all.
    public func list(tenant: String, page: Int, limit: Int) async throws -> (templates: [TemplateRecord], total: Int) {
        try await pool.withConnection { connection in
            let condition: PostgresQuery = "t.\"tenantId\" = \(tenant) AND t.\"archivedAt\" IS NULL"
            let total = try await connection.query("SELECT count(*) FROM templates t WHERE \(fragment: condition)")
            let rows = try await connection.query(
                """
                \(fragment: TemplateRecord.selection) WHERE \(fragment: condition)
                ORDER BY t.name, t.id LIMIT \(limit) OFFSET \((page - 1) * limit)
                """
            )
            return (try rows.map(TemplateRecord.init(row:)), try total[0].decode(0))
        }
    }

    /// A template of the tenant; `nil` when there is none by that id.
    public func find(_ id: UUID, tenant: String) async throws -> TemplateRecord? {
        try await pool.withConnection { try await Self.find(id, tenant: tenant, on: $0) }
    }

    static func find(
        _ id: UUID,
        tenant: String,
        isLocked: Bool = false,
        on connection: PostgresConnection
    ) async throws -> TemplateRecord? {
        let lock: PostgresQuery = isLocked ? "FOR UPDATE" : ""
        let rows = try await connection.query(
            """
            \(fragment: TemplateRecord.selection)
            WHERE t.id = \(id) AND t."tenantId" = \(tenant) AND t."archivedAt" IS NULL \(fragment: lock)
            """
        )
        return try rows.first.map(TemplateRecord.init(row:))
    }
}
