import Foundation
import Logging
import Postgres
import Redis
import Store
import TestBed
import TestSupport
import Testing

@testable import Daemon
@testable import Runtime

/// Reads from a real streaming replica, as long as it is fresh.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ReplicaTests {
    @Test(.timeLimit(.minutes(5)))
    func readsComeFromAFreshReplicaAndElseFromThePrimary() async throws {
        let log = LogCollector()
        try await Self.withServers(logger: log.logger) { standby, pools in
            try await pools.primary.execute("CREATE TABLE seen (id int PRIMARY KEY)")
            try await eventually("reads come from the replica") { try await Self.isReplica(pools.reports) }
            #expect(try await Self.isReplica(pools.live))
            #expect(try await !Self.isReplica(pools.primary))

            // What a replica cannot execute, the primary does.
            let written = try await pools.reports.transaction { connection in
                try await connection.execute("INSERT INTO seen VALUES (\(1))")
            }
            #expect(written == 1)
            #expect(try await pools.reports.execute("INSERT INTO seen VALUES (\(2))") == 1)

            // Replay stops while the primary goes on.
            try await standby.administrate("SELECT pg_wal_replay_pause()")
            try await eventually("replay is paused") {
                try await standby.withAdmin {
                    try await $0.query("SELECT pg_get_wal_replay_pause_state()")[0].decode(0) == "paused"
                }
            }
            try await pools.primary.execute("INSERT INTO seen VALUES (\(3))")
            try await eventually("the replica is too old") { try await !Self.isReplica(pools.reports) }
            #expect(try await Self.count(pools.reports) == 3)
            try await eventually("the log says so") { Self.refusals(log) == 1 }
            try await standby.administrate("SELECT pg_wal_replay_resume()")
            try await eventually("it has caught up") { try await Self.isReplica(pools.reports) }

            // It dies, and no read fails.
            try await standby.kill()
            for _ in 1...50 { #expect(try await Self.count(pools.reports) == 3) }
            #expect(try await !Self.isReplica(pools.live))
            try await eventually("the log says so") { Self.refusals(log) == 2 }
            for _ in 1...50 { #expect(try await Self.count(pools.live) == 3) }
            #expect(Self.refusals(log) == 2, "\(log.text)")
            try await standby.start()
            try await eventually("it is back") { try await Self.isReplica(pools.live) }
        }
    }

    private static func isReplica(_ pool: PostgresPool) async throws -> Bool {
        try await pool.query("SELECT pg_is_in_recovery()")[0].decode(0)
    }

    private static func count(_ pool: PostgresPool) async throws -> Int {
        try await pool.query("SELECT count(*) FROM seen")[0].decode(0)
    }

    /// Number of lines that say that the replica is not read.
    private static func refusals(_ log: LogCollector) -> Int {
        log.text.components(separatedBy: "Reading from the primary").count - 1
    }

    /// A primary, its standby, and the pools of a daemon that measures the standby.
    private static func withServers(
        logger: Logger,
        _ body: (PostgresServer, DatabasePools) async throws -> Void
    ) async throws {
        // The user of Postgres must be able to reach it.
        let folder = URL(filePath: "/var/tmp/campaigns-replica-\(UUID().uuidString.lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let environment = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LANG"].contains($0.key) }
        let primary = try await PostgresServer.make(folder: folder, environment: environment)
        try await primary.start()
        let standby = try await primary.makeStandby()
        let result: Result<Void, any Error>
        do {
            try await standby.start()
            var configuration = DaemonConfiguration(
                postgres: try PostgresConfiguration(primary.url(database: "postgres")),
                redis: try RedisConfiguration(url: "redis://localhost:1/0")
            )
            configuration.replica = try PostgresConfiguration(standby.url(database: "postgres"))
            configuration.replicaAge = .seconds(3)
            let pools = DatabasePools(configuration, logger: logger)
            let watch = try #require(pools.watch)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await watch.run() }
                defer { group.cancelAll() }
                try await body(standby, pools)
            }
            await pools.shutdown()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await standby.kill()
        try await primary.kill()
        try FileManager.default.removeItem(at: folder)
        try result.get()
    }
}
