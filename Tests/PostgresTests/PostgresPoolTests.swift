import FoundationEssentials
import TestSupport
import Testing

@testable import Postgres

@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresPoolTests {
    private struct Wrapped: Error {
        let cause: any Error
    }

    @Test(.timing) func exhaustionSaysHowBigThePoolIsAndHowLongItTook() async throws {
        try await ScratchSchema.withPool(connections: 1, acquireTimeout: .milliseconds(100)) { pool, _ in
            try await pool.withConnection { _ in
                let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
                guard case .poolExhausted(let size, let waited) = try #require(error) else { throw try #require(error) }
                #expect(size == 1)
                #expect(waited >= .milliseconds(100))
                #expect(waited < .seconds(2))
            }
            try await pool.withConnection(expectUsable)
        }
    }

    @Test func waitersAreServedInTurn() async throws {
        try await ScratchSchema.withPool(connections: 1) { pool, _ in
            try await pool.execute("CREATE TABLE t (id serial, n int)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await pool.withConnection { _ in
                    for n in 0..<20 {
                        group.addTask { try await pool.execute("INSERT INTO t (n) VALUES (\(n))") }
                        try await eventually("the task stands in line") { pool.statistics.waiting == n + 1 }
                    }
                }
                try await group.waitForAll()
            }
            let order = try await pool.query("SELECT n FROM t ORDER BY id").map { try $0.decode(0, as: Int.self) }
            #expect(order == Array(0..<20))
        }
    }

    @Test func commitsOrRollsBack() async throws {
        try await ScratchSchema.withPool { pool, _ in
            try await pool.execute("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (1)") }
            await #expect(throws: CancellationError.self) {
                try await pool.transaction { connection in
                    try await connection.execute("INSERT INTO t VALUES (2)")
                    throw CancellationError()
                }
            }
            await #expect(throws: PostgresError.transactionAborted) {
                try await pool.transaction { connection in
                    try await connection.execute("INSERT INTO t VALUES (3)")
                    _ = try? await connection.execute("SELECT 1/0")
                }
            }
            let atCommit = await #expect(throws: PostgresError.self) {
                try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (1)") }
            }
            #expect(atCommit?.isUniqueViolation == true)
            await #expect(throws: PostgresError.misuse("a transaction is open on this connection already")) {
                try await pool.transaction { try await $0.transaction { _ in } }
            }
            let readOnly = await #expect(throws: PostgresError.self) {
                try await pool.transaction(readOnly: true) { try await $0.execute("INSERT INTO t VALUES (4)") }
            }
            #expect(readOnly?.sqlState == "25006")
            #expect(try await pool.query("SELECT n FROM t").count == 1)
        }
    }

    @Test func aForgottenTransactionDoesNotReachTheNextUser() async throws {
        try await ScratchSchema.withPool(connections: 1) { pool, _ in
            try await pool.execute("CREATE TABLE t (n int)")
            try await pool.withConnection { connection in
                try await connection.simpleScript("BEGIN")
                try await connection.execute("INSERT INTO t VALUES (1)")
            }
            #expect(try await pool.withConnection { $0.isInTransaction } == false)
            #expect(try await pool.query("SELECT * FROM t").isEmpty)
        }
    }

    @Test func serializationFailuresAreRepeatedAlsoWhenWrapped() async throws {
        try await ScratchSchema.withPool(connections: 4) { pool, _ in
            try await pool.execute("CREATE TABLE t (n int)")
            try await pool.execute("INSERT INTO t VALUES (0)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await pool.transaction(isolation: .serializable, retries: 100) { connection in
                                let row = try #require(try await connection.query("SELECT n FROM t").first)
                                let n: Int = try row.decode(0)
                                do {
                                    try await connection.execute("UPDATE t SET n = \(n + 1)")
                                } catch {
                                    throw Wrapped(cause: error)
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try #require(try await pool.query("SELECT n FROM t").first).decode(0) == 40)
        }
    }

    @Test func brokenConnectionsAreReplacedUnderLoad() async throws {
        try await ScratchSchema.withPool(connections: 4) { pool, scratch in
            let admin = try await PostgresConnection.connect(scratch.configuration)
            let outcomes = try await withThrowingTaskGroup(of: (ok: Int, broken: Int).self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var (ok, broken) = (0, 0)
                        for n in 0..<150 {
                            do {
                                let rows = try await pool.query("SELECT \(task * 1000 + n)::int8")
                                #expect(try #require(rows.first).decode(0) == task * 1000 + n)
                                ok += 1
                            } catch let error as PostgresError {
                                guard case .connection = error else { throw error }
                                broken += 1
                            }
                        }
                        return (ok, broken)
                    }
                }
                for _ in 0..<30 {
                    try await admin.execute(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE application_name = \(scratch.name) AND pid <> pg_backend_pid()
                        ORDER BY random() LIMIT 1
                        """
                    )
                }
                return try await group.reduce(into: (0, 0)) { $0 = ($0.0 + $1.ok, $0.1 + $1.broken) }
            }
            #expect(outcomes.0 + outcomes.1 == 1200)
            #expect(outcomes.0 > 1000)
            let statistics = pool.statistics
            #expect(statistics.open <= 4 && statistics.open == statistics.idle && statistics.waiting == 0)
            for _ in 0..<8 { try await pool.withConnection(expectUsable) }
            await admin.close()
        }
    }

    @Test func aBreakDuringCommitIsReportedAsUnknown() async throws {
        try await ScratchSchema.withPool(connections: 2) { pool, _ in
            try await pool.withConnection {
                try await $0.simpleScript(
                    """
                    CREATE TABLE t (n int);
                    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
                        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5); RETURN NULL; END';
                    CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION die();
                    """
                )
            }
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (1)") }
            }
            guard case .commitUnknown = try #require(error) else { throw try #require(error) }
            #expect(try await pool.query("SELECT * FROM t").isEmpty)
        }
    }

    @Test func shutdownEndsWaitsAndClosesConnections() async throws {
        let pool = PostgresPool(configuration: try ScratchSchema.serverConfiguration(), maxConnections: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await pool.withConnection { connection in
                group.addTask { try await pool.execute("SELECT 1") }
                try await eventually("the task stands in line") { pool.statistics.waiting == 1 }
                await pool.shutdown(within: .zero)
                await #expect(throws: PostgresError.closed) { try await group.next() }
                try await expectUsable(connection)
            }
        }
        #expect(pool.statistics.open == 0)
        await #expect(throws: PostgresError.closed) { try await pool.query("SELECT 1") }
    }

    /// Each would fail again, so that waiting only hides the reason.
    @Test(
        .timing,
        arguments: [
            ("dbname", "no_such_database", "create the database, or correct its name"),
            ("user", "no_such_role", "correct the user"), ("host", "no-such-host.invalid", "correct the host"),
        ]
    )
    func aWrongSettingFailsAtOnceWithItsRemedy(setting: String, value: String, remedy: String) async throws {
        let configuration = try ScratchSchema.serverConfiguration().setting(setting, to: value)
        let pool = PostgresPool(configuration: configuration, maxConnections: 2, acquireTimeout: .seconds(60))
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
        let text = try #require(error?.description)
        // A resolver without a network cannot know that the host does not exist.
        guard !text.contains("Temporary failure") else { return }
        #expect(text.contains(value) && text.contains(remedy), "\(text)")
        #expect(!text.contains("LOCATION") && text.split(separator: "\n").count == 1, "\(text)")
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(pool.statistics.open == 0)
    }

    @Test(.timing) func aPoolOfACommandDoesNotAwaitAServer() async throws {
        let configuration = try PostgresConfiguration("postgresql://nobody@127.0.0.1:1/none")
        let pool = PostgresPool(configuration: configuration, acquireTimeout: .seconds(60), awaitsServer: false)
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
        #expect(
            error?.description.contains("start Postgres, or correct host and port") == true,
            "\(error.debugDescription)"
        )
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test func refusalsAreJudgedByTheirState() {
        let server = #"connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  "#
        for (complaint, remedy) in [
            ("57P03: the database system is starting up", ConnectFailure.Remedy.time),
            ("53300: sorry, too many clients already", .time),
            (#"28P01: password authentication failed for user "ann""#, .person),
            (#"28000: role "ann" does not exist"#, .person),
            ("42501: permission denied for database \"shop\"", .person),
        ] {
            let failure = ConnectFailure("\(server)\(complaint)\nLOCATION:  InitPostgres, postinit.c:941\n")
            #expect(failure.remedy == remedy, "\(complaint)")
            #expect(failure.reason.contains("FATAL: \(complaint.dropFirst(7))"), "\(failure.reason)")
            #expect(!failure.reason.contains("LOCATION"))
        }
        let resolver = #"could not translate host name "db" to address: "#
        #expect(ConnectFailure(resolver + "Name or service not known").remedy == .person)
        #expect(ConnectFailure(resolver + "Temporary failure in name resolution").remedy == .server)
    }

    @Test(.timing) func anUnreachableServerIsTriedUntilTheTimeIsUp() async throws {
        let configuration = try PostgresConfiguration("postgresql://nobody@127.0.0.1:1/none")
        let pool = PostgresPool(configuration: configuration, maxConnections: 2, acquireTimeout: .milliseconds(500))
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
        guard case .connection = try #require(error) else { throw try #require(error) }
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(pool.statistics.open == 0)
    }
}
