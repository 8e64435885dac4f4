import Redis
import Synchronization
import TestBed
import TestSupport
import Testing

@testable import Redis

/// A client with a cluster of three servers as its seeds.
@Suite(.timing)
struct RedisClusterTests {
    private static let append = RedisScript(
        name: "append",
        source: """
            #!lua
            redis.call('RPUSH', KEYS[1], ARGV[1])
            return redis.call('HINCRBY', KEYS[2], 'count', 1)
            """
    )

    private func withClient(_ body: (RedisClusterServers, RedisClient) async throws -> Void) async throws {
        try await RedisClusterServers.with { cluster in
            let client = RedisClient(configuration: cluster.configuration, logger: PrivateRedis.quiet)
            let result: Result<Void, any Error>
            do { result = .success(try await body(cluster, client)) } catch { result = .failure(error) }
            await client.shutdown()
            try result.get()
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func everyKeyIsServedByTheServerOfItsSlot() async throws {
        try await withClient { cluster, client in
            let keys = (0..<300).map { "key-\($0)" }
            let written = await client.send(pipeline: keys.map { RedisCommand("SET", .text($0), .text("of " + $0)) })
            for outcome in written {
                let reply = try outcome.get()
                #expect(reply.text == "OK")
            }
            let read = await client.send(pipeline: keys.map { RedisCommand("GET", .text($0)) })
            for (key, outcome) in zip(keys, read) {
                let reply = try outcome.get()
                #expect(reply.text == "of " + key)
            }
            // The keys are spread over all three servers, each with a connection of its own.
            for server in cluster.servers {
                let single = RedisClient(
                    configuration: RedisConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: server.port)]),
                    logger: PrivateRedis.quiet
                )
                #expect(try await single.send(RedisCommand("DBSIZE")).asInt() > 50)
                await single.shutdown()
            }
            for number in 0..<20 {
                let keys = ["{tag-\(number)}:list", "{tag-\(number)}:hash"]
                #expect(try await client.run(Self.append, keys: keys, arguments: ["1"]).asInt() == 1)
            }
            #expect(try await client.send(RedisCommand("PUBLISH", "nobody", "listens")).asInt() == 0)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func nothingIsLostOrDoneTwiceWhileASlotMoves() async throws {
        try await withClient { cluster, client in
            let keys = ["{moving}:list", "{moving}:hash", "{moving}:text"]
            let slot = RedisClusterSlot.slot(for: keys[0])
            _ = try await client.send(RedisCommand("SET", .text(keys[2]), "before"))
            let isOver = Flag()
            try await withThrowingTaskGroup { group in
                for writer in 0..<4 {
                    group.addTask {
                        var number = 0
                        while !isOver.isSet {
                            let value = "\(writer)-\(number)"
                            _ = try await client.run(Self.append, keys: Array(keys[0...1]), arguments: [.text(value)])
                            number += 1
                        }
                        return number
                    }
                }
                let source = try await cluster.owner(of: slot)
                for target in [(source + 1) % 3, (source + 2) % 3, source] {
                    try await eventually { try await client.send(RedisCommand("LLEN", .text(keys[0]))).asInt() > 20 }
                    try await cluster.move(slot, to: target) {
                        // The slot is half moved: a single key is read from the server that has it by now.
                        let text = try await client.send(RedisCommand("GET", .text(keys[2])))
                        let none = try await client.send(RedisCommand("GET", "{moving}:none"))
                        #expect(text.text == "before" && none.isNull)
                    }
                }
                isOver.set()
                let written = try await group.reduce(0, +)
                let list = try await client.send(RedisCommand("LRANGE", .text(keys[0]), 0, -1)).asArray()
                #expect(list.count == written)
                #expect(Set(list).count == written)
                #expect(try await client.send(RedisCommand("HGET", .text(keys[1]), "count")).asInt() == written)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aClusterWithoutTheSlotIsToldSoAtTheDeadline() async throws {
        try await withClient { cluster, client in
            let key = "lonely"
            let slot = RedisClusterSlot.slot(for: key)
            _ = try await client.send(RedisCommand("SET", .text(key), "1"))
            let owner = cluster.servers[try await cluster.owner(of: slot)]
            let single = RedisClient(
                configuration: RedisConfiguration(endpoints: [.tcp(host: "127.0.0.1", port: owner.port)]),
                logger: PrivateRedis.quiet
            )
            _ = try await single.send(RedisCommand("CLUSTER", "DELSLOTS", .integer(Int(slot))))
            do throws(RedisError) {
                _ = try await client.send(RedisCommand("GET", .text(key)), deadline: .now + .milliseconds(500))
                Issue.record("a slot that nobody has was read")
            } catch {
                guard case .server(let answer) = error else { throw error }
                #expect(answer.kind == .clusterDown)
            }
            let waiting = Task { try await client.send(RedisCommand("GET", .text(key)), deadline: .now + .seconds(20)) }
            _ = try await single.send(RedisCommand("CLUSTER", "ADDSLOTS", .integer(Int(slot))))
            #expect(try await waiting.value.text == "1")
            await single.shutdown()
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func severalAddressesOfOneServerAreNotACluster() async throws {
        try await PrivateRedis.with { server in
            let client = server.client { configuration in
                configuration.endpoints = [.unixSocket(path: "/nonexistent")] + configuration.endpoints
            }
            let written = try await client.send(RedisCommand("SET", "a", "1"))
            let read = try await client.send(RedisCommand("GET", "a"))
            #expect(written.text == "OK" && read.text == "1")
            await client.shutdown()
        }
    }
}

/// A flag that can be set once.
private final class Flag: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { state.withLock { $0 } }

    func set() { state.withLock { $0 = true } }
}
