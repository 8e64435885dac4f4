import FoundationEssentials
import Postgres
import TestSupport
import Testing

@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresConnectionTests {
    @Test(.timing) func deadlineStopsTheStatementAndKeepsTheConnection() async throws {
        try await ScratchSchema.withConnection { connection in
            let start = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT pg_sleep(30)", deadline: .milliseconds(200))
            }
            #expect(error == .timeout(.milliseconds(200)))
            #expect(ContinuousClock.now - start < .seconds(2))
            try await expectUsable(connection)
        }
    }

    @Test(.timing) func cancellationStopsTheStatementAndKeepsTheConnection() async throws {
        try await ScratchSchema.withPool(connections: 1) { pool, _ in
            let start = ContinuousClock.now
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await pool.execute("SELECT pg_sleep(30)") }
                while pool.statistics.open == 0 || pool.statistics.idle > 0 { await Task.yield() }
                group.cancelAll()
                await #expect(throws: PostgresError.cancelled) { try await group.next() }
            }
            #expect(ContinuousClock.now - start < .seconds(3))
            try await pool.withConnection(expectUsable)
        }
    }

    @Test func manyCancellationsInTheMiddleLeaveThePoolUsable() async throws {
        try await ScratchSchema.withPool(connections: 2) { pool, _ in
            for round in 0..<40 {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 {
                        // The query is cancelled at a random point: any error is right, a hang is not.
                        group.addTask { _ = try? await pool.query("SELECT pg_sleep(0.01)") }
                    }
                    try? await Task.sleep(for: .milliseconds(round % 8))
                    group.cancelAll()
                }
                let rows = try await pool.query("SELECT \(round)::int8")
                #expect(try #require(rows.first).decode(0) == round)
            }
            #expect(pool.statistics.idle == pool.statistics.open)
        }
    }

    @Test func serverErrorsAreTypedAndSilentAboutValues() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript(
                "CREATE TABLE t (id int CONSTRAINT t_key PRIMARY KEY, n int CHECK (n > 0))"
            )
            try await connection.execute("INSERT INTO t VALUES (4711, 1)")
            let unique = await #expect(throws: PostgresError.self) {
                try await connection.execute("INSERT INTO t VALUES (\(4711), 1)")
            }
            #expect(unique?.isUniqueViolation == true)
            #expect(unique?.serverError?.constraint == "t_key")
            #expect(unique?.description.contains("4711") == false)
            let check = await #expect(throws: PostgresError.self) {
                try await connection.execute("INSERT INTO t VALUES (1, 0)")
            }
            #expect(check?.isCheckViolation == true)
            let invalid = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT \("hidden")::int")
            }
            #expect(
                invalid?.description
                    == "postgres refused the statement, 22P02: invalid input syntax for type integer: \"…\""
            )
            let syntax = await #expect(throws: PostgresError.self) { try await connection.query("SELECT FROM WHERE") }
            #expect(syntax?.serverError?.position == 13)
        }
    }

    @Test func statementsSurviveAChangedTable() async throws {
        try await ScratchSchema.withPool(connections: 1) { pool, _ in
            try await pool.withConnection {
                try await $0.simpleScript("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            }
            let query: PostgresQuery = "SELECT * FROM t"
            #expect(try await pool.query(query).columnNames == ["a"])
            try await pool.execute("ALTER TABLE t ADD COLUMN b text DEFAULT 'x'")
            #expect(try await pool.query(query).columnNames == ["a", "b"])
            try await pool.execute("ALTER TABLE t ALTER COLUMN a TYPE text")
            #expect(try #require(try await pool.query(query).first).decode("a") == "1")
            // Within a transaction the error aborts the transaction, so the pool repeats it.
            try await pool.execute("ALTER TABLE t DROP COLUMN b")
            let names = try await pool.transaction { try await $0.query(query).columnNames }
            #expect(names == ["a"])
            try await pool.execute("DEALLOCATE ALL")
            #expect(try await pool.query(query).columnNames == ["a"])
        }
    }

    @Test func theStatementCacheIsBounded() async throws {
        try await ScratchSchema.withConnection { connection in
            for n in 0..<600 { _ = try await connection.query(PostgresQuery(sql: "SELECT \(n)")) }
            let rows = try await connection.query("SELECT count(*) FROM pg_prepared_statements")
            #expect(try #require(rows.first).decode(0, as: Int.self) <= 258)
        }
    }

    @Test func scriptsRunManyStatementsOrNone() async throws {
        try await ScratchSchema.withConnection { connection in
            await #expect(throws: PostgresError.self) {
                try await connection.simpleScript("CREATE TABLE a (); CREATE TABLE b (); SELECT 1/0")
            }
            let rows = try await connection.query("SELECT to_regclass('a') IS NULL")
            #expect(try #require(rows.first).decode(0) == true)
            await #expect(throws: PostgresError.misuse("COPY FROM STDIN needs copyIn")) {
                try await connection.query("COPY pg_class FROM STDIN")
            }
            try await expectUsable(connection)
        }
    }

    @Test func advisoryLocksExcludeOtherTransactions() async throws {
        try await ScratchSchema.withPool(connections: 2) { pool, _ in
            let key = Int64.random(in: .min ... .max)
            let lock: PostgresQuery = "\(key)::bigint"
            let isFree = { try await pool.transaction { try await $0.tryLock(key) } }
            try await pool.withLock(lock) {
                let whileHeld = try await isFree()
                #expect(!whileHeld)
                await #expect(throws: PostgresError.timeout(.milliseconds(100))) {
                    try await pool.withLock(lock, deadline: .milliseconds(100)) {}
                }
            }
            #expect(try await isFree())
            try await pool.withLock(lock, isShared: true) {
                try await pool.withLock(lock, isShared: true) {
                    let whileShared = try await isFree()
                    #expect(!whileShared)
                }
            }
            struct Failure: Error {}
            await #expect(throws: Failure.self) { try await pool.withLock(lock) { throw Failure() } }
            #expect(try await isFree())
        }
    }

    @Test func aLockThatWasLostIsAnError() async throws {
        try await ScratchSchema.withPool(connections: 2) { pool, _ in
            let key = Int64.random(in: .min ... .max)
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withLock("\(key)::bigint") {
                    // What idles in a transaction is the keeper of the lock.
                    try await pool.execute(
                        """
                        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                        WHERE state = 'idle in transaction' AND application_name = current_setting('application_name')
                        """
                    )
                }
            }
            guard case .connection? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }
}
