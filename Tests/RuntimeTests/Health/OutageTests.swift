import Foundation
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs that meet an API that is down.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct OutageTests {
    @Test(.timeLimit(.minutes(3)))
    func aRefusedConnectionCostsNoMessageItsAttempts() async throws {
        try await DeliveryFixture.with(contacts: 300, rate: 200) { fixture in
            let run = try await fixture.launch()
            // No server listens there: the port was free a moment ago.
            let nowhere = DeliveryFixture.Address("http://127.0.0.1:1/v23.0")
            var retries = RetryPolicy()
            retries.baseDelay = .milliseconds(100)
            try await fixture.withDelivery(retries: retries, address: nowhere) {
                // If these requests counted as attempts, of which three are allowed, all messages would have failed by
                // then.
                try await eventually("the breaker opens") { nowhere.requests >= 10 }
                let before = nowhere.requests
                try await eventually("two probes went out") { nowhere.requests >= before + 2 }
                let statuses = try await fixture.statuses()
                #expect(statuses[.failed] == nil)
                nowhere.move(to: fixture.api)
                try await fixture.completes(run)
            }
            try await fixture.expectDelivered(run, contacts: 300)
            let rows = try await fixture.pool.query("SELECT sum(attempts) FROM campaign_messages")
            // The requests that opened the breaker count as attempts: ten in a row, and those under way with them.
            #expect(try rows[0].decode(0, as: Int.self) <= 300 + 10)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func anOutageOfTheServersMakesNoStorm() async throws {
        let faults = try SimulatorFaults(json: Data(#"{"serverErrors":{"share":1,"status":503}}"#.utf8))
        try await DeliveryFixture.with(contacts: 300, rate: 200, faults: faults) { fixture in
            let run = try await fixture.launch()
            var retries = RetryPolicy()
            retries.baseDelay = .milliseconds(100)
            try await fixture.withDelivery(retries: retries) {
                try await eventually("the breaker opens") {
                    fixture.simulator.summary().requests >= 10
                }
                let before = fixture.simulator.summary().requests
                // At 200 requests per second, a retry storm would have tried all messages before the first two probes.
                try await eventually("two more requests") {
                    fixture.simulator.summary().requests >= before + 2
                }
                #expect(fixture.simulator.summary().requests < 100)
                try fixture.simulator.setFaults(SimulatorFaults())
                try await fixture.completes(run)
            }
            let failed = try await fixture.statuses()[.failed] ?? 0
            #expect(failed <= 5)
            try await fixture.expectDelivered(run, contacts: 300, failed: failed)
        }
    }

    @Test(.timing, .timeLimit(.minutes(1)))
    func aDeadLinkCostsSomeTens() async throws {
        let faults = try SimulatorFaults(
            json: Data(#"{"lostAnswers":{"share":1,"mode":"silent","silentSeconds":60}}"#.utf8)
        )
        try await DeliveryFixture.with(contacts: 400, rate: 400, faults: faults) { fixture in
            _ = try await fixture.launch()
            try await fixture.withDelivery(requestTimeout: .seconds(2), ending: .killed) {
                try await eventually("answers are missed") {
                    try await fixture.statuses()[.unconfirmed] ?? 0 >= 10
                }
                try await eventually("the first probe went out as well") {
                    fixture.simulator.summary().requests > SendWindow.smallest
                }
                // Probes go out after 1, 2, 4, 8, 16 and 30 seconds: six at most in the time limit of this test.
                #expect(fixture.simulator.summary().requests <= SendWindow.smallest + 6)
            }
        }
    }
}
