import Foundation
import JSON
import Postgres
import Spec

/// Reads and writes the rows of one kind.
///
/// Writing takes a JSON array with one object for each row, so that one statement writes thousands of specs. The row
/// count of each statement shows how many rows were found and written.
protocol ManagedTable: Sendable {
    static var name: String { get }

    /// Selects the rows that meet a condition on the table as `m`.
    static func selection(_ condition: PostgresQuery) -> PostgresQuery

    /// Reads the fields of the content from a result row of the selection.
    static func read(_ reader: inout ContentReader) throws

    /// Reads the columns of a result row that are not part of its content.
    static func state(_ row: PostgresRow) throws -> ManagedRow.State

    /// Makes the object that `insertion` and `replacement` read, apart from `id` and `tenantId`.
    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue]

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery

    /// Gives rows temporary names that cannot equal the new name of another row, until they are replaced.
    static func parking(_ ids: [UUID]) -> PostgresQuery

    static func archival(_ ids: [UUID]) -> PostgresQuery
}

extension ManagedTable {
    static func state(_ row: PostgresRow) throws -> ManagedRow.State { ManagedRow.State() }

    /// Makes a row of a result row of the selection; `expected` is the content that its spec wants, if it has one.
    static func row(
        _ row: PostgresRow,
        kind: SpecKind,
        expecting expected: (SpecIdentity) -> JSONValue?
    ) throws -> ManagedRow {
        let identity = try row.identity(kind)
        let id = try row.decode("id", as: UUID.self)
        var reader = ContentReader(row)
        try read(&reader)
        var content = ManagedRow.comparable(.object(reader.content))
        // Most rows equal their specs; sharing the value of the spec saves memory, and is compared quickly later.
        if let wanted = expected(identity), wanted == content { content = wanted }
        return ManagedRow(id: id, identity: identity, comparable: content, state: try state(row))
    }

    /// Renames rows to names that begin with a tilde, as no slug does.
    static func parking(_ ids: [UUID]) -> PostgresQuery {
        """
        UPDATE \(identifier: name) SET name = '~' || id
        WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
        """
    }

    static func archival(_ ids: [UUID]) -> PostgresQuery {
        """
        UPDATE \(identifier: name) SET "archivedAt" = now(), "updatedAt" = now()
        WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
        """
    }

    /// Writes an expression for the name of the row in the table `alias` that a row of `m` refers to.
    ///
    /// A reference to an archived row is marked, so that it never equals the name in a spec. A reference of a managed
    /// row to an unmanaged row is marked too, because that row may have the same name.
    static func reference(_ alias: String) -> PostgresQuery {
        """
        \(identifier: alias).name || CASE
            WHEN \(identifier: alias)."archivedAt" IS NULL
                AND (\(identifier: alias)."managedBy" = 'spec' OR m."managedBy" IS NULL) THEN ''
            ELSE ' (archived)'
        END
        """
    }
}

extension SpecKind {
    var table: any ManagedTable.Type {
        switch self {
        case .tenant: ManagedTenants.self
        case .account: ManagedAccounts.self
        case .sender: ManagedSenders.self
        case .template: ManagedTemplates.self
        case .audience: ManagedAudiences.self
        case .campaign: ManagedCampaigns.self
        case .schedule: ManagedSchedules.self
        case .trigger: ManagedTriggers.self
        }
    }
}

extension PostgresRow {
    /// Returns the identity that a row of `m` has; unmanaged rows need not have a name.
    func identity(_ kind: SpecKind) throws(PostgresError) -> SpecIdentity {
        SpecIdentity(tenant: try decode("tenantId"), kind: kind, name: try decode("name", as: String?.self) ?? "")
    }
}
