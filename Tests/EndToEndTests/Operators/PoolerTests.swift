import Foundation
import Postgres
import Store
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// The commands behind PgBouncer in transaction mode, and without prepared statements.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct PoolerTests {
    /// The way from a daemon to Postgres.
    enum Way: CaseIterable, Sendable {
        case pooler, poolerAndSession, unprepared

        var needsPooler: Bool { self != .unprepared }
    }

    private static let ways = PoolerServer.isInstalled ? Way.allCases : [.unprepared]

    private static func withPooler(_ body: (PoolerServer) async throws -> Void) async throws {
        try await PoolerServer.with(before: try #require(ProcessInfo.processInfo.environment["DATABASE_URL"]), body)
    }

    @Test(.timing, .timeLimit(.minutes(5)), arguments: ways)
    func twoDaemonsDeliverAndOneIsKilled(way: Way) async throws {
        guard way.needsPooler else {
            return try await Self.deliver { url in
                ["DATABASE_URL": url + "?prepared_statements=off", "DATABASE_LISTEN_URL": url]
            }
        }
        try await Self.withPooler { pooler in
            try await Self.deliver(polls: way == .pooler) { url in
                var variables = ["DATABASE_URL": try pooler.url(url)]
                if way == .poolerAndSession { variables["DATABASE_LISTEN_URL"] = url }
                return variables
            }
        }
    }

    /// Imports, reconciles and sends; one of two daemons is killed meanwhile.
    private static func deliver(polls: Bool = false, to address: (String) throws -> [String: String]) async throws {
        let count = 300
        let variables = ["REQUEST_TIMEOUT": "1", "FLIGHT_LEASE": "6"]
        try await Stage.with(contacts: count, rate: 80, variables: variables, address: address) { stage in
            let daemons = [try await stage.startDaemon(), try await stage.startDaemon()]
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            try await eventually(within: .seconds(60), "a part is sent") { stage.simulator.summary().accepted >= 80 }
            daemons[0].signal(SIGKILL)
            _ = try await daemons[0].outcome()
            try await eventually(within: .seconds(120), "every message has its end") {
                let statuses = try await stage.statuses()
                let unwritten = count - stage.simulator.summary().accepted
                return statuses["delivered", default: 0] + statuses["read", default: 0] == count - unwritten
                    && statuses["unconfirmed", default: 0] == unwritten
            }
            daemons[1].signal(SIGTERM)
            #expect(try await daemons[1].outcome().exitCode == 0)
            let ledger = try await LedgerReader(path: stage.ledger.path).summary()
            #expect(ledger.repeatedRecipients.isEmpty)
            #expect((ledger.mostRequestsInOneSecond[stage.phoneNumberID] ?? 0) <= 80)
            // A kill between the mark and the write leaves a message unconfirmed; that is rare.
            #expect(ledger.recipients >= count - 2)
            for daemon in daemons {
                #expect(daemon.errors.contains("none can listen") == polls)
                #expect(!daemon.errors.contains("42P05") && !daemon.errors.contains("26000"))
            }
            let numbers = try await stage.pool.query("SELECT count(number) FROM daemon_heartbeats")
            #expect(try numbers[0].decode(0, as: Int.self) == (polls ? 0 : 2), "sessions show which daemons live")
        }
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: PoolerServer.isInstalled))
    func migrationsTakeTurnsThroughAPooler() async throws {
        try await Self.withPooler { pooler in
            try await withDatabase(isMigrated: false) { _, _, environment in
                let url = try pooler.url(try #require(environment["DATABASE_URL"]))
                let variables = environment.merging(["DATABASE_URL": url]) { $1 }
                async let first = Command.run("campaignd", ["migrate"], environment: variables)
                async let second = Command.run("campaignd", ["migrate"], environment: variables)
                let outcomes = [try await first, try await second]
                #expect(outcomes.map(\.exitCode) == [0, 0], "\(outcomes.map(\.errors))")
                let lines = outcomes.flatMap { $0.output.split(separator: "\n") }.filter { $0.hasPrefix("applied ") }
                #expect(lines.count == Migration.all.count)
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: PoolerServer.isInstalled))
    func statementsAreCancelledThroughAPooler() async throws {
        try await Self.withPooler { pooler in
            try await withDatabase { _, direct, environment in
                let url = try pooler.url(try #require(environment["DATABASE_URL"]))
                let pool = PostgresPool(configuration: try PostgresConfiguration(url), maxConnections: 1)
                await #expect(throws: PostgresError.timeout(.milliseconds(300))) {
                    try await pool.execute("SELECT pg_sleep(60)", deadline: .milliseconds(300))
                }
                try await eventually("the server has stopped") {
                    let running: PostgresQuery = """
                        SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'
                            AND datname = current_database() AND pid <> pg_backend_pid()
                        """
                    return try await direct.query(running)[0].decode(0, as: Int.self) == 0
                }
                #expect(try await pool.query("SELECT 42")[0].decode(0) == 42)
                await pool.shutdown()
                let separator = url.contains("?") ? "&" : "?"
                let refused = try PostgresConfiguration(url + separator + "options=-cjit%3Doff")
                let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(refused) }
                #expect(error?.description.contains("ignore_startup_parameters") == true)
            }
        }
    }
}
