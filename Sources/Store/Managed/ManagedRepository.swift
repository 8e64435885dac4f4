public import Foundation
public import Postgres
public import Spec

/// Reads and writes the rows of one kind that specs own.
///
/// All work is done on a connection whose transaction the caller owns: a plan must see one state of all kinds, and is
/// applied as a whole or not at all.
public struct ManagedRepository: Sendable {
    /// Rows that travel in one statement.
    private static let batchSize = 1_000
    private static let deadline = Duration.seconds(120)

    public let kind: SpecKind

    public init(kind: SpecKind) {
        self.kind = kind
    }

    /// The managed rows that are not archived.
    ///
    /// - Parameters:
    ///   - tenants: Whose rows; `nil` means all.
    ///   - connection: The connection, in a transaction.
    /// - Returns: The rows, in no order.
    /// - Throws: `PostgresError`, or `JSONError` when a number in a row is beyond all bounds.
    public func rows(tenants: [String]?, on connection: PostgresConnection) async throws -> [ManagedRow] {
        let table = kind.table
        return try await connection.query(table.selection(tenants: tenants), deadline: Self.deadline).map(table.row)
    }

    /// The rows that bear one of these names, are not archived, and belong to nobody's spec.
    public func unmanaged(
        _ identities: [SpecIdentity],
        on connection: PostgresConnection
    ) async throws -> [SpecIdentity: UUID] {
        guard !identities.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT DISTINCT ON (t."tenantId", t.name) t."tenantId", t.name, t.id
            FROM unnest(\(identities.map(\.tenant))::text[], \(identities.map(\.name))::text[]) AS w(tenant, name)
            JOIN \(identifier: kind.table.name) t ON t."tenantId" = w.tenant AND t.name = w.name
            WHERE t."managedBy" IS NULL AND t."archivedAt" IS NULL
            ORDER BY t."tenantId", t.name, t.id
            """,
            deadline: Self.deadline
        )
        var found: [SpecIdentity: UUID] = [:]
        for row in rows {
            let identity = SpecIdentity(tenant: try row.decode(0), kind: kind, name: try row.decode(1))
            found[identity] = try row.decode(2)
        }
        return found
    }

    /// Creates rows.
    ///
    /// - Throws: ``ManagedError`` when a row refers to something that does not exist.
    public func insert(_ rows: [ManagedRow], on connection: PostgresConnection) async throws {
        try await write(rows, as: "created", with: kind.table.insertion, on: connection)
    }

    /// Replaces the content of rows, found by their ids; names may change.
    ///
    /// - Throws: ``ManagedError`` when a row is gone, or refers to something that does not exist.
    public func update(_ rows: [ManagedRow], on connection: PostgresConnection) async throws {
        try await write(rows, as: "updated", with: kind.table.replacement, on: connection)
    }

    /// Archives rows and stops the schedules of campaigns; what was sent stays.
    ///
    /// - Throws: ``ManagedError`` when a row is gone.
    public func archive(_ ids: [UUID], on connection: PostgresConnection) async throws {
        guard !ids.isEmpty else { return }
        let written = try await connection.execute(
            """
            UPDATE \(identifier: kind.table.name) SET "archivedAt" = now(), "updatedAt" = now()
            WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
            """,
            deadline: Self.deadline
        )
        guard written == ids.count else {
            throw ManagedError.incomplete(kind: kind, action: "archived", expected: ids.count, written: written)
        }
        guard kind == .campaign else { return }
        try await connection.execute(
            """
            UPDATE campaign_schedules SET "isActive" = false, "updatedAt" = now()
            WHERE "campaignId" = ANY(\(ids)::uuid[]) AND "isActive"
            """,
            deadline: Self.deadline
        )
    }

    private func write(
        _ rows: [ManagedRow],
        as action: String,
        with statement: (PostgresJSON) -> PostgresQuery,
        on connection: PostgresConnection
    ) async throws {
        var written = 0
        for start in stride(from: 0, to: rows.count, by: Self.batchSize) {
            let batch = rows[start..<min(start + Self.batchSize, rows.count)]
            let json = JSONValue.array(batch.map(object))
            written += try await connection.execute(
                statement(PostgresJSON(text: json.canonicalText)),
                deadline: Self.deadline
            )
        }
        guard written == rows.count else {
            throw ManagedError.incomplete(kind: kind, action: action, expected: rows.count, written: written)
        }
    }

    private func object(_ row: ManagedRow) -> JSONValue {
        var columns = kind.table.columns(row.content.objectValue ?? [:])
        columns["id"] = .string(row.id.uuidString)
        columns["tenantId"] = .string(row.identity.tenant)
        return .object(columns)
    }
}
