import Foundation
import Postgres
import Redis
import Store
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs with their lane in a Redis Cluster.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliveryClusterTests {
    @Test(.timeLimit(.minutes(3)))
    func aLaneMovesToOtherServersWhileItSends() async throws {
        try await RedisClusterServers.with { cluster in
            try await DeliveryFixture.with(contacts: 800, rate: 150, dailyLimit: 10_000) { fixture in
                let run = try await fixture.launch()
                let slot = RedisClusterSlot.slot(for: "{\(fixture.group)}")
                let redis = cluster.configuration
                try await fixture.withDelivery(redis: redis) {
                    try await fixture.withDelivery(redis: redis) {
                        let home = try await cluster.owner(of: slot)
                        for (number, target) in [(home + 1) % 3, (home + 2) % 3, home].enumerated() {
                            try await eventually(within: .seconds(30), "messages are being sent") {
                                fixture.simulator.summary().accepted > 50 + 200 * number
                            }
                            try await cluster.move(slot, to: target)
                        }
                        try await fixture.completes(run)
                    }
                }
                try await fixture.expectDelivered(run, contacts: 800)
                #expect(fixture.simulator.summary().mostAcceptedInOneSecond["1001", default: 0] <= 150)
                // The lane was moved but never lost: the group was rebuilt only once, when the lane was new.
                let epochs = try await fixture.pool.query("SELECT epoch FROM queue_epochs")
                #expect(try epochs[0].decode(0, as: Int.self) == 2)
                let client = RedisClient(configuration: redis, logger: TestDatabase.logger)
                let sender = try await fixture.run(run).senderID
                let lane = LaneQueue(redis: client, quotaGroup: fixture.group, sender: sender)
                try await eventually("no ids stay in the lane") { try await lane.depth().total == 0 }
                await client.shutdown()
            }
        }
    }
}
