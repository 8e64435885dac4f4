import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MigratorTests {
    private static func step(_ version: Int, _ sql: String) -> Migration {
        Migration(version: version, name: "step\(version)", bytes: Array(sql.utf8))
    }

    private static func migrator(_ pool: PostgresPool, _ steps: [Migration] = Migration.all) -> Migrator {
        Migrator(pool: pool, migrations: steps, logger: TestDatabase.logger)
    }

    private static func tables(_ pool: PostgresPool) async throws -> [String] {
        let rows = try await pool.query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }

    @Test func anEmptyDatabaseGetsEveryStepOnce() async throws {
        try await TestDatabase.with { pool in
            let migrator = Self.migrator(pool)
            let all = Migration.all.map(\.version)
            #expect(try await migrator.pending().map(\.version) == all)
            #expect(try await migrator.migrate().map(\.version) == all)
            #expect(try await migrator.migrate().isEmpty)
            #expect(try await migrator.pending().isEmpty)
            let tables = try await Self.tables(pool)
            #expect(tables.contains("campaign_messages"))
            let versions = try await pool.query("SELECT version FROM schema_migrations ORDER BY version")
            #expect(try versions.map { try $0.decode(0, as: Int.self) } == all)
        }
    }

    @Test func aChangedStepIsRefused() async throws {
        try await TestDatabase.with { pool in
            try await Self.migrator(pool, [Self.step(1, "CREATE TABLE one ()")]).migrate()
            let steps = [Self.step(1, "CREATE TABLE one (x int)"), Self.step(2, "CREATE TABLE two ()")]
            let changed = Self.migrator(pool, steps)
            await #expect(throws: SchemaError.changed(version: 1, name: "step1")) { try await changed.migrate() }
            await #expect(throws: SchemaError.changed(version: 1, name: "step1")) { try await changed.pending() }
            let tables = try await Self.tables(pool)
            #expect(tables == ["one", "schema_migrations"])
        }
    }

    @Test func aNewerDatabaseIsRefused() async throws {
        try await TestDatabase.with { pool in
            let steps = [Self.step(1, "CREATE TABLE one ()"), Self.step(2, "CREATE TABLE two ()")]
            try await Self.migrator(pool, steps).migrate()
            await #expect(throws: SchemaError.newer(version: 2)) { try await Self.migrator(pool, [steps[0]]).migrate() }
        }
    }

    @Test func aMissingTableIsExplainedByTheSchema() async throws {
        try await TestDatabase.with { pool in
            let steps = [Self.step(1, "CREATE TABLE one ()"), Self.step(2, "CREATE TABLE two ()")]
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT missing FROM two") }
            let missing = try #require(error)
            let old = await Self.migrator(pool, steps).explanation(of: missing)
            #expect(old as? SchemaError == .outdated(missing: 2))
            try await Self.migrator(pool, steps).migrate()
            let same = await Self.migrator(pool, steps).explanation(of: missing)
            #expect(same as? PostgresError == missing)
            let new = await Self.migrator(pool, [steps[0]]).explanation(of: missing)
            #expect(new as? SchemaError == .newer(version: 2))
            let other = await Self.migrator(pool, [steps[0]]).explanation(of: PostgresError.closed)
            #expect(other as? PostgresError == .closed)
        }
    }

    @Test func aFailingStepLeavesNothingAndKeepsTheStepsBefore() async throws {
        try await TestDatabase.with { pool in
            let steps = [Self.step(1, "CREATE TABLE one ()"), Self.step(2, "CREATE TABLE two (); SELECT 1 / 0")]
            await #expect(throws: PostgresError.self) { try await Self.migrator(pool, steps).migrate() }
            let tables = try await Self.tables(pool)
            #expect(tables == ["one", "schema_migrations"])
            let repaired = [steps[0], Self.step(2, "CREATE TABLE two ()")]
            let applied = try await Self.migrator(pool, repaired).migrate().map(\.version)
            #expect(applied == [2])
        }
    }

    @Test func manyAtOnceTakeTurns() async throws {
        try await TestDatabase.with { pool in
            let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 1...4 { group.addTask { try await Self.migrator(pool).migrate().map(\.version) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            // Each step is applied once, whoever comes first.
            #expect(applied.sorted() == Migration.all.map(\.version))
        }
    }

    @Test func aTableWithTheCompositeKeyKeepsItsRows() async throws {
        try await TestDatabase.with { pool in
            try await pool.withConnection { try await $0.simpleScript(Self.legacy) }
            try await Self.migrator(pool).migrate()
            let row = try await pool.query(
                """
                SELECT count(*), count(DISTINCT c.id), count(*) FILTER (WHERE name = 'Contact ' || "contactId"),
                    (SELECT count(*) FROM visits), (SELECT count(*) FROM contacts WHERE "optedIn" AND tags = '{}')
                FROM contacts c
                """
            )[0]
            for column in 0..<5 { #expect(try row.decode(column, as: Int.self) == 1_000) }
            let error = await #expect(throws: PostgresError.self) {
                try await pool.execute("INSERT INTO contacts (\"tenantId\", \"contactId\") VALUES ('t1', '17')")
            }
            #expect(error?.isUniqueViolation == true)
            for statement in [
                "INSERT INTO visits VALUES (2001, 't9', '1')", "DELETE FROM contacts WHERE \"contactId\" = '17'",
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.execute(PostgresQuery(sql: statement))
                }
                #expect(error?.isForeignKeyViolation == true)
            }
            let keys = try await pool.query(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'contacts'::regclass AND contype = 'p'"
            )
            #expect(try keys[0].decode(0, as: String.self) == "PRIMARY KEY (id)")
        }
    }

    @Test func schedulesThatExistAreOfUTCAndOfNobodysSpec() async throws {
        try await TestDatabase.with { pool in
            try await Self.migrator(pool, Migration.all.filter { $0.version < 6 }).migrate()
            try await pool.execute(
                "INSERT INTO campaigns (\"tenantId\", name, type, \"messageTemplate\") VALUES ('t', 'c', 'scheduled', '{}')"
            )
            try await pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
                SELECT id, 't', '0 9 * * *', now() FROM campaigns
                """
            )
            try await Self.migrator(pool).migrate()
            let row = try await pool.query("SELECT * FROM campaign_schedules")[0]
            #expect(try row.decode("timeZone", as: String.self) == "UTC")
            #expect(try row.decode("misfire", as: String.self) == "runOnce")
            #expect(try row.decode("managedBy", as: String?.self) == nil)
            let error = await #expect(throws: PostgresError.self) {
                try await pool.execute("UPDATE campaign_schedules SET \"cronExpression\" = NULL")
            }
            #expect(error?.isCheckViolation == true)
        }
    }

    private static let legacy = """
        CREATE TABLE contacts (
            "tenantId" varchar(50) NOT NULL, "contactId" varchar(50) NOT NULL, name varchar(255), email varchar(255),
            "messageCount" integer NOT NULL DEFAULT 0, "lastSeen" timestamptz,
            CONSTRAINT "PK_contacts" PRIMARY KEY ("tenantId", "contactId")
        );
        CREATE TABLE visits (
            id integer PRIMARY KEY, "tenantId" varchar(50), "contactId" varchar(50),
            CONSTRAINT "FK_visits" FOREIGN KEY ("tenantId", "contactId") REFERENCES contacts ("tenantId", "contactId")
        );
        INSERT INTO contacts SELECT 't' || n % 3, n, 'Contact ' || n, NULL, n, now() FROM generate_series(1, 1000) n;
        UPDATE contacts SET "tenantId" = 't1' WHERE "contactId" = '17';
        INSERT INTO visits SELECT "messageCount", "tenantId", "contactId" FROM contacts;
        """
}
