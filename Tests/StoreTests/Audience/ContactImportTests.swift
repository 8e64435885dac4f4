import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactImportTests {
    private struct NoMoreRows: Error {}

    /// Rows of `contactId` and `name`, in batches of 70.
    private static func batches(
        _ numbers: some Sequence<Int>,
        name: String = "New",
        thenThrowing error: (any Error)? = nil
    ) -> AsyncThrowingStream<ContactImportBatch, any Error> {
        AsyncThrowingStream { continuation in
            var batch = ContactImportBatch(firstNumber: 1)
            for number in numbers {
                batch.beginRow()
                batch.append(String(254_700_000_000 + number).utf8)
                batch.append("\(name) \(number)".utf8)
                batch.endRow()
                if batch.count == 70 {
                    continuation.yield(batch)
                    batch = ContactImportBatch(firstNumber: batch.endNumber)
                }
            }
            if batch.count > 0 { continuation.yield(batch) }
            continuation.finish(throwing: error)
        }
    }

    private static func run(
        _ batches: AsyncThrowingStream<ContactImportBatch, any Error>,
        _ fixture: Fixture,
        size: Int = 100,
        written: (Int, Int) -> Void = { _, _ in }
    ) async throws -> ContactImportResult {
        try await ContactImportRepository(pool: fixture.pool, batchSize: size).run(
            tenant: "acme",
            columns: [.contactId, .name],
            batches: batches,
            written: written
        )
    }

    /// The staging tables, and other tables with such a name.
    private static func tables(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            "SELECT relname::text FROM pg_class WHERE relname LIKE 'contact_import%' AND relkind = 'r' ORDER BY 1"
        )
    }

    private static func expectTables(_ names: [String], _ fixture: Fixture) async throws {
        let tables = try await tables(fixture)
        #expect(tables == names)
    }

    @Test(arguments: [1, 2, 4])
    func allRowsArriveHoweverManyConnectionsThereAre(connections: Int) async throws {
        try await Fixture.with(connections: connections) { fixture in
            try await fixture.addContacts(300)
            var progress: [Int] = []
            // 301...1050 are new, 101...300 change, and 150 of the new ones come twice.
            let numbers = Array(101...1_050) + Array(901...1_050)
            let result = try await Self.run(Self.batches(numbers), fixture) { merged, all in
                #expect(all == 1_100)
                progress.append(merged)
            }
            #expect(result == ContactImportResult(inserted: 750, updated: 200, duplicates: 150))
            #expect(progress == Array(stride(from: 100, through: 1_100, by: 100)))
            let counts = try await fixture.pool.query(
                "SELECT count(*), count(*) FILTER (WHERE name LIKE 'New %') FROM contacts"
            )[0]
            #expect(try (0..<2).map { try counts.decode($0, as: Int.self) } == [1_050, 950])
            try await Self.expectTables([], fixture)
        }
    }

    @Test func importLeavesStatisticsBehind() async throws {
        try await Fixture.with { fixture in
            try await fixture.pool.execute("ALTER TABLE contacts SET (autovacuum_enabled = off)")
            _ = try await Self.run(Self.batches(1...1_000), fixture)
            let known: Int = try await fixture.value(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = 'contacts'::regclass"
            )
            #expect(known == 1_000)
        }
    }

    @Test func twoBatchesAreMergedAtOnce() async throws {
        try await Fixture.with { fixture in
            // Each batch waits until two have come here.
            try await fixture.pool.withConnection { connection in
                try await connection.simpleScript(
                    """
                    CREATE SEQUENCE arrivals;
                    CREATE FUNCTION wait_for_another() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        PERFORM nextval('arrivals');
                        FOR attempt IN 1..2000 LOOP
                            IF (SELECT last_value FROM arrivals) >= 2 THEN RETURN NULL; END IF;
                            PERFORM pg_sleep(0.01);
                        END LOOP;
                        RAISE EXCEPTION 'alone';
                    END
                    $$;
                    CREATE TRIGGER wait_for_another AFTER INSERT ON contacts
                        FOR EACH STATEMENT EXECUTE FUNCTION wait_for_another()
                    """
                )
            }
            let result = try await Self.run(Self.batches(1...200), fixture)
            #expect(result == ContactImportResult(inserted: 200))
        }
    }

    @Test func twoImportsOfOneTenantDoNotBlockEachOther() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(2_000)
            let results = try await withThrowingTaskGroup(of: ContactImportResult.self) { group in
                for (name, numbers) in [("A", Array(1...2_000)), ("B", (1...2_000).reversed())] {
                    group.addTask { try await Self.run(Self.batches(numbers, name: name), fixture, size: 250) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results == [ContactImportResult(updated: 2_000), ContactImportResult(updated: 2_000)])
            try await Self.expectTables([], fixture)
        }
    }

    @Test func rowsThatEndInAnErrorLeaveNothing() async throws {
        try await Fixture.with { fixture in
            await #expect(throws: NoMoreRows.self) {
                _ = try await Self.run(Self.batches(1...500, thenThrowing: NoMoreRows()), fixture)
            }
            let count = try await fixture.value("SELECT count(*) FROM contacts", as: Int.self)
            #expect(count == 0)
            try await Self.expectTables([], fixture)
        }
    }

    @Test func aBatchThatFailsEndsTheImportAndItsTable() async throws {
        try await Fixture.with { fixture in
            try await fixture.pool.execute("ALTER TABLE contacts ADD CONSTRAINT broken CHECK (name <> 'New 250')")
            await #expect(throws: PostgresError.self) { _ = try await Self.run(Self.batches(1...500), fixture) }
            try await Self.expectTables([], fixture)
            try await fixture.pool.execute("ALTER TABLE contacts DROP CONSTRAINT broken")
            let again = try await Self.run(Self.batches(1...500), fixture)
            #expect(again.inserted + again.unchanged == 500)
        }
    }

    @Test func tablesOfDeadImportsAreDroppedAndOthersStay() async throws {
        try await Fixture.with { fixture in
            let name = { (digit: String) in "contact_import_" + String(repeating: digit, count: 16) }
            for table in [name("1"), name("f"), "contact_imports"] {
                try await fixture.pool.execute("CREATE UNLOGGED TABLE \(identifier: table) (number bigint)")
            }
            // The lock of a running import.
            try await fixture.pool.withLock("\(0x1111_1111_1111_1111)::bigint") {
                _ = try await Self.run(Self.batches(1...10), fixture)
                try await Self.expectTables([name("1"), "contact_imports"], fixture)
            }
            _ = try await Self.run(Self.batches(1...10), fixture)
            try await Self.expectTables(["contact_imports"], fixture)
        }
    }

    @Test func aCancelledImportIsClearedUpByTheNext() async throws {
        try await Fixture.with { fixture in
            let (rows, source) = AsyncThrowingStream<ContactImportBatch, any Error>.makeStream()
            await #expect(throws: (any Error).self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await Self.run(rows, fixture) }
                    try await eventually("the import began") {
                        try await Self.tables(fixture).count == 1
                    }
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            source.finish()
            let result = try await Self.run(Self.batches(1...10), fixture)
            #expect(result == ContactImportResult(inserted: 10))
            try await Self.expectTables([], fixture)
        }
    }
}
