import FoundationEssentials
import Postgres
import Testing

/// Transactions in as few round trips as possible: BEGIN with the first statement, others with COMMIT.
@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresPipelineTests {
    private func withTable(_ body: (PostgresPool) async throws -> Void) async throws {
        try await ScratchSchema.withPool(connections: 2) { pool, _ in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY)")
            try await body(pool)
        }
    }

    private func ids(_ pool: PostgresPool) async throws -> [Int] {
        try await pool.query("SELECT id FROM t ORDER BY id").map { try $0.decode(0) }
    }

    @Test func aTransactionBeginsWithItsFirstStatement() async throws {
        try await ScratchSchema.withPool(connections: 2) { pool, _ in
            try await pool.withConnection { connection in
                let state: PostgresQuery = """
                    SELECT state, xact_start IS NULL FROM pg_stat_activity WHERE pid = \(Int(connection.processID))
                    """
                try await connection.transaction { connection in
                    #expect(connection.isInTransaction)
                    let before = try #require(try await pool.query(state).first)
                    #expect(try before.decode(0) == "idle")
                    #expect(try before.decode(1) == true)
                    try await connection.execute("SELECT 1")
                    #expect(try await pool.query(state).first?.decode(0) == "idle in transaction")
                }
                #expect(!connection.isInTransaction)
            }
        }
    }

    @Test func aTransactionWithoutStatementsLeavesNothingBehind() async throws {
        struct Failure: Error {}
        try await ScratchSchema.withConnection { connection in
            try await connection.transaction { _ in }
            await #expect(throws: Failure.self) { try await connection.transaction { _ in throw Failure() } }
            #expect(!connection.isInTransaction)
            try await expectUsable(connection)
            await #expect(throws: PostgresError.self) {
                try await connection.transaction { try await $0.transaction { _ in } }
            }
            #expect(!connection.isInTransaction)
        }
    }

    @Test func queuedStatementsRunBeforeTheNext() async throws {
        try await withTable { pool in
            try await pool.transaction { connection in
                try await connection.enqueue("INSERT INTO t VALUES (\(1))")
                try await connection.enqueue("INSERT INTO t VALUES (\(2))")
                #expect(try await connection.query("SELECT count(*) FROM t").first?.decode(0) == 2)
                try await connection.enqueue("INSERT INTO t VALUES (\(3))")
            }
            #expect(try await ids(pool) == [1, 2, 3])
        }
    }

    @Test func queuedStatementsAreRolledBackWithTheRest() async throws {
        struct Failure: Error {}
        try await withTable { pool in
            await #expect(throws: Failure.self) {
                try await pool.transaction { connection in
                    try await connection.enqueue("INSERT INTO t VALUES (\(1))")
                    throw Failure()
                }
            }
            await #expect(throws: Failure.self) {
                try await pool.transaction { connection in
                    try await connection.execute("INSERT INTO t VALUES (\(2))")
                    try await connection.enqueue("INSERT INTO t VALUES (\(3))")
                    throw Failure()
                }
            }
            let left = try await ids(pool)
            #expect(left.isEmpty)
        }
    }

    @Test func anErrorAtCommitRollsEverythingBack() async throws {
        try await withTable { pool in
            try await pool.execute("INSERT INTO t VALUES (7)")
            try await pool.withConnection { connection in
                for isAlone in [true, false] {
                    let error = await #expect(throws: PostgresError.self) {
                        try await connection.transaction { connection in
                            if !isAlone { try await connection.execute("INSERT INTO t VALUES (1)") }
                            try await connection.enqueue("INSERT INTO t VALUES (\(2))")
                            try await connection.enqueue("INSERT INTO t VALUES (\(7))")
                            try await connection.enqueue("INSERT INTO t VALUES (\(3))")
                        }
                    }
                    #expect(error?.isUniqueViolation == true)
                    #expect(!connection.isInTransaction)
                    try await expectUsable(connection)
                }
            }
            #expect(try await ids(pool) == [7])
        }
    }

    @Test func anErrorOfAQueuedStatementFailsTheNextStatement() async throws {
        try await withTable { pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { connection in
                    try await connection.enqueue("SELECT 1 / \(0)")
                    _ = try await connection.query("SELECT 1")
                    Issue.record("the error was not said")
                }
            }
            #expect(error?.sqlState == "22012")
            let left = try await ids(pool)
            #expect(left.isEmpty)
        }
    }

    @Test func aHiddenErrorStillAbortsTheTransaction() async throws {
        try await ScratchSchema.withConnection { connection in
            // The statement is prepared here, because a failed transaction cannot prepare any.
            _ = try await connection.query("SELECT 1")
            await #expect(throws: PostgresError.transactionAborted) {
                try await connection.transaction { connection in
                    // The test hides this error on purpose.
                    _ = try? await connection.query("SELECT 1 / 0")
                    try await connection.enqueue("SELECT 1")
                }
            }
            #expect(!connection.isInTransaction)
            try await expectUsable(connection)
        }
    }

    @Test func statementsAreNotQueuedOutsideOfATransaction() async throws {
        try await ScratchSchema.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) { try await connection.enqueue("SELECT 1") }
            guard case .misuse = error else {
                Issue.record("expected a misuse, got \(String(describing: error))")
                return
            }
            try await expectUsable(connection)
        }
    }

    @Test func aDeadlineInTheFirstStatementKeepsTheConnection() async throws {
        try await ScratchSchema.withConnection { connection in
            await #expect(throws: PostgresError.timeout(.milliseconds(200))) {
                _ = try await connection.transaction { connection in
                    try await connection.query("SELECT pg_sleep(30)", deadline: .milliseconds(200))
                }
            }
            #expect(!connection.isInTransaction)
            try await expectUsable(connection)
        }
    }

    @Test func aTransactionIsRepeatedWhenATableChangedUnderItsStatements() async throws {
        try await withTable { pool in
            try await pool.withConnection { connection in
                try await connection.transaction { _ = try await $0.query("SELECT * FROM t") }
                try await connection.transaction { try await $0.enqueue("SELECT * FROM t") }
            }
            try await pool.execute("ALTER TABLE t ADD COLUMN name text DEFAULT 'x'")
            let row = try await pool.transaction { connection in
                try await connection.enqueue("INSERT INTO t VALUES (\(5))")
                return try await connection.query("SELECT * FROM t").first
            }
            #expect(try row?.decode(1) == "x")
            try await pool.transaction { try await $0.enqueue("SELECT * FROM t") }
        }
    }

    @Test func aCopyWithoutDataEndsInAnError() async throws {
        try await withTable { pool in
            let error = await #expect(throws: PostgresError.self) {
                _ = try await pool.transaction { try await $0.query("COPY t FROM STDIN") }
            }
            guard case .misuse = error else {
                Issue.record("expected a misuse, got \(String(describing: error))")
                return
            }
            try await pool.withConnection(expectUsable)
        }
    }

    @Test func copyAndScriptsMayBeFirstInATransaction() async throws {
        try await withTable { pool in
            try await pool.transaction { connection in
                let rows = AsyncStream<[UInt8]> { continuation in
                    continuation.yield(Array("1\n2\n".utf8))
                    continuation.finish()
                }
                try await connection.copyIn(into: "t", columns: ["id"], rows: rows)
            }
            try await pool.transaction { connection in
                try await connection.enqueue("INSERT INTO t VALUES (\(3))")
                try await connection.simpleScript("INSERT INTO t VALUES (4); INSERT INTO t VALUES (5)")
            }
            #expect(try await ids(pool) == [1, 2, 3, 4, 5])
        }
    }
}
