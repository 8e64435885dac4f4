import Postgres
import Spec

/// The rows that are merged into the contacts: those that an import has staged, or those of a request.
struct ContactRows: Sendable {
    let columns: [ContactColumn]
    private let source: PostgresQuery

    /// Makes the rows of a staging table.
    init(_ staging: ContactStaging) {
        columns = staging.columns
        source = "\(identifier: staging.table)"
    }

    /// Makes the rows of an array of JSON objects, with `number` and the columns.
    init(_ json: PostgresJSON, columns: [ContactColumn]) {
        self.columns = columns
        let definitions = columns.map { "\"\($0.rawValue)\" \($0.stagedType)" }.joined(separator: ", ")
        let types = PostgresQuery(sql: definitions)
        source = "jsonb_to_recordset(\(json)::jsonb) AS r(number bigint, \(fragment: types))"
    }

    /// Selects the rows with these numbers.
    func selection(_ numbers: Range<Int>) -> PostgresQuery {
        """
        SELECT * FROM \(fragment: source) WHERE number >= \(numbers.lowerBound) AND number < \(numbers.upperBound)
        """
    }
}

/// The table in which an import collects its rows before they are merged, visible to all connections that merge.
///
/// It is unlogged: rows that a crash loses are imported again anyway. During the import the importer holds an advisory
/// lock, so that the next import recognises and drops a table whose importer died.
struct ContactStaging: Sendable {
    private static let prefix = "contact_import_"

    /// The advisory lock, random; the table is named after it.
    private let key: Int64
    let columns: [ContactColumn]

    var table: String { Self.table(of: key) }

    /// Runs `body` with an empty table, after dropping those of dead importers; drops it afterwards.
    static func with<Value>(
        _ columns: [ContactColumn],
        of tenant: String,
        in pool: PostgresPool,
        on connection: PostgresConnection,
        _ body: (ContactStaging) async throws -> Value
    ) async throws -> Value {
        try await dropOrphans(on: connection)
        let staging = ContactStaging(key: .random(in: .min ... .max), columns: columns)
        // The lock is taken before the table exists, so that no other import takes the table for an orphan.
        return try await pool.withLock("\(staging.key)::bigint") {
            do {
                try await staging.create(of: tenant, on: connection)
                let value = try await body(staging)
                try await staging.drop(on: connection)
                return value
            } catch {
                // If the drop fails because the connection broke or the task was cancelled, the table has no lock from
                // now on, and the next import drops it.
                try? await staging.drop(on: connection)
                throw error
            }
        }
    }

    private func create(of tenant: String, on connection: PostgresConnection) async throws(PostgresError) {
        let definitions = columns.map { "\"\($0.rawValue)\" \($0.stagedType)" }.joined(separator: ", ")
        try await connection.simpleScript("CREATE UNLOGGED TABLE \(table) (number bigint, \(definitions))")
        try await note(tenant, on: connection)
    }

    /// Notes the tenant at the table, for erasures: a comment takes no parameters.
    private func note(_ tenant: String, on connection: PostgresConnection) async throws(PostgresError) {
        let rows = try await connection.query(
            "SELECT format('COMMENT ON TABLE %I IS %L', \(table)::text, \(tenant)::text)"
        )
        try await connection.simpleScript(try rows[0].decode(0))
    }

    /// Removes the rows of a person from all imports of a tenant that are under way, or were and died.
    ///
    /// - Parameters:
    ///   - keys: The ids of the person, in their one form.
    ///   - tenant: The owner of the contacts.
    ///   - pool: The database.
    /// - Throws: `PostgresError`; harmless to repeat.
    static func remove(_ keys: [String], of tenant: String, in pool: PostgresPool) async throws(PostgresError) {
        let tables = try await pool.query(
            """
            SELECT relname::text FROM pg_class
            WHERE relname ~ \("^" + prefix + "[0-9a-f]{16}$") AND relkind = 'r' AND relpersistence = 'u'
                AND pg_table_is_visible(oid) AND obj_description(oid, 'pg_class') = \(tenant)
            """
        )
        for row in tables {
            let table = try row.decode(0, as: String.self)
            do throws(PostgresError) {
                try await pool.execute(
                    """
                    DELETE FROM \(identifier: table) i WHERE contact_key(i."contactId") = ANY(\(keys)::text[])
                    """,
                    deadline: .seconds(120)
                )
            } catch  where error.sqlState == "42P01" {
                // The import ended meanwhile.
            }
        }
    }

    /// Returns the length of the longest id, in characters; 0 without rows.
    func longestID(on connection: PostgresConnection) async throws(PostgresError) -> Int {
        let rows = try await connection.query(
            "SELECT coalesce(max(length(\"contactId\")), 0) FROM \(identifier: table)",
            deadline: .seconds(600)
        )
        return try rows[0].decode(0)
    }

    /// Drops the tables of importers that died; harmless on any number of daemons.
    static func dropOrphans(in pool: PostgresPool) async throws {
        try await pool.withConnection { try await dropOrphans(on: $0) }
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

    /// Joins the rows of each contact in the last of them, so that batches have no contact in common.
    ///
    /// - Parameters:
    ///   - emptyClears: True if the last row counts as it is; otherwise the last value of each column counts.
    ///   - connection: The connection that made the table.
    /// - Returns: The number of rows removed.
    /// - Throws: `PostgresError`
    func removeDuplicates(
        emptyClears: Bool,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> Int {
        // A BRIN index is built quickly, and finds the rows of a batch because they are stored in the order of numbers.
        try await connection.simpleScript("CREATE INDEX ON \(table) USING brin (number)", deadline: .seconds(600))
        try await connection.simpleScript("ANALYZE \(table)", deadline: .seconds(600))
        let repeated: PostgresQuery = """
            SELECT "contactId", max(number) AS last FROM \(identifier: table) GROUP BY "contactId" HAVING count(*) > 1
            """
        let others = columns.filter { $0 != .contactId }
        if !emptyClears, !others.isEmpty,
            try await !connection.query("\(fragment: repeated) LIMIT 1", deadline: .seconds(600)).isEmpty
        {
            try await connection.simpleScript("CREATE INDEX ON \(table) (\"contactId\")", deadline: .seconds(600))
            let joined = others.map { "\"\($0.rawValue)\" = \($0.joined(from: table))" }.joined(separator: ", ")
            try await connection.execute(
                """
                UPDATE \(identifier: table) i SET \(fragment: PostgresQuery(sql: joined))
                FROM (\(fragment: repeated)) d WHERE i."contactId" = d."contactId" AND i.number = d.last
                """,
                deadline: .seconds(600)
            )
        }
        return try await connection.execute(
            """
            DELETE FROM \(identifier: table) i USING (\(fragment: repeated)) d
            WHERE i."contactId" = d."contactId" AND i.number < d.last
            """,
            deadline: .seconds(600)
        )
    }

    private func drop(on connection: PostgresConnection) async throws(PostgresError) {
        try await connection.simpleScript("DROP TABLE IF EXISTS \(table)", deadline: .seconds(60))
    }

    private static func dropOrphans(on connection: PostgresConnection) async throws {
        let tables = try await connection.query(
            """
            SELECT relname FROM pg_class
            WHERE relname ~ \("^" + prefix + "[0-9a-f]{16}$") AND relkind = 'r' AND relpersistence = 'u'
                AND pg_table_is_visible(oid) AND pg_has_role(relowner, 'USAGE')
            """
        )
        for row in tables {
            guard let key = key(of: try row.decode(0)) else { continue }
            try await connection.transaction { connection in
                guard try await connection.tryLock(key) else { return }
                try await ContactStaging(key: key, columns: []).drop(on: connection)
            }
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

    /// Returns the value of a column from all staged rows of one contact.
    fileprivate func joined(from table: String) -> String {
        let rows = "FROM \(table) x WHERE x.\"contactId\" = i.\"contactId\""
        return switch definition.merge {
        case .replace:
            "(SELECT x.\"\(rawValue)\" \(rows) AND x.\"\(rawValue)\" IS NOT NULL ORDER BY x.number DESC LIMIT 1)"
        case .latest: "(SELECT max(x.\"\(rawValue)\") \(rows))"
        case .addKeys:
            """
            (SELECT jsonb_object_agg(e.key, e.value ORDER BY x.number)
            FROM \(table) x, jsonb_each(x."\(rawValue)") e WHERE x."contactId" = i."contactId")
            """
        }
    }

    /// Returns the value to write: that of the row, else that of the contact that exists, `old`, else the column's default where
    /// NULL is not allowed.
    ///
    /// - Parameter emptyClears: True if an empty cell clears the value of a contact that exists.
    /// - Returns: An expression over the staged row `i` and the contact `old`.
    func proposed(emptyClears: Bool) -> String {
        guard self != .contactId else { return "i.\"\(rawValue)\"" }
        let kept = emptyClears || definition.merge != .replace ? "" : ", old.\"\(rawValue)\""
        guard definition.isRequired else { return "coalesce(i.\"\(rawValue)\"\(kept))" }
        let standard =
            switch type {
            case .text: "''"
            case .integer: "0"
            case .timestamp: "now()"
            case .textList, .object: "'{}'"
            case .boolean: "true"
            }
        return "coalesce(i.\"\(rawValue)\"\(kept), \(standard))"
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

/// The column `"contactId"` of a table that may belong to another system.
enum ContactIDColumn {
    /// Checks that an id of a length fits.
    ///
    /// - Throws: ``ContactIDTooLong`` if it does not, `PostgresError`.
    static func check(longest length: Int, on connection: PostgresConnection) async throws {
        // Every table takes these.
        guard length > 50 else { return }
        let rows = try await connection.query(
            """
            SELECT atttypmod - 4 FROM pg_attribute
            WHERE attrelid = 'contacts'::regclass AND attname = 'contactId' AND atttypid = 'varchar'::regtype AND atttypmod > 0
            """
        )
        guard let limit = try rows.first?.decode(0, as: Int.self), length > limit else { return }
        throw ContactIDTooLong(length: length, limit: limit)
    }
}

/// An id of a contact does not fit into the column, which something of another system keeps short.
public struct ContactIDTooLong: Error, Hashable, CustomStringConvertible {
    /// The lengths of the id and of the column, in characters.
    public let length: Int
    public let limit: Int

    public var description: String {
        "an id of \(length) characters does not fit into the column `contactId` of `contacts`, which takes \(limit); drop what "
            + "depends on the column, such as a view, and run: ALTER TABLE contacts ALTER COLUMN \"contactId\" "
            + "TYPE varchar(\(ContactRules.longestID))"
    }
}
