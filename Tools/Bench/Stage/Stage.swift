import BenchKit
import Foundation
import Logging
import Postgres
import Redis
import TestBed

/// A private database, an empty Redis and the processes of one measurement.
final class Stage: Sendable {
    static let token = "BENCH_TOKEN"
    static let secret = "0123456789abcdef0123456789abcdef"

    let servers: Servers
    let database: String
    let databaseURL: String
    let pool: PostgresPool
    let redis: RedisClient

    private init(_ servers: Servers, database: String, url: String) throws {
        self.servers = servers
        self.database = database
        databaseURL = url
        pool = try Servers.pool(url)
        redis = RedisClient(configuration: try RedisConfiguration(url: servers.redisURL), logger: .silent)
    }

    /// Creates a stage, runs `body` with it and removes it.
    static func with<Value>(
        _ name: String,
        on servers: Servers,
        _ body: (Stage) async throws -> Value
    ) async throws -> Value {
        let database = "bench_\(name)"
        try await administrate(
            servers,
            ["DROP DATABASE IF EXISTS \(database) WITH (FORCE)", "CREATE DATABASE \(database)"]
        )
        let prefix = servers.postgresURL.prefix(
            through: servers.postgresURL.lastIndex(of: "/") ?? servers.postgresURL.startIndex
        )
        let stage = try Stage(servers, database: database, url: prefix + database)
        let result: Result<Value, any Error>
        do {
            _ = try await stage.redis.send(RedisCommand("FLUSHALL"))
            try await stage.command("campaignd", "migrate")
            result = .success(try await body(stage))
        } catch {
            result = .failure(error)
        }
        await stage.pool.shutdown()
        await stage.redis.shutdown()
        try await administrate(servers, ["DROP DATABASE \(database) WITH (FORCE)"])
        return try result.get()
    }

    private static func administrate(_ servers: Servers, _ statements: [String]) async throws {
        let pool = try Servers.pool(servers.postgresURL, connections: 1)
        let result: Result<Void, any Error>
        do {
            for statement in statements {
                try await pool.execute(PostgresQuery(sql: statement), deadline: .seconds(300))
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await pool.shutdown()
        try result.get()
    }

    var environment: [String: String] {
        [
            "DATABASE_URL": databaseURL, "REDIS_URL": servers.redisURL, "JWT_SECRET": Self.secret, Self.token: "token",
            "WHATSAPP_APP_SECRET": "bench-secret", "API_RATE_LIMIT": "0",
            "TRIGGER_RATE_LIMIT": "1000000", "LOG_LEVEL": "warning",
        ]
    }

    /// Runs a command of this package to its end and returns its output.
    @discardableResult
    func command(_ program: String, _ arguments: String...) async throws -> String {
        try await servers.run(servers.path(of: program), arguments, environment: environment)
    }

    /// Executes a statement that may take long.
    func execute(_ statement: PostgresQuery) async throws {
        try await pool.execute(statement, deadline: .seconds(1_800))
    }

    func number(_ statement: PostgresQuery) async throws -> Int {
        try await pool.query(statement, deadline: .seconds(300))[0].decode(0)
    }

    /// Reads all counters; the difference of two readings is an ``Effort``.
    ///
    /// - Parameter children: Processes besides Postgres and Redis, with their names in the report.
    /// - Returns: The counters now.
    /// - Throws: An error of a server.
    func mark(_ children: [(name: String, process: Int32)] = []) async throws -> EffortMark {
        let row = try await pool.query(
            """
            SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8, (xact_commit + xact_rollback)::float8
            FROM pg_stat_database WHERE datname = current_database()
            """
        )[0]
        let info = try await redis.send(RedisCommand("INFO", "stats")).asText()
        let commands = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_commands_processed:") }
        let cpu =
            children.map { ($0.name, ProcessStatistics.cpuSeconds(ofTree: $0.process)) } + [
                ("Postgres", ProcessStatistics.cpuSeconds(ofTree: servers.postgres)),
                ("Redis", ProcessStatistics.cpuSeconds(ofTree: servers.redis)),
            ]
        return EffortMark(
            cpu: cpu,
            walBytes: try row.decode(0),
            transactions: try row.decode(1),
            redisCommands: commands.flatMap { Double($0.split(separator: ":")[1]) } ?? 0,
            instant: .now
        )
    }
}

extension DaemonProcess {
    /// Starts a daemon on the servers of a stage and waits until it is ready.
    ///
    /// - Parameters:
    ///   - stage: The stage.
    ///   - receiver: Receives its messages; without one it sends to a closed port.
    ///   - name: Name of its log.
    /// - Returns: The daemon.
    /// - Throws: `TestBedError` when it ends or is not ready in time.
    static func start(
        on stage: Stage,
        receiver: ReceiverProcess? = nil,
        name: String = "daemon"
    ) async throws -> DaemonProcess {
        let own = ["WHATSAPP_API_URL": "http://127.0.0.1:\(receiver?.port ?? 9)/v23.0"]
        let daemon = try DaemonProcess(
            name: name,
            executable: stage.servers.path(of: "campaignd"),
            environment: Servers.environment(stage.environment.merging(own) { $1 }),
            log: stage.servers.folder.appending(path: "\(name).log")
        )
        try await daemon.start()
        try await daemon.untilReady()
        return daemon
    }
}
