import Foundation

/// What all cells share: the servers and the folder they live in.
struct Machines: Sendable {
    let folder: URL
    let postgres: PostgresServer
    let redis: RedisServer
    /// The folder of `campaignd` and `reconcile`.
    let binaries: URL
    let environment: [String: String]

    /// Makes the servers' files and starts Postgres.
    ///
    /// The folder is one that Postgres's own user can reach.
    static func start(binaries: URL) async throws -> Machines {
        let root = URL(filePath: "/var/tmp")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? [] {
            // What a harness left behind that was killed.
            guard name.hasPrefix("campaigns-faults-"), let owner = Int32(name.split(separator: "-").last ?? "") else {
                continue
            }
            if kill(owner, 0) != 0 { try? FileManager.default.removeItem(at: root.appending(path: name)) }
        }
        let folder = root.appending(path: "campaigns-faults-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var environment: [String: String] = [:]
        for name in ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"] {
            environment[name] = ProcessInfo.processInfo.environment[name]
        }
        let postgres = try await PostgresServer.make(folder: folder, environment: environment)
        try await postgres.start()
        return Machines(
            folder: folder,
            postgres: postgres,
            redis: try RedisServer(folder: folder, environment: environment),
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
