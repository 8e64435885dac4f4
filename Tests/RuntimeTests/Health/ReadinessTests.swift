import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Redis
import Spec
import Store
import TestSupport
import Testing

@testable import Runtime

/// The readiness check of a daemon.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ReadinessTests {
    private struct Answer {
        let status: Int
        let body: JSONValue
    }

    private static func ask(_ port: Int, within limit: TimeAmount = .seconds(20)) async throws -> Answer {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/readyz")
        let response = try await HTTPClient.shared.execute(request, timeout: limit)
        let body = try await response.body.collect(upTo: 10_000)
        return Answer(status: Int(response.status.code), body: try JSONValue(parsing: body.readableBytesView))
    }

    @Test func aLaneOfAnotherEpochIsToldUntilItIsRebuilt() async throws {
        try await DeliveryFixture.with(contacts: 500, rate: 20) { fixture in
            let run = try await fixture.launch()
            let sender = try await fixture.run(run).senderID
            let epoch = LaneKeys(prefix: "", quotaGroup: fixture.group, sender: sender).epoch
            try await fixture.withDaemon { port in
                // A new lane does not make the daemon unready.
                try await eventually("the lane is filled") {
                    let ready = try await Self.ask(port)
                    #expect(ready.status == 200)
                    #expect(ready.body == ["epoch": "ok", "postgres": "ok", "redis": "ok", "schema": "ok"])
                    return try await fixture.run(run).counters.accepted > 0
                }
                // The epoch is set repeatedly, because the daemon repairs it meanwhile.
                try await eventually("the epoch is missed") {
                    _ = try await fixture.redis.send(RedisCommand("SET", .text(epoch), "999"))
                    let answer = try await Self.ask(port)
                    return answer.status == 503 && answer.body["epoch"] == "1 lane is being rebuilt from Postgres"
                }
                try await eventually("the lane is rebuilt") { try await Self.ask(port).status == 200 }
            }
        }
    }

    @Test func aProbeGetsItsAnswerWhileAServerIsSilent() async throws {
        let server = try SilentServer()
        defer { server.stop() }
        try await DeliveryFixture.with(contacts: 1, rate: 20) { fixture in
            let redis = try RedisConfiguration(url: "redis://127.0.0.1:\(server.port)/0")
            try await fixture.withDaemon(redis: redis) { port in
                // A command may take five seconds, which is too long for a probe.
                let answer = try await Self.ask(port, within: .seconds(3))
                #expect(answer.status == 503)
                #expect(answer.body["postgres"] == "ok")
                #expect(answer.body["redis"] != "ok")
            }
        }
    }
}
