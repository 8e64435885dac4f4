import Postgres
import Spec

/// Checks a table `contacts` that was there before the migrations, before they change anything.
///
/// The table may belong to another system. A step that fails in its middle names neither what stands in its way nor the
/// remedy, and a column of another type would break statements only later.
struct ContactTableCheck {
    /// A column of the table as it is.
    private struct Column {
        let name: String
        /// Its type, or what its domain is based on; without a length.
        let type: String
        /// The views that show it.
        let views: [String]
    }

    private let connection: PostgresConnection
    /// True if the table still has the key that it was made with.
    private let swapsKey: Bool

    /// Makes a check; it is to run in the session that migrates.
    init(missing: [Migration], on connection: PostgresConnection) {
        self.connection = connection
        swapsKey = missing.contains { $0.version == 1 }
    }

    /// Finds everything that stands in the way, so that all of it can be mended at once.
    ///
    /// - Returns: Sentences, each with its remedy; empty if there is no such table, or if it can be used.
    /// - Throws: `PostgresError`.
    func problems() async throws(PostgresError) -> [String] {
        let tables = try await connection.query(
            """
            SELECT relkind::text, pg_has_role(relowner, 'USAGE'), pg_get_userbyid(relowner)::text
            FROM pg_class WHERE oid = to_regclass('contacts')
            """
        )
        guard let table = tables.first else { return [] }
        let kind: String = try table.decode(0)
        guard kind == "r" else {
            let what = ["v": "a view", "m": "a materialized view", "f": "a foreign table", "p": "a partitioned table"][
                kind
            ]
            return ["`contacts` is \(what ?? "no table"); it has to be a plain table of this database"]
        }
        var problems: [String] = []
        if try !table.decode(1, as: Bool.self) {
            let owner: String = try table.decode(2)
            problems.append("`contacts` belongs to \(owner); run this as \(owner), or as a member of that role")
        }
        let columns = try await columns()
        problems += columns.compactMap(Self.problem(of:))
        if swapsKey { problems += try await keyProblems(Set(columns.map(\.name))) }
        return problems
    }

    private func columns() async throws(PostgresError) -> [Column] {
        let rows = try await connection.query(
            """
            SELECT a.attname::text, format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL),
                ARRAY(
                    SELECT DISTINCT w.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
                    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
                        AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                )
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = to_regclass('contacts') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
            """
        )
        var columns: [Column] = []
        for row in rows {
            columns.append(Column(name: try row.decode(0), type: try row.decode(1), views: try row.decode(2)))
        }
        return columns
    }

    /// Returns the problem of a column that this program relies on; others may have any type.
    private static func problem(of column: Column) -> String? {
        let quoted = "\"\(column.name)\""
        if column.name == "id", column.type != "uuid" {
            return
                "column \(quoted) is \(column.type), and the key of contacts is a uuid of that name; rename it, with "
                + "everything that refers to it: ALTER TABLE contacts RENAME COLUMN id TO \"formerId\""
        }
        let known = ContactColumn(rawValue: column.name)
        guard let wanted = known.map({ Wanted($0.type) }) ?? (column.name == "tenantId" ? .text : nil),
            !wanted.types.contains(column.type)
        else { return nil }
        let length =
            switch known?.definition.cell {
            case .text(let maximum)?: maximum
            case .phone?: ContactRules.longestID
            default: 50
            }
        let views =
            column.views.isEmpty ? "" : ", after dropping what shows it (\(column.views.joined(separator: ", ")))"
        return "column \(quoted) is \(column.type), and has to be \(wanted.name); run\(views): ALTER TABLE contacts "
            + "ALTER COLUMN \(quoted) TYPE \(wanted.remedy(from: column.type, quoted, length: length))"
    }

    /// Returns what prevents the table from getting its new key.
    private func keyProblems(_ columns: Set<String>) async throws(PostgresError) -> [String] {
        let lacking = ["tenantId", "contactId"].filter { !columns.contains($0) }
        guard lacking.isEmpty else {
            return lacking.map { "column \"\($0)\" is missing; a contact is found by \"tenantId\" and \"contactId\"" }
        }
        let keys = try await connection.query(
            """
            SELECT bool_or(x.indisprimary AND k.columns = ARRAY['id']),
                bool_or(x.indpred IS NULL AND k.columns = ARRAY['contactId', 'tenantId'])
            FROM pg_index x
            CROSS JOIN LATERAL (
                SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") AS columns FROM pg_attribute a
                WHERE a.attrelid = x.indrelid AND a.attnum = ANY(x.indkey)
            ) k
            WHERE x.indrelid = to_regclass('contacts') AND x.indisunique
            """
        )
        let hasNewKey = try keys[0].decode(0, as: Bool?.self) ?? false
        let isUnique = try keys[0].decode(1, as: Bool?.self) ?? false
        guard !hasNewKey else {
            return isUnique
                ? []
                : [
                    "\"tenantId\" and \"contactId\" have no unique constraint; run: ALTER TABLE contacts ADD CONSTRAINT "
                        + "\"contacts_tenantId_contactId_key\" UNIQUE (\"tenantId\", \"contactId\")"
                ]
        }
        return try await valueProblems() + dependentProblems() + partitionProblems()
    }

    /// Returns what hangs on the key and cannot be moved to another one, such as a view that groups by it.
    private func dependentProblems() async throws(PostgresError) -> [String] {
        let rows = try await connection.query(
            """
            SELECT CASE WHEN d.classid = 'pg_rewrite'::regclass
                    THEN (SELECT CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || v.oid::regclass
                        FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class WHERE w.oid = d.objid)
                    ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END
            FROM pg_constraint k
            JOIN pg_depend d ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid AND d.deptype = 'n'
            WHERE k.conrelid = to_regclass('contacts') AND k.contype = 'p' AND d.classid <> 'pg_constraint'::regclass
            ORDER BY 1
            """
        )
        var problems: [String] = []
        for row in rows {
            let object: String = try row.decode(0)
            problems.append(
                "\(object) depends on the primary key of `contacts`, which is replaced; keep its definition "
                    + "(pg_get_viewdef), drop it, migrate, and make it again with all columns of its select in GROUP BY"
            )
        }
        return problems
    }

    private func partitionProblems() async throws(PostgresError) -> [String] {
        let rows = try await connection.query(
            """
            SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
            WHERE confrelid = to_regclass('contacts') AND contype = 'f' AND conparentid <> 0
            """
        )
        var problems: [String] = []
        for row in rows {
            let partition: String = try row.decode(0)
            problems.append(
                "partition \(partition) refers to the primary key of `contacts`, which is replaced; drop the foreign key "
                    + "of its parent, migrate, and add it again"
            )
        }
        return problems
    }

    /// Returns what rows prevent the new keys.
    private func valueProblems() async throws(PostgresError) -> [String] {
        var problems: [String] = []
        let rows = try await connection.query(
            """
            SELECT count(*) FILTER (WHERE "tenantId" IS NULL OR "contactId" IS NULL),
                count(*) FILTER (
                    WHERE length("contactId"::text) > \(ContactRules.longestID) OR length("tenantId"::text) > 50
                ),
                (SELECT count(*) FROM (
                    SELECT FROM contacts GROUP BY "tenantId", "contactId" HAVING count(*) > 1
                ) twice)
            FROM contacts
            """,
            deadline: .seconds(600)
        )
        let nameless = try rows[0].decode(0, as: Int.self)
        let long = try rows[0].decode(1, as: Int.self)
        let twice = try rows[0].decode(2, as: Int.self)
        if nameless > 0 {
            problems.append(
                "\(nameless) rows have no \"tenantId\" or no \"contactId\"; fill them in or delete them: "
                    + "DELETE FROM contacts WHERE \"tenantId\" IS NULL OR \"contactId\" IS NULL"
            )
        }
        if long > 0 {
            problems.append(
                "\(long) rows have a \"tenantId\" of more than 50 characters or a \"contactId\" of more than "
                    + "\(ContactRules.longestID); shorten or delete them"
            )
        }
        if twice > 0 {
            problems.append(
                "\(twice) pairs of \"tenantId\" and \"contactId\" have several rows, and need to have one; find them with: "
                    + "SELECT \"tenantId\", \"contactId\", count(*) FROM contacts GROUP BY 1, 2 HAVING count(*) > 1"
            )
        }
        return problems
    }
}

/// A type that a column has to have, with those that work like it.
private enum Wanted {
    case text, integer, timestamp, textList, boolean, object

    init(_ type: ContactColumn.ValueType) {
        self =
            switch type {
            case .text: .text
            case .integer: .integer
            case .timestamp: .timestamp
            case .textList: .textList
            case .boolean: .boolean
            case .object: .object
            }
    }

    /// The types that statements and decoding take, as Postgres names them.
    var types: [String] {
        switch self {
        case .text: ["text", "character varying", "citext"]
        case .integer: ["integer", "smallint", "bigint"]
        case .timestamp: ["timestamp with time zone", "timestamp without time zone"]
        case .textList: ["text[]"]
        case .boolean: ["boolean"]
        case .object: ["jsonb"]
        }
    }

    var name: String {
        switch self {
        case .text: "varchar or text"
        case .integer: "integer"
        case .timestamp: "timestamptz"
        case .textList: "text[]"
        case .boolean: "boolean"
        case .object: "jsonb"
        }
    }

    /// Returns the end of an `ALTER COLUMN … TYPE` that converts the values of common types.
    func remedy(from type: String, _ column: String, length: Int) -> String {
        let isNumber = ["integer", "smallint", "bigint", "numeric"].contains(type)
        switch self {
        case .text: return "varchar(\(length)) USING \(column)::text"
        case .integer: return "integer USING \(column)::integer"
        case .timestamp: return "timestamptz USING \(isNumber ? "to_timestamp(\(column))" : "\(column)::timestamptz")"
        case .textList:
            switch type {
            case "json", "jsonb": return "text[] USING translate(\(column)::text, '[]', '{}')::text[]"
            case "text", "character varying": return "text[] USING string_to_array(\(column), ',')"
            default: return "text[] USING \(column)::text[]"
            }
        case .boolean: return "boolean USING \(isNumber ? "\(column) <> 0" : "\(column)::boolean")"
        case .object: return "jsonb USING \(column)::jsonb"
        }
    }
}
