import Foundation
import Postgres
import Redis
import Store
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// Runs of different sizes on one sender.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct FairnessTests {
    /// Memory of Redis that a lane may take for a campaign of any size.
    private static let memoryBound = 10 * 1_024 * 1_024

    /// Accepts everything at once.
    private struct InstantTransport: WhatsAppDouble {
        var expectedWait: Duration { .zero }

        func prepare(for requests: Int) {}

        func send(_ request: OutboundRequest) async -> SendAnswer? {
            .accepted(waMessageID: "wamid." + UUID().uuidString)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aSmallRunBehindABigOneGoesInTurnAndRedisStaysSmall() async throws {
        try await DeliveryFixture.with(contacts: 100_000, rate: 10_000) { fixture in
            let small = try await addSmallCampaign(to: fixture, recipients: 1_000)
            let big = try await fixture.launch()
            var largest = 0
            try await fixture.withDelivery(channel: InstantTransport(), ending: .killed) {
                try await eventually(within: .seconds(60), "the big run is under way") {
                    try await fixture.run(big).counters.accepted > 1_000
                }
                let begunAt = try await fixture.run(big).counters.accepted
                let launcher = RunLauncher(launches: LaunchRepository(pool: fixture.pool), logger: TestDatabase.logger)
                guard case .opened(let run) = try await launcher.launch(campaign: small, tenant: DeliveryFixture.tenant)
                else {
                    throw NotInTime(description: "the small campaign was launched before")
                }
                try await eventually(within: .seconds(120), "the small run is through") {
                    largest = max(largest, try await memory(of: fixture))
                    return try await fixture.run(run.id).counters.accepted == 1_000
                }
                // At most half a window of the lane is ahead of it, then the runs take turns.
                let meanwhile = try await fixture.run(big).counters.accepted - begunAt
                let window = ChunkFeeder.window(ratePerSecond: 10_000)
                #expect(meanwhile <= window + 5_000, "\(meanwhile) of the big run went out meanwhile")
                #expect(try await fixture.run(big).counters.open > 70_000)
            }
            #expect(largest > 0 && largest <= Self.memoryBound, "\(largest) bytes")
        }
    }

    private func addSmallCampaign(to fixture: DeliveryFixture, recipients: Int) async throws -> String {
        try await fixture.pool.execute(
            "UPDATE contacts SET tags = '{vip}' WHERE (metadata ->> 'number')::int <= \(recipients)",
            deadline: .seconds(60)
        )
        let filter = #"{"logic":"AND","conditions":[{"field":"tags","operator":"contains_any","value":["vip"]}]}"#
        try await fixture.pool.execute(
            """
            INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
            SELECT "tenantId", 'small', type, "senderId", "messageTemplate", \(PostgresJSON(text: filter))::jsonb
            FROM campaigns
            """
        )
        return "small"
    }

    /// Bytes of all keys of the lane and its group.
    private func memory(of fixture: DeliveryFixture) async throws -> Int {
        let keys = try await TestRedis.keys(of: fixture.group, on: fixture.redis)
        let replies = await fixture.redis.send(
            pipeline: keys.map { RedisCommand("MEMORY", "USAGE", .text($0), "SAMPLES", "0") }
        )
        return try replies.reduce(0) { $0 + (try $1.get().asOptionalInt() ?? 0) }
    }
}
