import Postgres
import Spec

/// The table in which an import collects its rows before they are merged, visible to all connections that merge.
///
/// It is unlogged: rows that a crash loses are imported again anyway. During the import the importer holds an advisory
/// lock of its session, so that the next import recognises and drops a table whose importer died.
struct ContactStaging: Sendable {
    private static let prefix = "contact_import_"

    /// The advisory lock, random; the table is named after it.
    private let key: Int64
    let columns: [ContactColumn]

    var table: String { Self.table(of: key) }

    /// Makes an empty table for the session of `connection`, after dropping those of dead importers.
    static func create(
        _ columns: [ContactColumn],
        on connection: PostgresConnection
    ) async throws(PostgresError) -> ContactStaging {
        try await dropOrphans(on: connection)
        let staging = ContactStaging(key: .random(in: .min ... .max), columns: columns)
        // The lock is taken before the table exists, so that no other import takes the table for an orphan.
        try await connection.lock(staging.key)
        let definitions = columns.map { "\"\($0.rawValue)\" \($0.stagedType)" }.joined(separator: ", ")
        try await connection.simpleScript("CREATE UNLOGGED TABLE \(staging.table) (number bigint, \(definitions))")
        return staging
    }

    /// Streams the batches into the table.
    ///
    /// - Returns: The number of rows.
    func fill<Batches: AsyncSequence>(
        from batches: Batches,
        on connection: PostgresConnection
    ) async throws -> Int where Batches.Element == ContactImportBatch {
        try await connection.copyIn(
            into: table,
            columns: ["number"] + columns.map(\.rawValue),
            rows: batches.map(\.bytes)
        )
    }

    /// Removes all but the last row of each contact, so that batches have no contact in common.
    ///
    /// - Returns: The number of rows removed.
    func removeDuplicates(on connection: PostgresConnection) async throws(PostgresError) -> Int {
        // A BRIN index is built quickly, and finds the rows of a batch because they are stored in the order of numbers.
        try await connection.simpleScript("CREATE INDEX ON \(table) USING brin (number)", deadline: .seconds(600))
        try await connection.simpleScript("ANALYZE \(table)", deadline: .seconds(600))
        return try await connection.execute(
            """
            DELETE FROM \(identifier: table) i
            USING (
                SELECT "contactId", max(number) AS last FROM \(identifier: table)
                GROUP BY "contactId" HAVING count(*) > 1
            ) d
            WHERE i."contactId" = d."contactId" AND i.number < d.last
            """,
            deadline: .seconds(600)
        )
    }

    /// Drops the table, on the connection that made it.
    func drop(on connection: PostgresConnection) async throws(PostgresError) {
        try await connection.simpleScript("DROP TABLE IF EXISTS \(table)", deadline: .seconds(60))
        try await connection.unlock(key)
    }

    private static func dropOrphans(on connection: PostgresConnection) async throws(PostgresError) {
        let tables = try await connection.query(
            """
            SELECT relname FROM pg_class
            WHERE relname ~ \("^" + prefix + "[0-9a-f]{16}$") AND relkind = 'r' AND relpersistence = 'u'
                AND pg_table_is_visible(oid) AND pg_has_role(relowner, 'USAGE')
            """
        )
        for row in tables {
            guard let key = key(of: try row.decode(0)), try await connection.tryLock(key) else { continue }
            try await ContactStaging(key: key, columns: []).drop(on: connection)
        }
    }

    private static func table(of key: Int64) -> String {
        let digits = String(UInt64(bitPattern: key), radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func key(of table: String) -> Int64? {
        UInt64(table.dropFirst(prefix.count), radix: 16).map(Int64.init(bitPattern:))
    }
}

extension ContactColumn {
    /// The type under which the column is staged.
    fileprivate var stagedType: String {
        switch type {
        case .text: "text"
        case .integer: "integer"
        case .timestamp: "timestamptz"
        case .textList: "text[]"
        case .boolean: "boolean"
        case .object: "jsonb"
        }
    }

    /// The value of a new contact; an empty cell becomes the column's default where NULL is not allowed.
    var proposed: String {
        guard definition.isRequired, self != .contactId else { return "i.\"\(rawValue)\"" }
        let standard =
            switch type {
            case .text: "''"
            case .integer: "0"
            case .timestamp: "now()"
            case .textList, .object: "'{}'"
            case .boolean: "true"
            }
        return "coalesce(i.\"\(rawValue)\", \(standard))"
    }

    /// The value of a contact that exists.
    var merged: String {
        switch definition.merge {
        case .replace: "excluded.\"\(rawValue)\""
        case .latest: "greatest(c.\"\(rawValue)\", excluded.\"\(rawValue)\")"
        case .addKeys: "coalesce(c.\"\(rawValue)\", '{}') || excluded.\"\(rawValue)\""
        }
    }
}
