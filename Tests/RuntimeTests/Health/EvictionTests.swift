import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Redis
import Store
import TestBed
import TestSupport
import Testing

@testable import Daemon
@testable import Runtime

/// A Redis that may discard keys is told of, wherever operators look.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct EvictionTests {
    private static let careless = ["maxmemory-policy volatile-lru"]

    @Test func onlyNoEvictionIsHarmless() {
        #expect(RedisWatch.servers(in: [:]) == [])
        #expect(
            RedisWatch.servers(in: ["b:1": "volatile-lru", "a:1": "noeviction", "a:2": "allkeys-random"])
                == ["a:2 has allkeys-random", "b:1 has volatile-lru"]
        )
    }

    @Test func isToldInTheLogOnTheProbeAndInTheMetrics() async throws {
        try await RedisServer.with(options: Self.careless) { server in
            try await DeliveryFixture.with(contacts: 1, rate: 20) { fixture in
                let log = LogCollector()
                try await fixture.withDaemon(redis: server.configuration, logger: log.logger) { port in
                    func get(_ path: String) async throws -> ByteBuffer {
                        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
                        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
                        #expect(response.status == .ok)
                        return try await response.body.collect(upTo: 1_000_000)
                    }
                    try await eventually("it is told") {
                        let answer = try JSONValue(parsing: try await get("/readyz").readableBytesView)
                        return answer["evicting"] == [.string("127.0.0.1:\(server.port) has volatile-lru")]
                    }
                    let metrics = String(buffer: try await get("/metrics"))
                    #expect(metrics.contains("\ncampaigns_redis_evicts 1\n"))
                }
                #expect(log.text.contains("warning Redis may discard queues"))
            }
        }
    }

    @Test func aServerThatMayNotBeAskedIsNoWarning() async throws {
        try await RedisServer.with(options: Self.careless) { server in
            try await server.send("ACL", "SETUSER", "managed", "on", ">p", "~*", "+@all", "-config")
            var configuration = server.configuration
            (configuration.user, configuration.password) = ("managed", "p")
            let client = RedisClient(configuration: configuration, logger: TestDatabase.logger)
            // What CONFIG does not tell, INFO does.
            #expect(try await client.evictionPolicies() == ["127.0.0.1:\(server.port)": "volatile-lru"])
            try await server.send("ACL", "SETUSER", "managed", "-info")
            #expect(try await client.evictionPolicies() == [:])
            let watch = RedisWatch(redis: client, logger: TestDatabase.logger)
            try await watch.look()
            #expect(watch.evicting == [])
            await client.shutdown()
        }
    }

    @Test func eachServerOfAClusterCounts() async throws {
        try await RedisClusterServers.with { cluster in
            let client = RedisClient(configuration: cluster.configuration, logger: TestDatabase.logger)
            let watch = RedisWatch(redis: client, logger: TestDatabase.logger)
            try await watch.look()
            #expect(watch.evicting == [])
            let last = cluster.servers[2]
            try await last.send("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            #expect(try await client.evictionPolicies().count == 3)
            try await watch.look()
            #expect(watch.evicting == ["127.0.0.1:\(last.port) has allkeys-lru"])
            try await last.send("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try await watch.look()
            #expect(watch.evicting == [])
            await client.shutdown()
        }
    }
}
