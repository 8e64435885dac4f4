import Foundation
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// A message has at most three attempts; a rate limit is none.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct AttemptTests {
    @Test(.timeLimit(.minutes(3)))
    func rateLimitsBetweenFailuresAreNoAttempts() async throws {
        let text = #"{"errors":[{"share":0.4,"code":130429,"status":429}],"serverErrors":{"share":0.4,"status":503}}"#
        let faults = try SimulatorFaults(json: Data(text.utf8))
        try await DeliveryFixture.with(contacts: 40, faults: faults) { fixture in
            let run = try await fixture.launch()
            var retries = RetryPolicy()
            retries.baseDelay = .milliseconds(50)
            retries.lanePause = .milliseconds(50)
            try await fixture.withDelivery(retries: retries) { try await fixture.completes(run) }
            let summary = fixture.simulator.summary()
            let limited = summary.rejectedByCode[130429, default: 0]
            #expect(limited > 0)
            let rows = try await fixture.pool.query(
                """
                SELECT sum(attempts), max(attempts), coalesce(bool_and(attempts = 3) FILTER (WHERE status = 'failed'), true),
                    (SELECT count(*) FROM message_failures),
                    (SELECT count(*) FROM message_failures WHERE "errorCode" = '130429')
                FROM campaign_messages
                """
            )
            // Each answer but the rate limits is an attempt.
            #expect(try rows[0].decode(0, as: Int.self) == summary.accepted + summary.rejected - limited)
            #expect(try rows[0].decode(1, as: Int.self) <= 3)
            #expect(try rows[0].decode(2, as: Bool.self), "a message fails only after three attempts")
            #expect(try rows[0].decode(3, as: Int.self) == summary.rejected - limited)
            #expect(try rows[0].decode(4, as: Int.self) == 0)
            try await fixture.expectCountersEqualRows(run)
        }
    }
}
