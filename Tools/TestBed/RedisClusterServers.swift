import Foundation
public import Redis

/// A private Redis Cluster: three servers on free loopback ports, in a temporary folder.
public struct RedisClusterServers: Sendable {
    public let servers: [RedisServer]
    private let ids: [String]
    /// A connection to each server for the commands below, of which a move needs two for each key.
    private let admins: [RedisClient]

    /// Addresses that clients connect to first.
    public var configuration: RedisConfiguration {
        RedisConfiguration(endpoints: servers.map { .tcp(host: "127.0.0.1", port: $0.port) })
    }

    /// Runs `body` with a cluster in which each server has a third of the slots.
    public static func with<Value>(_ body: (RedisClusterServers) async throws -> Value) async throws -> Value {
        try await TemporaryFolder.with("cluster") { folder in
            let servers = try (0..<3).map {
                try RedisServer(folder: folder.appending(path: "\($0)"), address: .clusterNode)
            }
            let admins = servers.map { RedisClient(configuration: $0.configuration, logger: .silent) }
            let result: Result<Value, any Error>
            do {
                let cluster = RedisClusterServers(
                    servers: servers,
                    ids: try await assemble(servers),
                    admins: admins
                )
                result = .success(try await body(cluster))
            } catch {
                result = .failure(error)
            }
            for admin in admins { await admin.shutdown() }
            for server in servers { try await server.kill() }
            return try result.get()
        }
    }

    /// Starts the servers and makes them a cluster.
    ///
    /// - Returns: The ids of the servers.
    private static func assemble(_ servers: [RedisServer]) async throws -> [String] {
        let bounds = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)]
        var ids: [String] = []
        for (number, server) in servers.enumerated() {
            try await server.startAnew()
            ids.append(try await server.send("CLUSTER", "MYID").asText())
            let (first, last) = bounds[number]
            try await server.send("CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(last)")
            try await server.send("CLUSTER", "SET-CONFIG-EPOCH", "\(number + 1)")
        }
        for server in servers.dropFirst() {
            try await servers[0].send("CLUSTER", "MEET", "127.0.0.1", "\(server.port)", "\(server.busPort)")
        }
        try await wait(for: "a complete cluster", within: .seconds(20)) {
            for server in servers {
                guard try await server.send("CLUSTER", "SLOTS").asArray().count == 3 else { return false }
            }
            return true
        }
        return ids
    }

    @discardableResult
    private func send(_ words: String..., to server: Int) async throws -> RedisReply {
        let arguments = words.dropFirst().map { RedisArgument($0) }
        return try await admins[server].send(
            RedisCommand(words[0], arguments: arguments),
            deadline: .now + .seconds(10)
        )
    }

    /// Returns the number of the server that owns a slot.
    public func owner(of slot: UInt16) async throws -> Int {
        for entry in try await send("CLUSTER", "SLOTS", to: 0).asArray() {
            let parts = try entry.asArray()
            guard try parts[0].asInt() <= Int(slot), try parts[1].asInt() >= Int(slot) else { continue }
            let port = try parts[2].asArray()[1].asInt()
            if let index = servers.firstIndex(where: { $0.port == port }) { return index }
        }
        throw TestBedError.missing("an owner of slot \(slot)", remedy: "check that the cluster is complete")
    }

    /// Moves a slot with all its keys, as `redis-cli --cluster reshard` does.
    ///
    /// - Parameters:
    ///   - slot: The slot.
    ///   - target: Number of the server that owns it afterwards.
    ///   - whileMoving: Called after the first key has moved.
    /// - Throws: `RedisError`.
    public func move(_ slot: UInt16, to target: Int, whileMoving: () async throws -> Void = {}) async throws {
        let source = try await owner(of: slot)
        guard source != target else { return }
        try await send("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", ids[source], to: target)
        try await send("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", ids[target], to: source)
        var isHalfway = false
        while true {
            let keys = try await send("CLUSTER", "GETKEYSINSLOT", "\(slot)", "1", to: source).asArray()
            guard let key = try keys.first?.asText() else { break }
            try await send("MIGRATE", "127.0.0.1", "\(servers[target].port)", key, "0", "5000", to: source)
            if !isHalfway { try await whileMoving() }
            isHalfway = true
        }
        for server in [target, source] + servers.indices {
            try await send("CLUSTER", "SETSLOT", "\(slot)", "NODE", ids[target], to: server)
        }
    }
}
