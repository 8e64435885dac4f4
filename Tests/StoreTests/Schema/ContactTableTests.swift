import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Migrations on a table `contacts` of another system.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactTableTests {
    private static func migrate(_ pool: PostgresPool) async throws -> [Migration] {
        try await Migrator(pool: pool, logger: TestDatabase.logger).migrate()
    }

    /// A database with a table `contacts`, its additional columns, and 5,000 rows that two tables refer to.
    private static func with(
        columns: String = #"metadata jsonb, "messageCount" integer, tags text[], "optedIn" boolean"#,
        then script: String = "",
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await TestDatabase.with { pool in
            try await pool.withConnection { connection in
                try await connection.simpleScript(
                    """
                    CREATE TABLE contacts (
                        "tenantId" varchar(50) NOT NULL, "contactId" varchar(50) NOT NULL, name text, \(columns),
                        CONSTRAINT "PK_contacts" PRIMARY KEY ("tenantId", "contactId")
                    );
                    INSERT INTO contacts ("tenantId", "contactId", name)
                    SELECT 't' || n % 3, n, 'Contact ' || n FROM generate_series(1, 5000) n;
                    CREATE TABLE visits (
                        id serial PRIMARY KEY, "tenantId" varchar(50), "contactId" varchar(50),
                        FOREIGN KEY ("tenantId", "contactId") REFERENCES contacts
                    );
                    CREATE TABLE tickets (
                        "tenantId" varchar(50), "contactId" varchar(50), PRIMARY KEY ("tenantId", "contactId"),
                        FOREIGN KEY ("tenantId", "contactId") REFERENCES contacts ON DELETE CASCADE
                    );
                    INSERT INTO visits ("tenantId", "contactId") SELECT "tenantId", "contactId" FROM contacts;
                    INSERT INTO tickets SELECT "tenantId", "contactId" FROM contacts LIMIT 100;
                    \(script)
                    """
                )
            }
            try await body(pool)
        }
    }

    private static func count(_ condition: String, _ pool: PostgresPool) async throws -> Int {
        try await pool.query(PostgresQuery(sql: "SELECT count(*) FROM contacts WHERE \(condition)"))[0].decode(0)
    }

    @Test func rowsWithoutValuesGetTheDefaultsButNoConsent() async throws {
        let some = """
            UPDATE contacts SET metadata = '{"a": 1}', "messageCount" = 7, tags = '{vip}', "optedIn" = true
            WHERE "contactId"::int <= 3000;
            UPDATE contacts SET "optedIn" = NULL WHERE "contactId"::int <= 12;
            UPDATE contacts SET "optedIn" = false WHERE "contactId"::int > 4000
            """
        try await Self.with(then: some) { pool in
            let notes = try await Self.migrate(pool).flatMap(\.notes)
            #expect(notes.count == 2)
            #expect(notes.first?.contains("2012 rows") == true, "\(notes)")
            #expect(notes.last?.contains("1012 rows") == true, "\(notes)")
            #expect(notes.last?.contains("optedInAt") == true, "\(notes)")
            #expect(try await Self.count("metadata = '{}' AND \"messageCount\" = 0 AND tags = '{}'", pool) == 2_000)
            let isKept = "metadata = '{\"a\": 1}' AND \"messageCount\" = 7 AND tags = '{vip}'"
            #expect(try await Self.count(isKept, pool) == 3_000)
            #expect(try await Self.count("\"optedIn\"", pool) == 2_988)
            #expect(try await Self.count("NOT \"optedIn\"", pool) == 2_012)
            // The other system may go on as before, and leave columns out.
            try await pool.execute("INSERT INTO contacts (\"tenantId\", \"contactId\") VALUES ('t1', 'new')")
            try await pool.execute(
                "INSERT INTO contacts (\"tenantId\", \"contactId\", metadata) VALUES ('t1', 'null', NULL)"
            )
            #expect(try await Self.count("\"optedIn\" IS NULL AND tags = '{}' AND \"messageCount\" = 0", pool) == 2)
            for table in ["visits", "tickets"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.execute(
                        PostgresQuery(sql: "INSERT INTO \(table) (\"tenantId\", \"contactId\") VALUES ('x', 'y')")
                    )
                }
                #expect(error?.isForeignKeyViolation == true)
            }
            #expect(try await Self.migrate(pool).isEmpty)
        }
    }

    @Test func anUpgradedDatabaseIsMendedToo() async throws {
        try await Self.with { pool in
            let before = Migration.all.filter { $0.version < 18 }
            try await Migrator(pool: pool, migrations: before, logger: TestDatabase.logger).migrate()
            let notes = try await Self.migrate(pool).flatMap(\.notes)
            #expect(notes.last?.contains("5000 rows") == true, "\(notes)")
            #expect(try await Self.count("NOT \"optedIn\" AND metadata = '{}'", pool) == 5_000)
        }
    }

    /// User ids of WhatsApp are longer than the column of the other system.
    @Test(arguments: [
        ("", "character varying(150)", false),
        (#"ALTER TABLE visits DROP CONSTRAINT "visits_tenantId_contactId_fkey""#, "character varying(150)", false),
        (#"ALTER TABLE contacts ALTER COLUMN "contactId" TYPE varchar(150)"#, "character varying(150)", false),
        (#"ALTER TABLE contacts ALTER COLUMN "contactId" TYPE varchar(255)"#, "character varying(255)", false),
        (#"ALTER TABLE contacts ALTER COLUMN "contactId" TYPE varchar"#, "character varying", false),
        (#"ALTER TABLE contacts ALTER COLUMN "contactId" TYPE text"#, "text", false),
        (#"CREATE VIEW numbers AS SELECT "contactId" FROM contacts"#, "character varying(50)", true),
    ])
    func theColumnOfIdsBecomesWideEnough(script: String, type: String, isNoted: Bool) async throws {
        try await Self.with(then: script) { pool in
            let notes = try await Self.migrate(pool).flatMap(\.notes)
            #expect(
                notes.contains { $0.contains("TYPE varchar(150)") && $0.contains("numbers") } == isNoted,
                "\(notes)"
            )
            let found = try await pool.query(
                """
                SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                WHERE attrelid = 'contacts'::regclass AND attname = 'contactId'
                """
            )
            #expect(try found[0].decode(0) == type)
            #expect(try await Self.count("true", pool) == 5_000)
        }
    }

    @Test func aTableOfOursHasNothingToMend() async throws {
        try await TestDatabase.with { pool in
            #expect(try await Self.migrate(pool).allSatisfy { $0.notes.isEmpty })
            let nullable = try await pool.query(
                """
                SELECT count(*) FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND NOT attnotnull
                    AND attname IN ('metadata', 'messageCount', 'tags', 'optedIn')
                """
            )
            #expect(try nullable[0].decode(0, as: Int.self) == 0)
        }
    }

    /// Expects that nothing is migrated, and returns what stands in the way.
    private static func problems(_ pool: PostgresPool) async throws -> [String] {
        let error = await #expect(throws: SchemaError.self) { try await migrate(pool) }
        let isUntouched = try await pool.query("SELECT to_regclass('schema_migrations') IS NULL")
        #expect(try isUntouched[0].decode(0, as: Bool.self))
        #expect(try await count("\"contactId\" IS NOT NULL", pool) == 5_000)
        guard case .unusableContacts(let problems)? = error else { return [] }
        return problems
    }

    @Test func foreignTypesAreNamedBeforeAnythingChanges() async throws {
        let columns = """
            metadata text, "messageCount" integer, tags jsonb DEFAULT '["vip", "a b"]', "optedIn" integer DEFAULT 1,
            pin integer, "lastSeen" date, email varchar(100), "yearOfBirth" smallint
            """
        try await Self.with(columns: columns, then: "CREATE VIEW pins AS SELECT name, pin FROM contacts") { pool in
            let problems = try await Self.problems(pool)
            let expected = [
                #"column "metadata" is text, and has to be jsonb; run: ALTER TABLE contacts ALTER COLUMN "metadata" TYPE "#
                    + #"jsonb USING "metadata"::jsonb"#,
                #"column "tags" is jsonb, and has to be text[]; run: ALTER TABLE contacts ALTER COLUMN "tags" TYPE text[] "#
                    + #"USING translate("tags"::text, '[]', '{}')::text[]"#,
                #"column "optedIn" is integer, and has to be boolean; run: ALTER TABLE contacts ALTER COLUMN "optedIn" TYPE "#
                    + #"boolean USING "optedIn" <> 0"#,
                #"column "pin" is integer, and has to be varchar or text; run, after dropping what shows it (pins): "#
                    + #"ALTER TABLE contacts ALTER COLUMN "pin" TYPE varchar(50) USING "pin"::text"#,
                #"column "lastSeen" is date, and has to be timestamptz; run: ALTER TABLE contacts ALTER COLUMN "lastSeen" "#
                    + #"TYPE timestamptz USING "lastSeen"::timestamptz"#,
            ]
            #expect(problems == expected)
            // The remedies work.
            try await pool.execute("ALTER TABLE contacts ALTER COLUMN tags DROP DEFAULT")
            try await pool.execute("ALTER TABLE contacts ALTER COLUMN \"optedIn\" DROP DEFAULT")
            try await pool.execute("DROP VIEW pins")
            for problem in problems {
                guard let start = problem.range(of: "ALTER TABLE") else { continue }
                try await pool.execute(PostgresQuery(sql: String(problem[start.lowerBound...])))
            }
            _ = try await Self.migrate(pool)
            #expect(try await Self.count("tags = ARRAY['vip', 'a b'] AND \"optedIn\"", pool) == 5_000)
        }
    }

    @Test func whatDependsOnTheKeyIsNamed() async throws {
        let views = """
            CREATE VIEW busy AS
                SELECT c.*, (SELECT count(*) FROM visits v WHERE v."contactId" = c."contactId") FROM contacts c;
            CREATE VIEW grouped AS SELECT "tenantId", "contactId", name FROM contacts GROUP BY "tenantId", "contactId";
            CREATE MATERIALIZED VIEW kept AS
                SELECT "tenantId", "contactId", name FROM contacts GROUP BY "tenantId", "contactId"
            """
        try await Self.with(then: views) { pool in
            let problems = try await Self.problems(pool)
            #expect(problems.count == 2, "a view that does not need the key is fine: \(problems)")
            let first = "materialized view kept depends on the primary key"
            #expect(problems.first?.hasPrefix(first) == true, "\(problems)")
            #expect(problems.last?.hasPrefix("view grouped depends on the primary key") == true, "\(problems)")
            try await pool.execute("DROP VIEW grouped")
            try await pool.execute("DROP MATERIALIZED VIEW kept")
            _ = try await Self.migrate(pool)
            #expect(try await pool.query("SELECT FROM busy").count == 5_000)
        }
    }

    @Test func aKeyThatIsTakenOrAmbiguousIsNamed() async throws {
        try await Self.with(columns: "id integer, metadata jsonb") { pool in
            let problems = try await Self.problems(pool)
            #expect(problems.count == 1 && problems[0].contains("RENAME COLUMN id TO"), "\(problems)")
        }
        try await TestDatabase.with { pool in
            try await pool.withConnection { connection in
                try await connection.simpleScript(
                    """
                    CREATE TABLE contacts ("tenantId" text, "contactId" text);
                    INSERT INTO contacts VALUES ('a', '1'), ('a', '1'), ('a', NULL), (repeat('x', 51), '2')
                    """
                )
            }
            let error = await #expect(throws: SchemaError.self) { try await Self.migrate(pool) }
            let text = error?.description ?? ""
            for part in ["1 rows have no", "1 rows have a", "1 pairs of", "nothing was migrated"] {
                #expect(text.contains(part), "\(text)")
            }
        }
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE VIEW contacts AS SELECT 1 AS \"tenantId\"")
            let error = await #expect(throws: SchemaError.self) { try await Self.migrate(pool) }
            #expect(error?.description.contains("is a view") == true)
        }
    }
}
