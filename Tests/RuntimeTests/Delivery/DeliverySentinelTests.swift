import Postgres
import Redis
import Store
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs with their lane on servers that sentinels watch.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliverySentinelTests {
    @Test(.timeLimit(.minutes(5)))
    func nothingIsLostOrSentTwiceWhenThePrimaryDies() async throws {
        try await RedisSentinelServers.with { group in
            try await DeliveryFixture.with(contacts: 800, rate: 150, dailyLimit: 10_000) { fixture in
                let run = try await fixture.launch()
                let redis = try RedisConfiguration(url: group.url)
                try await fixture.withDelivery(redis: redis) {
                    try await fixture.withDelivery(redis: redis) {
                        try await eventually(within: .seconds(30), "messages are being sent") {
                            fixture.simulator.summary().accepted > 200
                        }
                        try await group.servers[0].kill()
                        try await fixture.completes(run)
                    }
                }
                try await fixture.expectDelivered(run, contacts: 800)
                #expect(fixture.simulator.summary().mostAcceptedInOneSecond["1001", default: 0] <= 150)
                #expect(try await group.primary() == 1)
                // The lane was built when it was new, and again on the primary that lacks the last writes of the former one.
                let epoch = try await fixture.pool.query("SELECT epoch FROM queue_epochs")[0].decode(0, as: Int.self)
                #expect(epoch == 3)
                let client = RedisClient(configuration: redis, logger: TestDatabase.logger)
                _ = try await client.send(RedisCommand("PING"))
                let sender = try await fixture.run(run).senderID
                let lane = LaneQueue(redis: client, quotaGroup: fixture.group, sender: sender)
                try await eventually("no ids stay in the lane") { try await lane.depth().total == 0 }
                #expect(try await lane.depth().epoch == 3)
                await client.shutdown()
            }
        }
    }

    /// A message whose mark was lost in a failover, and whose daemon died as well, may have been sent.
    @Test(.timeLimit(.minutes(5)))
    func aMarkThatTheNewPrimaryLacksLeavesItsMessageInDoubt() async throws {
        try await RedisSentinelServers.with { group in
            try await DeliveryFixture.with(contacts: 2, rate: 400) { fixture in
                let run = try await fixture.launch()
                let redis = try RedisConfiguration(url: group.url)
                let client = RedisClient(configuration: redis, logger: TestDatabase.logger)
                _ = try await client.send(RedisCommand("PING"))
                let sender = try await fixture.run(run).senderID
                let lane = LaneQueue(redis: client, quotaGroup: fixture.group, sender: sender)
                _ = try await LaneRepository(pool: fixture.pool).open()
                let text = LaneEpoch.text(1, on: client)
                _ = try await client.send(RedisCommand("SET", .text(lane.keys.epoch), .text(text)))
                _ = try await fixture.feed(run, into: lane)
                let (ids, lease) = try await fixture.reserveAll(2, from: lane)
                _ = try await fixture.messages.begin([SendClaim(ids, lease: lease)])
                try await lane.mark(ids, isBeingPrepared: false, lease: lease)
                let heir = group.servers[1]
                try await eventually("the replica has the marks") {
                    let held = try await heir.send("HVALS", lane.keys.held).asArray().compactMap(\.text)
                    return held.count == 2 && held.allSatisfy { $0.hasPrefix("p") }
                }
                // From here on the replica gets nothing: what is marked now is lost.
                try await heir.send("REPLICAOF", "NO", "ONE")
                #expect(try await lane.fire([ids[0]], epoch: 1, lease: lease) == .answers([true]))
                try await group.servers[0].kill()
                try await group.announce(1)
                // The daemon of this lease has died, so another one asks the reaper, which trusts no state of that time.
                try await eventually("the new primary is found") {
                    do throws(RedisError) {
                        return try await lane.depth().epoch == nil
                    } catch {
                        guard error.isTransient else { throw error }
                        return false
                    }
                }
                #expect(try await lane.recover(limit: 10, epoch: 1, lease: 9).isEmpty)
                #expect(try await lane.reserve(1, pace: Pace(ratePerSecond: 400), epoch: 1, lease: 9) == .stale)
                await client.shutdown()
                let leases = LaneLeases(reservation: .seconds(1), flight: .seconds(1))
                try await fixture.withDelivery(leases: leases, redis: redis) {
                    try await eventually(within: .seconds(60), "the messages are in doubt") {
                        try await fixture.statuses()[.unconfirmed] == 2
                    }
                }
                #expect(fixture.simulator.summary().accepted == 0)
            }
        }
    }
}
