import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Whole runs through Postgres, Redis and a simulated WhatsApp.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliveryTests {
    @Test(.timeLimit(.minutes(3)))
    func aRunIsDeliveredOnceToEachAndCompletes() async throws {
        try await DeliveryFixture.with(contacts: 300) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in
                try await fixture.completes(run)
                try await eventually("all are delivered or read") {
                    let counters = try await fixture.run(run).counters
                    return counters[.delivered] + counters[.read] == 300
                }
            }
            try await fixture.expectDelivered(run, contacts: 300)
            let record = try await fixture.run(run)
            #expect(record.recipientCount == 300)
            #expect(record.inWindowCount == 150)
            let attempts = try await fixture.pool.query("SELECT max(attempts) FROM campaign_messages")
            #expect(try attempts[0].decode(0, as: Int.self) == 1)
        }
    }
}
