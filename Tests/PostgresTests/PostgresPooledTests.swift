import Logging
import Postgres
import Testing

/// Connections whose sessions may change between two transactions, as behind a pooler: `prepared_statements=off` makes any
/// connection one of these.
@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresPooledTests {
    private static func withPool(
        settings: [String: String] = [:],
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await ScratchSchema.withPool { _, scratch in
            var configuration = scratch.configuration.settingInSessions(settings)
            configuration.preparesStatements = false
            let pool = PostgresPool(configuration: configuration, maxConnections: 1)
            let result: Result<Void, any Error>
            do { result = .success(try await body(pool)) } catch { result = .failure(error) }
            await pool.shutdown()
            try result.get()
        }
    }

    @Test func aConnectionFindsOutThatItsSessionIsItsOwn() async throws {
        try await ScratchSchema.withPool { pool, _ in
            let isPooled = try await pool.withConnection { $0.isPooled }
            #expect(!isPooled)
        }
        try await Self.withPool { pool in
            let isPooled = try await pool.withConnection { $0.isPooled }
            #expect(isPooled)
        }
    }

    @Test func statementsLeaveNothingInTheSession() async throws {
        try await Self.withPool { pool in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
            #expect(try await pool.execute("INSERT INTO t VALUES (\(1), \("one"))") == 1)
            try await pool.transaction { connection in
                try await connection.enqueue("INSERT INTO t VALUES (\(2), \("two"))")
                try await connection.enqueue("UPDATE t SET name = \("zwei") WHERE id = \(2)")
                #expect(try await connection.query("SELECT name FROM t WHERE id = \(2)")[0].decode("name") == "zwei")
            }
            let error = await #expect(throws: PostgresError.self) {
                try await pool.execute("INSERT INTO t VALUES (\(1))")
            }
            #expect(error?.isUniqueViolation == true)
            await #expect(throws: PostgresError.self) {
                try await pool.transaction { connection in
                    try await connection.execute("INSERT INTO t VALUES (\(3))")
                    try await connection.execute("SELECT 1 / \(0)")
                }
            }
            let ids = try await pool.query("SELECT id FROM t ORDER BY id").map { try $0.decode(0, as: Int.self) }
            #expect(ids == [1, 2])
            let names = try await pool.query("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
            #expect(try names[0].decode(0, as: Int.self) == 0)
        }
    }

    @Test func everyStatementIsInTheSchema() async throws {
        try await ScratchSchema.withPool { _, scratch in
            var configuration = try ScratchSchema.serverConfiguration(schema: scratch.name)
            for isPooled in [true, false] {
                configuration.preparesStatements = isPooled ? false : nil
                let pool = PostgresPool(configuration: configuration, maxConnections: 1)
                try await pool.withConnection { connection in
                    #expect(connection.isPooled == isPooled)
                    try await connection.simpleScript("CREATE TABLE s (id int)")
                    let rows = AsyncStream {
                        $0.yield(Array("1\n2\n".utf8))
                        $0.finish()
                    }
                    #expect(try await connection.copyIn(into: "s", columns: ["id"], rows: rows) == 2)
                    #expect(try await connection.execute("ANALYZE s") == 0)
                    try await connection.transaction { connection in
                        let rows = AsyncStream {
                            $0.yield(Array("3\n".utf8))
                            $0.finish()
                        }
                        #expect(try await connection.copyIn(into: "s", columns: ["id"], rows: rows) == 1)
                        try await connection.enqueue("INSERT INTO s VALUES (\(4))")
                    }
                    let found = try await connection.query(
                        "SELECT count(*), min(current_schema()::text) FROM \(identifier: scratch.name).s"
                    )
                    #expect(try found[0].decode(0) == 4)
                    #expect(try found[0].decode(1) == scratch.name)
                    try await connection.simpleScript("DROP TABLE s")
                }
                await pool.shutdown()
            }
        }
    }

    @Test func settingsHoldInEachTransactionAndOnlyThere() async throws {
        let show: PostgresQuery = "SELECT current_setting('jit'), current_setting('enable_seqscan')"
        let off = { (rows: PostgresRows) in try rows[0].decode(0) == "off" && rows[0].decode(1) == "off" }
        let settings = ["jit": "off", "enable_seqscan": "off"]
        try await Self.withPool(settings: settings) { pool in
            #expect(try off(try await pool.query(show)), "a statement on its own")
            let rows = try await pool.transaction { try await $0.query(show) }
            #expect(try off(rows))
            try await pool.transaction { _ in }
            try await pool.withConnection { connection in
                await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1 / \(0)") }
                #expect(try off(try await connection.query(show)), "after an error")
                // A script is a transaction, until it ends it itself.
                func assert(_ value: String) -> String {
                    "DO $$ BEGIN ASSERT current_setting('enable_seqscan') = '\(value)'; END $$"
                }
                try await connection.simpleScript("\(assert("off")); COMMIT; \(assert("on"))")
                #expect(!connection.isInTransaction)
            }
        }
        try await ScratchSchema.withPool { _, scratch in
            let pool = PostgresPool(configuration: scratch.configuration.settingInSessions(settings), maxConnections: 1)
            let rows = try await pool.query(show)
            #expect(try off(rows), "a session of its own keeps them")
            await pool.shutdown()
        }
    }

    /// Another client has deallocated what was prepared, or the session is another one.
    @Test func aLostStatementIsPreparedAgainOnceAndThenTheErrorNamesTheRemedy() async throws {
        try await ScratchSchema.withConnection { connection in
            #expect(try await connection.query("SELECT 42")[0].decode(0) == 42)
            try await connection.simpleScript("DEALLOCATE ALL")
            #expect(try await connection.query("SELECT 42")[0].decode(0) == 42)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { connection in
                    try await connection.execute("SELECT 42")
                    try await connection.simpleScript("DEALLOCATE ALL")
                    try await connection.execute("SELECT 42")
                }
            }
            #expect(error?.sqlState == "26000")
            #expect(error?.description.contains("prepared_statements=off") == true)
        }
    }
}
