import Foundation
import Glibc
import Logging
public import Redis

/// A Redis Cluster of one test's own: three servers on free loopback ports, in a temporary folder.
public final class TestCluster: Sendable {
    /// One server of the cluster.
    public struct Server: Sendable {
        public let port: Int
        public let id: String
        let process: Process
        let exits: AsyncStream<Void>
        let admin: RedisClient

        func call(_ arguments: String...) async throws -> RedisReply {
            try await admin.send(
                RedisCommand(arguments[0], arguments: arguments.dropFirst().map { .text($0) }),
                deadline: .now + .seconds(10)
            )
        }
    }

    public let servers: [Server]

    private init(servers: [Server]) {
        self.servers = servers
    }

    /// Where clients begin.
    public var configuration: RedisConfiguration {
        RedisConfiguration(endpoints: servers.map { .tcp(host: "127.0.0.1", port: $0.port) })
    }

    /// Runs `body` with a cluster whose slots are all served, in three equal parts.
    public static func with<Value>(_ body: (TestCluster) async throws -> Value) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cluster-\(UUID().uuidString.prefix(8))")
        var servers: [Server] = []
        let result: Result<Value, any Error>
        do {
            for number in 0..<3 {
                servers.append(try await start(in: folder.appending(path: "\(number)")))
            }
            let cluster = TestCluster(servers: servers)
            try await cluster.assemble()
            result = .success(try await body(cluster))
        } catch {
            result = .failure(error)
        }
        for server in servers {
            await server.admin.shutdown()
            kill(server.process.processIdentifier, SIGKILL)
            for await _ in server.exits {}
        }
        // Left behind only where the machine is in trouble; the system clears the folder of temporary files.
        try? FileManager.default.removeItem(at: folder)
        return try result.get()
    }

    /// Which server has a slot.
    public func owner(of slot: UInt16) async throws -> Int {
        for entry in try await servers[0].call("CLUSTER", "SLOTS").asArray() {
            let parts = try entry.asArray()
            guard try parts[0].asInt() <= Int(slot), try parts[1].asInt() >= Int(slot) else { continue }
            let port = try parts[2].asArray()[1].asInt()
            if let index = servers.firstIndex(where: { $0.port == port }) { return index }
        }
        throw NotInTime(description: "nobody has slot \(slot)")
    }

    /// Moves a slot with all its keys, as `redis-cli --cluster reshard` does.
    ///
    /// - Parameters:
    ///   - slot: What to move.
    ///   - target: The server that has it then.
    ///   - whileMoving: Called when half of the keys have moved.
    /// - Throws: `RedisError`.
    public func move(_ slot: UInt16, to target: Int, whileMoving: () async throws -> Void = {}) async throws {
        let source = try await owner(of: slot)
        guard source != target else { return }
        let (from, to) = (servers[source], servers[target])
        _ = try await to.call("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", from.id)
        _ = try await from.call("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", to.id)
        var isHalfway = false
        while true {
            let keys = try await from.call("CLUSTER", "GETKEYSINSLOT", "\(slot)", "1").asArray()
            guard let key = try keys.first?.asText() else { break }
            _ = try await from.call("MIGRATE", "127.0.0.1", "\(to.port)", key, "0", "5000")
            if !isHalfway { try await whileMoving() }
            isHalfway = true
        }
        for server in [to, from] + servers {
            _ = try await server.call("CLUSTER", "SETSLOT", "\(slot)", "NODE", to.id)
        }
    }

    private static func start(in folder: URL) async throws -> Server {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let port = try freePort()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/redis-server")
        process.currentDirectoryURL = folder
        process.arguments = [
            "--port", "\(port)", "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
            "--cluster-require-full-coverage", "no", "--save", "", "--appendonly", "no", "--logfile", "log",
        ]
        let (exits, exit) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in exit.finish() }
        try process.run()
        let configuration = RedisConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: port)])
        let admin = RedisClient(configuration: configuration, logger: TestDatabase.logger)
        let id = try await admin.send(RedisCommand("CLUSTER", "MYID"), deadline: .now + .seconds(10)).asText()
        return Server(port: port, id: id, process: process, exits: exits, admin: admin)
    }

    private func assemble() async throws {
        let bounds = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)]
        for (number, server) in servers.enumerated() {
            let (first, last) = bounds[number]
            _ = try await server.call("CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(last)")
            _ = try await server.call("CLUSTER", "SET-CONFIG-EPOCH", "\(number + 1)")
        }
        for server in servers.dropFirst() {
            _ = try await servers[0].call("CLUSTER", "MEET", "127.0.0.1", "\(server.port)")
        }
        try await eventually(within: .seconds(20), "the cluster is complete") {
            for server in servers {
                let slots = try await server.call("CLUSTER", "SLOTS").asArray()
                guard slots.count == 3 else { return false }
            }
            return true
        }
    }

    /// A port that is free, as is the one 10,000 above, which the servers use among themselves.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 20_000...32_000)
            if canBind(port), canBind(port + 10_000) { return port }
        }
        throw NotInTime(description: "no two free ports for a server of the cluster")
    }

    private static func canBind(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
