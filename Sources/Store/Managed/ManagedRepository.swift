public import Foundation
import JSON
public import Postgres
public import Spec

/// The reason why rows could not be written as the specs say.
public enum ManagedError: Error, Equatable, CustomStringConvertible {
    /// Fewer rows were written than planned: a row is gone, or something that it refers to is.
    case incomplete(kind: SpecKind, action: String, expected: Int, written: Int)

    public var description: String {
        switch self {
        case .incomplete(let kind, let action, let expected, let written):
            "only \(written) of \(expected) rows of kind \(kind.rawValue) could be \(action); "
                + "they or what they refer to changed meanwhile: run reconcile again"
        }
    }
}

/// Reads and writes the rows of one kind that specs own.
///
/// All work is done on a connection whose transaction the caller owns: a plan must see one state of all kinds, and is
/// applied as a whole or not at all.
public struct ManagedRepository: Sendable {
    /// The maximum number of rows in one statement.
    private static let batchSize = 1_000
    private static let deadline = Duration.seconds(120)

    public let kind: SpecKind

    public init(kind: SpecKind) {
        self.kind = kind
    }

    /// Returns the managed rows that are not archived.
    ///
    /// - Parameters:
    ///   - tenants: The owners of the rows; `nil` means all tenants.
    ///   - connection: The connection, in a transaction.
    /// - Returns: The rows, in no order.
    /// - Throws: `PostgresError`, or `JSONError` when a number in a row is beyond all bounds.
    public func rows(tenants: [String]?, on connection: PostgresConnection) async throws -> [ManagedRow] {
        try read(try await stored(tenants: tenants, on: connection).rows)
    }

    /// Returns the managed rows that are not archived, to be decoded later.
    ///
    /// - Throws: `PostgresError`.
    public func stored(tenants: [String]?, on connection: PostgresConnection) async throws -> StoredRows {
        let condition: PostgresQuery = "m.\"managedBy\" = 'spec' AND \(fragment: Self.isLive(tenants))"
        let rows = try await connection.query(kind.table.selection(condition), deadline: Self.deadline)
        return StoredRows(kind: kind, rows: rows)
    }

    /// Returns the rows that belong to no spec and are not archived, in the same form; their names need not be slugs,
    /// and may be missing or occur twice.
    public func unmanagedRows(tenants: [String]?, on connection: PostgresConnection) async throws -> [ManagedRow] {
        try await select("m.\"managedBy\" IS NULL AND \(fragment: Self.isLive(tenants))", on: connection)
    }

    /// Returns the rows that belong to no spec, are not archived, and have one of these names.
    public func unmanagedRows(
        named identities: [SpecIdentity],
        on connection: PostgresConnection
    ) async throws -> [ManagedRow] {
        guard !identities.isEmpty else { return [] }
        return try await select(
            """
            m."managedBy" IS NULL AND m."archivedAt" IS NULL AND (m."tenantId", m.name) IN (
                SELECT * FROM unnest(\(identities.map(\.tenant))::text[], \(identities.map(\.name))::text[])
            )
            """,
            on: connection
        )
    }

    /// Returns rows by their ids, whether a spec owns them or not.
    ///
    /// - Parameters:
    ///   - ids: The ids; those of archived rows and of other tenants are left out of the answer.
    ///   - tenant: The owner of the rows.
    ///   - connection: The connection.
    /// - Returns: The rows, in no order.
    /// - Throws: `PostgresError`, or `JSONError` when a number in a row is beyond all bounds.
    public func rows(_ ids: [UUID], tenant: String, on connection: PostgresConnection) async throws -> [ManagedRow] {
        guard !ids.isEmpty else { return [] }
        return try await select("m.id = ANY(\(ids)::uuid[]) AND \(fragment: Self.isLive([tenant]))", on: connection)
    }

    /// Returns the number of rows of each kind that belong to no spec; kinds without any are left out.
    public static func unmanagedCounts(
        tenants: [String]?,
        on connection: PostgresConnection
    ) async throws -> [SpecKind: Int] {
        let queries = SpecKind.allCases.map { kind -> PostgresQuery in
            """
            SELECT \(kind.rawValue)::text, count(*) FROM \(identifier: kind.table.name) m
            WHERE m."managedBy" IS NULL AND \(fragment: isLive(tenants)) HAVING count(*) > 0
            """
        }
        var counts: [SpecKind: Int] = [:]
        for row in try await connection.query(.joined(queries, separator: " UNION ALL "), deadline: deadline) {
            guard let kind = SpecKind(rawValue: try row.decode(0)) else { continue }
            counts[kind] = try row.decode(1)
        }
        return counts
    }

    /// Creates rows.
    ///
    /// - Throws: ``ManagedError`` when a row refers to something that does not exist.
    public func insert(_ rows: [ManagedRow], on connection: PostgresConnection) async throws {
        var known = Self.batchSize / 2
        try await write(rows, as: "created", with: kind.table.insertion, on: connection) { written in
            // Postgres assumes that a new table stays small, and would scan it for each row that refers to it, both in
            // statements and in triggers.
            guard written >= 2 * known else { return }
            known = written
            try await connection.execute("ANALYZE \(identifier: kind.table.name)", deadline: Self.deadline)
        }
    }

    /// Replaces the content of rows, found by their ids; names may change.
    ///
    /// - Throws: ``ManagedError`` when a row is gone, or refers to something that does not exist.
    public func update(_ rows: [ManagedRow], on connection: PostgresConnection) async throws {
        try await write(rows, as: "updated", with: kind.table.replacement, on: connection)
    }

    /// Turns unmanaged rows into managed rows without changing their content.
    ///
    /// - Throws: ``ManagedError`` when a row is gone, or belongs to a spec by now.
    public func adopt(_ ids: [UUID], on connection: PostgresConnection) async throws {
        try await change(
            ids,
            as: "adopted",
            with: """
                UPDATE \(identifier: kind.table.name) SET "managedBy" = 'spec'
                WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" IS NULL AND "archivedAt" IS NULL
                """,
            on: connection
        )
    }

    /// Parks rows that are about to swap unique values, so that no unique key is taken twice.
    ///
    /// Each row must be updated in the same transaction.
    ///
    /// - Throws: ``ManagedError`` when a row is gone.
    public func park(_ ids: [UUID], on connection: PostgresConnection) async throws {
        try await change(ids, as: "renamed", with: kind.table.parking(ids), on: connection)
    }

    /// Archives rows and stops their schedules and triggers; what was sent stays.
    ///
    /// - Throws: ``ManagedError`` when a row is gone.
    public func archive(_ ids: [UUID], on connection: PostgresConnection) async throws {
        try await change(ids, as: "archived", with: kind.table.archival(ids), on: connection)
    }

    private static func isLive(_ tenants: [String]?) -> PostgresQuery {
        guard let tenants else { return "m.\"archivedAt\" IS NULL" }
        return "m.\"archivedAt\" IS NULL AND m.\"tenantId\" = ANY(\(tenants)::text[])"
    }

    private func select(_ condition: PostgresQuery, on connection: PostgresConnection) async throws -> [ManagedRow] {
        try read(try await connection.query(kind.table.selection(condition), deadline: Self.deadline))
    }

    private func read(_ rows: PostgresRows) throws -> [ManagedRow] {
        let table = kind.table
        return try rows.map { try table.row($0, kind: kind) { _ in nil } }
    }

    private func change(
        _ ids: [UUID],
        as action: String,
        with statement: PostgresQuery,
        on connection: PostgresConnection
    ) async throws {
        guard !ids.isEmpty else { return }
        let written = try await connection.execute(statement, deadline: Self.deadline)
        guard written == ids.count else {
            throw ManagedError.incomplete(kind: kind, action: action, expected: ids.count, written: written)
        }
    }

    private func write(
        _ rows: [ManagedRow],
        as action: String,
        with statement: (PostgresJSON) -> PostgresQuery,
        on connection: PostgresConnection,
        afterEach: (_ written: Int) async throws -> Void = { _ in }
    ) async throws {
        var written = 0
        for start in stride(from: 0, to: rows.count, by: Self.batchSize) {
            let batch = rows[start..<min(start + Self.batchSize, rows.count)]
            let json = JSONValue.array(batch.map(object))
            written += try await connection.execute(
                statement(PostgresJSON(text: json.canonicalText)),
                deadline: Self.deadline
            )
            try await afterEach(written)
        }
        guard written == rows.count else {
            throw ManagedError.incomplete(kind: kind, action: action, expected: rows.count, written: written)
        }
    }

    private func object(_ row: ManagedRow) -> JSONValue {
        var columns = kind.table.columns(row.content.objectValue ?? [:])
        if let nextRun = row.nextRun { columns.merge(nextRun.columns) { _, new in new } }
        columns["id"] = .string(row.id.uuidString)
        columns["tenantId"] = .string(row.identity.tenant)
        return .object(columns)
    }
}
