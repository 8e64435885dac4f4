public import Foundation
public import Redis
import Synchronization

/// A private Redis server that can be stopped, killed, frozen and restored.
public final class RedisServer: Sendable {
    /// The kind of persistence, which decides what survives a crash.
    public enum Persistence: Sendable { case none, everySecond, always, dump }

    /// The address that clients connect to.
    public enum Address: Sendable {
        /// A free port of the loopback interface, with a password.
        case port
        /// The same without a password, as a node of a cluster.
        case clusterNode
        /// A socket in the server's folder, without a password.
        case socket
    }

    /// The port; 0 with a socket.
    public let port: Int
    public let folder: URL
    /// Port of the cluster bus; 0 outside of clusters.
    let busPort: Int
    private let address: Address
    private let password: String?
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)

    /// Describes a server, which does not run yet.
    ///
    /// - Parameters:
    ///   - folder: Receives the configuration, log and data; the path must be short, because that of a socket has at
    ///     most 107 bytes.
    ///   - address: The address that clients connect to.
    ///   - password: The password with `.port`; `nil` makes one.
    ///   - environment: The whole environment of the process.
    /// - Throws: ``TestBedError`` when there is no free port.
    public init(
        folder: URL,
        address: Address = .port,
        password: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        self.folder = folder
        self.address = address
        self.environment = environment
        port = address == .socket ? 0 : try FreePort.find()
        busPort = address == .clusterNode ? try FreePort.find() : 0
        self.password = address == .port ? password ?? UUID().uuidString.lowercased() : nil
    }

    /// Runs a server with an empty folder and a port for the time of `body`; `options` are lines of `redis.conf`.
    public static func with<Value>(
        options: [String] = [],
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        try await TemporaryFolder.with("redis") { folder in
            let server = try RedisServer(folder: folder.appending(path: "r"))
            let result: Result<Value, any Error>
            do {
                try await server.startAnew(options: options)
                result = .success(try await body(server))
            } catch {
                result = .failure(error)
            }
            try await server.kill()
            return try result.get()
        }
    }

    /// Returns the address for commands, directly or through the port of a proxy.
    public func url(port: Int? = nil) -> String {
        "redis://\(password.map { ":\($0)@" } ?? "")127.0.0.1:\(port ?? self.port)/0"
    }

    /// The configuration for clients of this package.
    public var configuration: RedisConfiguration {
        if case .socket = address {
            return RedisConfiguration(endpoints: [.unixSocket(path: folder.appending(path: "s").path)])
        }
        var configuration = RedisConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: port)])
        configuration.password = password
        return configuration
    }

    /// Starts the server with an empty folder; `options` are further lines of `redis.conf`.
    public func startAnew(_ persistence: Persistence = .none, options: [String] = []) async throws {
        try await kill()
        try? FileManager.default.removeItem(at: folder)  // At first it does not exist.
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var lines = [
            "bind 127.0.0.1", "port \(port)", "daemonize no", "dir \(folder.path)", "enable-debug-command local",
            "appendonly \(persistence == .everySecond || persistence == .always ? "yes" : "no")",
            "appendfsync \(persistence == .always ? "always" : "everysec")",
            persistence == .dump ? "save 1 1" : "save \"\"",
        ]
        switch address {
        case .port: lines += ["requirepass \(password ?? "")", "maxmemory-policy noeviction"]
        case .socket: lines.append("unixsocket s")
        case .clusterNode:
            lines += [
                "cluster-enabled yes", "cluster-port \(busPort)", "cluster-node-timeout 2000",
                "cluster-require-full-coverage no",
            ]
        }
        try (lines + options).joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        try await start()
    }

    private var file: URL { folder.appending(path: "redis.conf") }

    /// Starts the server with what the folder holds, and waits until it answers.
    public func start() async throws {
        if process.withLock({ $0?.isRunning }) != true {
            let child = try await ChildProcess.start(
                "redis-server",
                [file.path],
                environment: environment,
                in: folder,
                output: .log(folder.appending(path: "redis.log"))
            )
            process.withLock { $0 = child }
        }
        try await wait(for: "Redis", within: .seconds(30), toleratesErrors: true) {
            do {
                return try await self.send("PING").text == "PONG"
            } catch let error as RedisError {
                // The server answers; a missing password is a choice of the caller.
                if case .server(let answer) = error, answer.kind == .noAuth { return true }
                throw error
            }
        }
    }

    /// Kills the server, also one that is frozen, and waits until it has ended.
    public func kill() async throws { try await process.withLock { $0 }?.killed() }

    public func signal(_ signal: Int32) { process.withLock { $0 }?.signal(signal) }
    public func freeze() { signal(SIGSTOP) }
    public func thaw() { signal(SIGCONT) }

    /// Sends one command on a connection of its own.
    @discardableResult
    public func send(_ words: String...) async throws -> RedisReply {
        var configuration = configuration
        configuration.commandTimeout = .seconds(15)
        let client = RedisClient(configuration: configuration, logger: .silent)
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

    /// Returns all keys in order.
    public func keys() async throws -> [String] {
        try await send("KEYS", "*").asArray().compactMap(\.text).sorted()
    }

    /// Copies what is on disk now.
    public func copyFiles() async throws {
        try? FileManager.default.removeItem(at: copy)  // At first it does not exist.
        try FileManager.default.copyItem(at: folder, to: copy)
    }

    /// Kills the server, puts the copy back and starts it.
    public func restoreFiles() async throws {
        try await kill()
        try FileManager.default.removeItem(at: folder)
        try FileManager.default.moveItem(at: copy, to: folder)
        try await start()
    }

    private var copy: URL { folder.deletingLastPathComponent().appending(path: "redis.copy") }
}
