import Foundation
import TestBed

/// Servers and folder that all cells share.
struct Machines: Sendable {
    let folder: URL
    let postgres: PostgresServer
    let redis: RedisServer
    /// The folder of `campaignd` and `reconcile`.
    let binaries: URL
    let environment: [String: String]

    /// The database with all migrations, of which each cell gets a copy.
    static let template = "migrated"

    /// Creates the files of the servers, starts Postgres and migrates the template.
    ///
    /// The user of Postgres needs access to the folder.
    static func start(_ number: Int, binaries: URL) async throws -> Machines {
        let root = URL(filePath: "/var/tmp")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? [] {
            // Removes files of a harness that was killed.
            guard name.hasPrefix("campaigns-faults-"), let owner = Int32(name.split(separator: "-").last ?? "") else {
                continue
            }
            if kill(owner, 0) != 0 { try? FileManager.default.removeItem(at: root.appending(path: name)) }
        }
        let folder = root.appending(path: "campaigns-faults-\(number)-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var environment: [String: String] = [:]
        for name in ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"] {
            environment[name] = ProcessInfo.processInfo.environment[name]
        }
        let postgres = try await PostgresServer.make(folder: folder, environment: environment)
        try await postgres.start()
        try await postgres.administrate("CREATE DATABASE \(template)")
        try await ChildProcess.run(
            binaries.appending(path: "campaignd").path,
            ["migrate"],
            environment: environment.merging(["DATABASE_URL": postgres.url(database: template)]) { $1 }
        )
        return Machines(
            folder: folder,
            postgres: postgres,
            redis: try RedisServer(folder: folder.appending(path: "redis"), environment: environment),
            binaries: binaries,
            environment: environment
        )
    }

    func stop() async throws {
        try await postgres.kill()
        try await redis.kill()
        try FileManager.default.removeItem(at: folder)
    }
}

/// The proxied connections of one daemon.
struct Links: Sendable {
    let redis: FaultProxy
    let postgres: FaultProxy
    let whatsApp: FaultProxy
    private let ports: (redis: Int, postgres: Int, whatsApp: Int)

    var all: [FaultProxy] { [redis, postgres, whatsApp] }

    /// Opens the proxies.
    init(seed: UInt64, machines: Machines, simulatorPort: Int) async throws {
        redis = FaultProxy(to: [machines.redis.port], seed: seed)
        postgres = FaultProxy(to: [machines.postgres.port], seed: seed &+ 1)
        whatsApp = FaultProxy(to: [simulatorPort], seed: seed &+ 2)
        ports = (try await redis.listen(), try await postgres.listen(), try await whatsApp.listen())
    }

    /// Returns the environment variables that make a daemon connect through the proxies.
    func environment(_ machines: Machines, database: String) -> [String: String] {
        [
            "REDIS_URL": machines.redis.url(port: ports.redis),
            "DATABASE_URL": machines.postgres.url(database: database, port: ports.postgres),
            "WHATSAPP_API_URL": "http://127.0.0.1:\(ports.whatsApp)/v23.0",
        ]
    }
}
