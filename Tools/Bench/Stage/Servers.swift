import BenchKit
import Foundation
import Logging
import Postgres
import Redis
import TestBed

/// The private servers that `Scripts/bench` has started, and the programs that are measured.
struct Servers: Sendable {
    let postgresURL: String
    let redisURL: String
    /// Folder of this program.
    let binaries: URL
    /// Folder of the campaignd and reconcile that are measured.
    var programs: URL
    /// Folder for logs and generated files.
    let folder: URL
    let postgres: Int32
    let redis: Int32
    /// Name, version and durability, for the report.
    let descriptions: [String]

    /// Inspects the servers of `DATABASE_URL` and `REDIS_URL`.
    ///
    /// - Throws: ``BenchError`` when Postgres is not durable, because such numbers mean nothing.
    static func find() async throws -> Servers {
        let environment = ProcessInfo.processInfo.environment
        guard let postgresURL = environment["DATABASE_URL"], let redisURL = environment["REDIS_URL"] else {
            throw TestBedError.missing("DATABASE_URL or REDIS_URL", remedy: "start with Scripts/bench")
        }
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let folder = FileManager.default.temporaryDirectory.appending(path: "bench-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let pool = try pool(postgresURL)
        let redis = RedisClient(configuration: try RedisConfiguration(url: redisURL), logger: .silent)
        let facts: Result<(Int32, Int32, [String]), any Error>
        do { facts = .success(try await look(at: pool, redis)) } catch { facts = .failure(error) }
        await pool.shutdown()
        await redis.shutdown()
        let (postgresID, redisID, descriptions) = try facts.get()
        return Servers(
            postgresURL: postgresURL,
            redisURL: redisURL,
            binaries: own,
            programs: own,
            folder: folder,
            postgres: postgresID,
            redis: redisID,
            descriptions: descriptions
        )
    }

    private static func look(at pool: PostgresPool, _ redis: RedisClient) async throws -> (Int32, Int32, [String]) {
        let row = try await pool.query(
            """
            SELECT current_setting('data_directory'), split_part(current_setting('server_version'), ' ', 1),
                current_setting('fsync'), current_setting('synchronous_commit'), current_setting('shared_buffers')
            """
        )[0]
        let directory = try row.decode(0, as: String.self)
        let (fsync, commit) = (try row.decode(2, as: String.self), try row.decode(3, as: String.self))
        guard fsync == "on", commit == "on" else {
            throw BenchError.wrong("Postgres has fsync \(fsync) and synchronous_commit \(commit); both must be on")
        }
        guard let file = try? String(contentsOfFile: directory + "/postmaster.pid", encoding: .utf8),
            let postmaster = file.split(separator: "\n").first.flatMap({ Int32($0) })
        else {
            throw TestBedError.missing("\(directory)/postmaster.pid", remedy: "run as the owner of the servers")
        }
        let info = try await redis.send(RedisCommand("INFO", "server")).asText()
        let append = try await redis.send(RedisCommand("CONFIG", "GET", "appendfsync")).asArray().last?.text ?? "off"
        func field(_ name: String) -> String {
            info.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }
                .map { String($0.dropFirst(name.count + 1)) } ?? ""
        }
        return (
            postmaster, Int32(field("process_id")) ?? 0,
            [
                "Postgres \(try row.decode(1, as: String.self)) with fsync \(fsync), synchronous_commit \(commit), "
                    + "shared_buffers \(try row.decode(4, as: String.self))",
                "Redis \(field("redis_version")) with appendfsync \(append)",
            ]
        )
    }

    static func pool(_ url: String, connections: Int = 4) throws -> PostgresPool {
        PostgresPool(
            configuration: try PostgresConfiguration(url, applicationName: "bench"),
            maxConnections: connections,
            logger: .silent
        )
    }

    func path(of program: String) -> String {
        (program == "Bench" ? binaries : programs).appending(path: program).path
    }

    /// Runs a command to its end with further variables, and returns its output.
    @discardableResult
    func run(_ command: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let environment = Self.environment(environment)
        return try await ChildProcess.run(command, arguments, environment: environment, within: .seconds(900))
    }

    /// Returns the environment of this process with further variables.
    static func environment(_ further: [String: String]) -> [String: String] {
        ProcessInfo.processInfo.environment.merging(further) { $1 }
    }
}
