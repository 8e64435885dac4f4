public import Foundation
import JSON
import Postgres
public import Spec

extension TemplateRepository {
    /// Stores a new template.
    ///
    /// - Throws: ``TemplateError`` when its name is taken.
    public func create(_ spec: TemplateSpec, tenant: String) async throws -> TemplateRecord {
        try await named(spec.name) { connection in
            let rows = try await connection.query(
                """
                INSERT INTO templates (
                    "tenantId", name, "whatsappName", language, category, header, body, footer, buttons
                ) VALUES (
                    \(tenant), \(spec.name), \(spec.whatsappName), \(spec.language ?? ""), \(spec.category.rawValue),
                    \(spec.headerText), \(spec.body), \(spec.footer),
                    \(PostgresJSON(.array(spec.buttons.map(\.json))))::jsonb
                ) RETURNING *
                """
            )
            return try TemplateRecord(row: rows[0])
        }
    }

    /// Puts other texts in the place of a template's.
    ///
    /// - Throws: ``TemplateError`` when campaigns are made from it, a file owns it, or its new name is taken.
    public func replace(_ id: UUID, by spec: TemplateSpec, tenant: String) async throws -> TemplateRecord {
        try await named(spec.name) { connection in
            try await free(id, tenant: tenant, on: connection)
            let rows = try await connection.query(
                """
                UPDATE templates SET
                    name = \(spec.name), "whatsappName" = \(spec.whatsappName), language = \(spec.language ?? ""),
                    category = \(spec.category.rawValue), header = \(spec.headerText), body = \(spec.body),
                    footer = \(spec.footer), buttons = \(PostgresJSON(.array(spec.buttons.map(\.json))))::jsonb,
                    "updatedAt" = now()
                WHERE id = \(id) RETURNING *
                """
            )
            return try TemplateRecord(row: rows[0])
        }
    }

    /// Takes a template away; its row stays for the campaigns that once used it.
    ///
    /// - Throws: ``TemplateError`` when campaigns are made from it, or a file owns it.
    public func delete(_ id: UUID, tenant: String) async throws {
        try await pool.transaction { connection in
            try await free(id, tenant: tenant, on: connection)
            try await connection.execute(
                "UPDATE templates SET \"archivedAt\" = now(), \"updatedAt\" = now() WHERE id = \(id)"
            )
        }
    }

    /// Locks a template that nobody uses.
    ///
    /// A campaign that is made from it meanwhile has its own copy of the texts.
    private func free(_ id: UUID, tenant: String, on connection: PostgresConnection) async throws {
        guard let record = try await Self.find(id, tenant: tenant, isLocked: true, on: connection) else {
            throw TemplateError.unknown
        }
        if record.isManagedBySpec { throw TemplateError.managed(file: record.sourceFile) }
        if record.spec.protect { throw TemplateError.protected }
        let rows = try await connection.query(
            """
            SELECT name FROM campaigns WHERE "templateId" = \(id) AND "archivedAt" IS NULL ORDER BY name LIMIT 5
            """
        )
        guard rows.isEmpty else {
            throw TemplateError.inUse(campaigns: try rows.map { try $0.decode(0, as: String.self) })
        }
    }

    private func named<Value: Sendable>(
        _ name: String,
        _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.transaction { try await body($0) }
        } catch let error as PostgresError where error.isUniqueViolation {
            throw TemplateError.nameTaken(name)
        }
    }
}
