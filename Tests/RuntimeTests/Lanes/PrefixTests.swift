import Foundation
import Postgres
import Redis
import Store
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Installations that share a Redis, each with a prefix before its keys (`REDIS_PREFIX`).
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct PrefixTests {
    private static func configuration(_ server: RedisServer, prefix: String) -> RedisConfiguration {
        var configuration = server.configuration
        configuration.keyPrefix = prefix
        return configuration
    }

    private static func epoch(in fixture: DeliveryFixture) async throws -> Int {
        try await fixture.pool.query("SELECT epoch FROM queue_epochs")[0].decode(0)
    }

    @Test(.timeLimit(.minutes(3)))
    func twoInstallationsOnOneRedisDoNotSeeEachOther() async throws {
        try await RedisServer.with { server in
            try await DeliveryFixture.with(contacts: 120, rate: 60, dailyLimit: 150) { first in
                try await DeliveryFixture.with(contacts: 120, rate: 60, dailyLimit: 150) { second in
                    // Both have a sender with the same quota group: without prefixes they would share quota and epoch, and
                    // rebuild each other's lanes without end.
                    try await second.pool.execute(#"UPDATE senders SET "quotaGroup" = \#(first.group)"#)
                    let runs = (try await first.launch(), try await second.launch())
                    try await first.withDelivery(redis: Self.configuration(server, prefix: "one:")) {
                        try await second.withDelivery(redis: Self.configuration(server, prefix: "two:")) {
                            // The 120 of each are more than one quota of 150 has for both.
                            try await first.completes(runs.0)
                            try await second.completes(runs.1)
                        }
                    }
                    try await first.expectDelivered(runs.0, contacts: 120)
                    try await second.expectDelivered(runs.1, contacts: 120)
                    // Each was built once, when it was new.
                    #expect(try await Self.epoch(in: first) == 2)
                    #expect(try await Self.epoch(in: second) == 2)
                    let keys = try await server.keys()
                    #expect(keys.contains("one:campaign:send:{\(first.group)}:epoch"))
                    #expect(keys.contains("two:campaign:send:{\(first.group)}:epoch"))
                    #expect(keys.allSatisfy { $0.hasPrefix("one:") || $0.hasPrefix("two:") }, "\(keys)")
                }
            }
        }
    }

    @Test func daemonsWakeOnlyThoseOfTheirOwnInstallation() {
        #expect(LaneKeys.wakeChannel(prefix: "") == "campaign:send:wake")
        #expect(LaneKeys.wakeChannel(prefix: "one:") == "one:campaign:send:wake")
    }

    /// What was queued under the former prefix is queued again from Postgres, in the middle of a run.
    @Test(.timeLimit(.minutes(3)))
    func messagesAreRecoveredFromPostgresWhenThePrefixChanges() async throws {
        try await RedisServer.with { server in
            try await DeliveryFixture.with(contacts: 300, rate: 100, dailyLimit: 1_000) { fixture in
                let run = try await fixture.launch()
                try await fixture.withDelivery(redis: Self.configuration(server, prefix: "old:")) {
                    try await eventually("some are sent") { fixture.simulator.summary().accepted > 50 }
                }
                let left = try await server.keys().filter { $0.hasSuffix(":ready") || $0.hasSuffix(":outside") }
                #expect(!left.isEmpty && left.allSatisfy { $0.hasPrefix("old:") })
                try await fixture.withDelivery(redis: Self.configuration(server, prefix: "new:")) {
                    try await fixture.completes(run)
                }
                try await fixture.expectDelivered(run, contacts: 300)
                #expect(try await Self.epoch(in: fixture) == 3)
                // The quota was carried over by Postgres: 150 contacts had not written.
                let buckets = try await server.keys().filter { $0.hasPrefix("new:wa:biz-conv:") }
                var charged = 0
                for bucket in buckets { charged += try await server.send("GET", bucket).asInt() }
                #expect(charged == 150)
            }
        }
    }
}
