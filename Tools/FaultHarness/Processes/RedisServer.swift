import Foundation
import Redis
import Synchronization

/// A Redis server of the harness's own, which it may kill, freeze, flush and restore.
final class RedisServer: Sendable {
    /// What survives the death of the process.
    enum Persistence: Sendable { case none, everySecond, always, dump }

    let port: Int
    private let folder: URL
    private let password: String
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)

    init(folder: URL, environment: [String: String]) throws {
        self.folder = folder.appending(path: "redis")
        self.environment = environment
        port = try FreePort.find()
        password = UUID().uuidString.lowercased()
    }

    /// Address through `port` of a proxy, or directly.
    func url(port: Int? = nil) -> String { "redis://:\(password)@127.0.0.1:\(port ?? self.port)/0" }

    /// Starts with an empty folder.
    func startAnew(_ persistence: Persistence) async throws {
        try await kill()
        try? FileManager.default.removeItem(at: folder)  // There is none at first.
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let lines = [
            "bind 127.0.0.1", "port \(port)", "daemonize no", "dir \(folder.path)", "requirepass \(password)",
            "maxmemory-policy noeviction", "appendonly \(persistence.usesLog ? "yes" : "no")",
            "appendfsync \(persistence == .always ? "always" : "everysec")",
            persistence == .dump ? "save 1 1" : "save \"\"", "enable-debug-command local",
        ]
        try lines.joined(separator: "\n").write(to: configuration, atomically: true, encoding: .utf8)
        try await start()
    }

    private var configuration: URL { folder.appending(path: "redis.conf") }

    /// Starts with what the folder holds.
    func start() async throws {
        if process.withLock({ $0?.isRunning }) != true {
            let child = try await ChildProcess.start(
                "redis-server",
                [configuration.path],
                environment: environment,
                log: folder.appending(path: "redis.log")
            )
            process.withLock { $0 = child }
        }
        try await wait(for: "Redis", within: .seconds(30)) { try await self.send("PING").text == "PONG" }
    }

    func kill() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGCONT)
        child.signal(SIGKILL)
        try await child.end(within: .seconds(10))
    }

    func freeze() { process.withLock { $0 }?.signal(SIGSTOP) }
    func thaw() { process.withLock { $0 }?.signal(SIGCONT) }

    /// Sends one command on a connection of its own.
    @discardableResult
    func send(_ words: String...) async throws -> RedisReply {
        try await send(words)
    }

    @discardableResult
    func send(_ words: [String]) async throws -> RedisReply {
        var configuration = try RedisConfiguration(url: url())
        configuration.commandTimeout = .seconds(15)
        let client = RedisClient(configuration: configuration, logger: Stage.silent)
        let result: Result<RedisReply, any Error>
        do {
            let arguments = words.dropFirst().map { RedisArgument($0) }
            result = .success(try await client.send(RedisCommand(words[0], arguments: arguments)))
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        return try result.get()
    }

    /// All keys, in order.
    func keys() async throws -> [String] {
        try await send("KEYS", "*").asArray().compactMap(\.text).sorted()
    }

    /// Keeps a copy of what is on disk now.
    func copyFiles() async throws {
        try? FileManager.default.removeItem(at: copy)  // There is none at first.
        try FileManager.default.copyItem(at: folder, to: copy)
    }

    /// Kills the server, puts the copy back, and starts it: time travel.
    func restoreFiles() async throws {
        try await kill()
        try FileManager.default.removeItem(at: folder)
        try FileManager.default.moveItem(at: copy, to: folder)
        try await start()
    }

    private var copy: URL { folder.deletingLastPathComponent().appending(path: "redis.copy") }
}

extension RedisServer.Persistence {
    var usesLog: Bool { self == .everySecond || self == .always }
}
