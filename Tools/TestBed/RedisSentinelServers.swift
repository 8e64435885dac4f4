import Foundation
import Redis

/// A private primary with a replica, watched by three sentinels, on free loopback ports.
public struct RedisSentinelServers: Sendable {
    /// The name of the servers among the sentinels.
    public static let service = "campaigns"
    private static let password = "servers"
    private static let sentinelPassword = "sentinels"

    public let servers: [RedisServer]
    private let sentinels: [(port: Int, process: ChildProcess)]

    /// The address for `REDIS_URL`.
    public var url: String {
        let hosts = sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        return "redis+sentinel://:\(Self.password)@\(hosts)/\(Self.service)?sentinel_password=\(Self.sentinelPassword)"
    }

    /// Runs `body` once every sentinel knows the others and the replica.
    public static func with<Value>(_ body: (RedisSentinelServers) async throws -> Value) async throws -> Value {
        try await TemporaryFolder.with("sentinel") { folder in
            let servers = try (0..<2).map {
                try RedisServer(folder: folder.appending(path: "\($0)"), password: password)
            }
            var sentinels: [(port: Int, process: ChildProcess)] = []
            let result: Result<Value, any Error>
            do {
                try await servers[0].startAnew(options: ["masterauth \(password)"])
                try await servers[1].startAnew(
                    options: ["masterauth \(password)", "replicaof 127.0.0.1 \(servers[0].port)"]
                )
                // The first one notices a death before the others, or each may vote for itself, again and again.
                for patience in [1_000, 6_000, 6_000] {
                    sentinels.append(try await startSentinel(of: servers[0], patience: patience, in: folder))
                }
                let all = RedisSentinelServers(servers: servers, sentinels: sentinels)
                try await all.isComplete()
                result = .success(try await body(all))
            } catch {
                result = .failure(error)
            }
            for sentinel in sentinels { try await sentinel.process.killed() }
            for server in servers { try await server.kill() }
            return try result.get()
        }
    }

    private static func startSentinel(
        of server: RedisServer,
        patience: Int,
        in folder: URL
    ) async throws -> (port: Int, process: ChildProcess) {
        let port = try FreePort.find()
        let file = folder.appending(path: "sentinel-\(port).conf")
        let lines = [
            "bind 127.0.0.1", "port \(port)", "daemonize no", "dir \(folder.path)", "requirepass \(sentinelPassword)",
            "sentinel sentinel-pass \(sentinelPassword)", "sentinel monitor \(service) 127.0.0.1 \(server.port) 1",
            "sentinel auth-pass \(service) \(password)", "sentinel down-after-milliseconds \(service) \(patience)",
            "sentinel failover-timeout \(service) 5000",
        ]
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        let process = try await ChildProcess.start(
            "redis-server",
            [file.path, "--sentinel"],
            environment: ProcessInfo.processInfo.environment,
            in: folder,
            output: .log(folder.appending(path: "sentinel-\(port).log"))
        )
        return (port, process)
    }

    private func isComplete() async throws {
        try await wait(for: "sentinels that know each other", within: .seconds(60), toleratesErrors: true) {
            for sentinel in sentinels.indices {
                let parts = try await send("SENTINEL", "MASTER", Self.service, to: sentinel).asArray()
                let texts = parts.map { $0.text ?? "" }
                let fields = Dictionary(
                    stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) },
                    uniquingKeysWith: { $1 }
                )
                guard fields["num-other-sentinels"] == "2", fields["num-slaves"] == "1", fields["flags"] == "master"
                else { return false }
            }
            return try await servers[0].send("INFO", "replication").asText().contains("state=online")
        }
    }

    /// Returns the number of the server that a sentinel takes for the primary.
    public func primary() async throws -> Int {
        let address = try await send("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.service, to: 0).asArray()
        let port = try address[1].asInt()
        guard let number = servers.firstIndex(where: { $0.port == port }) else {
            throw TestBedError.missing("a primary", remedy: "look at the logs of the sentinels")
        }
        return number
    }

    /// Has the replica take over from a primary that runs.
    public func failOver() async throws {
        try await send("SENTINEL", "FAILOVER", Self.service, to: 0)
    }

    /// Tells all sentinels that a server is the primary, without their changing any server.
    public func announce(_ server: Int) async throws {
        for sentinel in sentinels.indices {
            try await send("SENTINEL", "REMOVE", Self.service, to: sentinel)
            let port = "\(servers[server].port)"
            try await send("SENTINEL", "MONITOR", Self.service, "127.0.0.1", port, "1", to: sentinel)
            try await send("SENTINEL", "SET", Self.service, "auth-pass", Self.password, to: sentinel)
        }
    }

    @discardableResult
    private func send(_ words: String..., to sentinel: Int) async throws -> RedisReply {
        var configuration = RedisConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: sentinels[sentinel].port)])
        configuration.password = Self.sentinelPassword
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
}
