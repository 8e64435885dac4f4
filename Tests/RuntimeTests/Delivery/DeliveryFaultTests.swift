import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs that get errors from WhatsApp.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliveryFaultTests {
    private static func faults(_ json: String) throws -> SimulatorFaults { try SimulatorFaults(json: Data(json.utf8)) }

    @Test(.timeLimit(.minutes(3)))
    func aRateLimitPausesTheLaneAndCountsNoAttempt() async throws {
        let faults = try Self.faults(#"{"errors":[{"share":0.03,"code":130429,"status":429}]}"#)
        try await DeliveryFixture.with(contacts: 120, faults: faults) { fixture in
            let run = try await fixture.launch()
            var retries = RetryPolicy()
            retries.lanePause = .milliseconds(300)
            try await fixture.withDelivery(retries: retries) { try await fixture.completes(run) }
            #expect(fixture.simulator.summary().rejectedByCode[130429, default: 0] > 0)
            try await fixture.expectDelivered(run, contacts: 120)
            let rows = try await fixture.pool.query("SELECT max(attempts) FROM campaign_messages")
            #expect(try rows[0].decode(0, as: Int.self) == 1)
            let paused = try await fixture.pool.query("SELECT \"pausedUntil\" IS NOT NULL FROM senders")
            #expect(try paused[0].decode(0, as: Bool.self))
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aPairLimitDelaysOnlyTheRecipientWhereAllowed() async throws {
        let faults = try Self.faults(#"{"errors":[{"share":0.1,"code":131056,"status":400}]}"#)
        try await DeliveryFixture.with(contacts: 60, pairLimit: "defer", faults: faults) { fixture in
            let run = try await fixture.launch()
            var retries = RetryPolicy()
            retries.pairDelay = .milliseconds(200)
            try await fixture.withDelivery(retries: retries) { try await fixture.completes(run) }
            #expect(fixture.simulator.summary().rejectedByCode[131056, default: 0] > 0)
            try await fixture.expectDelivered(run, contacts: 60)
            let paused = try await fixture.pool.query("SELECT \"pausedUntil\" IS NULL FROM senders")
            #expect(try paused[0].decode(0, as: Bool.self))
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func serverErrorsAreRetriedAndThreeAttemptsAreAll() async throws {
        let faults = try Self.faults(#"{"serverErrors":{"share":0.3,"status":503}}"#)
        try await DeliveryFixture.with(contacts: 120, faults: faults) { fixture in
            let run = try await fixture.launch()
            var retries = RetryPolicy()
            retries.baseDelay = .milliseconds(100)
            try await fixture.withDelivery(retries: retries) { try await fixture.completes(run) }
            let failed = try await fixture.statuses()[.failed] ?? 0
            try await fixture.expectDelivered(run, contacts: 120, failed: failed)
            let rows = try await fixture.pool.query(
                """
                SELECT max(attempts), bool_and(attempts = 3) FILTER (WHERE status = 'failed'),
                    (SELECT count(*) FROM message_failures) FROM campaign_messages
                """
            )
            #expect(try rows[0].decode(0, as: Int.self) >= 2)
            #expect(try rows[0].decode(0, as: Int.self) <= 3)
            if failed > 0 { #expect(try rows[0].decode(1, as: Bool.self)) }
            // Each answer is recorded.
            #expect(try rows[0].decode(2, as: Int.self) == fixture.simulator.summary().rejected)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aPermanentErrorFailsThatRecipientAlone() async throws {
        let number = DeliveryFixture.phone(7)
        let faults = try Self.faults(#"{"recipientErrors":{"\#(number)":131026}}"#)
        try await DeliveryFixture.with(contacts: 30, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 30, failed: 1)
            let rows = try await fixture.pool.query(
                """
                SELECT "recipientPhone", "errorCode", "errorMessage" <> '', attempts FROM campaign_messages WHERE status = 'failed'
                """
            )
            #expect(try rows[0].decode(0, as: String.self) == number)
            #expect(try rows[0].decode(1, as: String.self) == "131026")
            #expect(try rows[0].decode(2, as: Bool.self))
            #expect(try rows[0].decode(3, as: Int.self) == 1)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aMissingValueFailsThatRecipientAlone() async throws {
        try await DeliveryFixture.with(contacts: 20, text: "Hello {{name}}") { fixture in
            try await fixture.pool.execute(
                "UPDATE contacts SET name = NULL WHERE \"contactId\" = \(DeliveryFixture.phone(3))"
            )
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 20, failed: 1)
            let failures = try await fixture.runs.failures(of: run)
            #expect(failures.map(\.code) == ["missing_value"])
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func contactsThatOptOutAfterTheLaunchGetNothing() async throws {
        try await DeliveryFixture.with(contacts: 20) { fixture in
            let run = try await fixture.launch()
            let number = DeliveryFixture.phone(5)
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" = \(number)")
            try await fixture.withDelivery { try await fixture.completes(run) }
            #expect(fixture.simulator.acceptedCount(of: number) == 0)
            #expect(fixture.simulator.summary().accepted == 19)
            #expect(try await fixture.statuses()[.cancelled] == 1)
            try await fixture.expectNoResidue()
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func lostAnswersAreNotRepeatedAndSettledByReports() async throws {
        let faults = try Self.faults(#"{"lostAnswers":{"share":0.1,"mode":"close"}}"#)
        try await DeliveryFixture.with(contacts: 100, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in
                try await fixture.completes(run)
                try await eventually("all reports are in") {
                    let counters = try await fixture.run(run).counters
                    return counters[.delivered] + counters[.read] == 100
                }
            }
            #expect(fixture.simulator.summary().lost > 0)
            try await fixture.expectDelivered(run, contacts: 100)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func withoutAReportALostAnswerStaysUnconfirmedAndTheRunEnds() async throws {
        let faults = try Self.faults(#"{"lostAnswers":{"share":0.2,"mode":"garbled"}}"#)
        try await DeliveryFixture.with(contacts: 40, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(unconfirmedTimeout: .milliseconds(100)) { try await fixture.completes(run) }
            let summary = fixture.simulator.summary()
            #expect(summary.recipientsAcceptedMoreThanOnce == 0)
            #expect(summary.lost > 0)
            #expect(try await fixture.statuses() == [.sent: 40 - summary.lost, .unconfirmed: summary.lost])
            try await fixture.expectNoResidue()
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func anExpiredTokenPausesTheCampaignUntilItIsResumed() async throws {
        let faults = try Self.faults(#"{"errors":[{"share":1,"code":190,"status":401}]}"#)
        try await DeliveryFixture.with(contacts: 100, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await eventually("the campaign is paused") { try await fixture.run(run).status == .paused }
                #expect(try await fixture.run(run).statusReason?.hasPrefix("190: ") == true)
                let campaign = try await fixture.pool.query("SELECT status::text FROM campaigns")
                #expect(try campaign[0].decode(0, as: String.self) == "paused")
                try await eventually("everything waits") {
                    let counters = try await fixture.run(run).counters
                    return counters[.sending] == 0 && counters[.queued] == 0
                }
                #expect(fixture.simulator.summary().accepted == 0)
                try fixture.simulator.setFaults(SimulatorFaults())
                #expect(try await fixture.runs.resume(run))
                try await fixture.completes(run)
            }
            try await fixture.expectDelivered(run, contacts: 100)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func withoutAReportALostAnswerIsRepeatedWhereTheSenderSaysSo() async throws {
        let faults = try Self.faults(#"{"lostAnswers":{"share":0.2,"mode":"garbled"}}"#)
        try await DeliveryFixture.with(contacts: 40, faults: faults, unconfirmedPolicy: "retry") { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(unconfirmedTimeout: .milliseconds(100)) { try await fixture.completes(run) }
            let summary = fixture.simulator.summary()
            #expect(summary.lost > 0)
            let rows = try await fixture.pool.query("SELECT max(attempts) FROM campaign_messages")
            #expect(try rows[0].decode(0, as: Int.self) >= 2)
            #expect(try rows[0].decode(0, as: Int.self) <= 3)
            try await fixture.expectCountersEqualRows(run)
            try await fixture.expectNoResidue()
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aCancelledRunStopsWithinASecondOnAllDaemons() async throws {
        try await DeliveryFixture.with(contacts: 400, rate: 50) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await fixture.withDelivery {
                    try await eventually("some are sent") { try await fixture.run(run).counters.accepted > 20 }
                    #expect(try await fixture.runs.cancel(run, reason: "enough"))
                    try await eventually("the rest is cancelled") {
                        try await fixture.run(run).counters.open == 0
                    }
                    try await fixture.expectCountersEqualRows(run)
                    try await fixture.expectNoResidue()
                }
            }
            let accepted = try await fixture.run(run).counters.accepted
            #expect(fixture.simulator.summary().accepted == accepted)
            #expect(accepted < 200)
            #expect(try await fixture.statuses()[.cancelled] == 400 - accepted)
        }
    }
}
