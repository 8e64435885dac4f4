import Foundation
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs that stop by themselves, and runs that do not.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RunGuardDeliveryTests {
    private static func faults(_ json: String) throws -> SimulatorFaults { try SimulatorFaults(json: Data(json.utf8)) }

    private func isPaused(_ run: UUID, of fixture: DeliveryFixture) async throws -> RunRecord {
        try await eventually("the run is paused and nothing is being sent") {
            let record = try await fixture.run(run)
            return record.status == .paused && record.counters[.sending] + record.counters[.queued] == 0
        }
        return try await fixture.run(run)
    }

    /// The template was changed at WhatsApp: every message has a parameter too many.
    @Test(.timeLimit(.minutes(3)), arguments: [132000, 131008, 132012])
    func aRefusalOfEveryMessageStopsTheRunAfterAHandful(code: Int) async throws {
        let details = "number of localizable_params (1) does not match"
        let faults = try Self.faults(#"{"errors":[{"share":1,"code":\#(code),"details":"\#(details)"}]}"#)
        // Slow, as messages go on leaving until the tenth refusal is written: on a busy machine, half a second later.
        try await DeliveryFixture.with(contacts: 120, rate: 20, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                let record = try await isPaused(run, of: fixture)
                let failed = record.counters[.failed]
                #expect((10...40).contains(failed), "\(failed) failed")
                #expect(record.counters[.pending] == 120 - failed)
                let reason = record.statusReason ?? ""
                #expect(reason.hasPrefix("alike guard: ") && reason.contains("code \(code) (\(details))"), "\(reason)")
                #expect(reason.hasSuffix("campaignd resume acme/spring --ignore-guard"))
                try fixture.simulator.setFaults(SimulatorFaults())
                #expect(try await fixture.runs.resume(run))
                try await fixture.completes(run)
                try await fixture.expectDelivered(run, contacts: 120, failed: failed)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aRunGoesOnWithoutTheGuard() async throws {
        let faults = try Self.faults(#"{"errors":[{"share":1,"code":132000}]}"#)
        try await DeliveryFixture.with(contacts: 120, faults: faults) { fixture in
            let run = try await fixture.launch()
            // The guards count over all daemons.
            try await fixture.withDelivery {
                try await fixture.withDelivery {
                    _ = try await isPaused(run, of: fixture)
                    #expect(try await fixture.runs.resume(run, ignoringGuards: true))
                    try await fixture.completes(run)
                }
            }
            try await fixture.expectDelivered(run, contacts: 120, failed: 120)
        }
    }

    /// What stands between the daemon and WhatsApp answers: nothing fails, and the reason names the setting.
    @Test(
        .timeLimit(.minutes(3)),
        arguments: [
            (#"{"pages":[{"status":404}]}"#, "404: HTTP 404 (text/html)", "phoneNumberId"),
            (
                #"{"pages":[{"status":301,"location":"https://example.org/"}]}"#,
                "301: HTTP 301 to https://example.org/", "WHATSAPP_API_URL"
            ),
            (#"{"pages":[{"status":407,"contentType":"","body":""}]}"#, "407: HTTP 407", "HTTPS_PROXY"),
            (#"{"pages":[{"status":403}]}"#, "403: HTTP 403 (text/html)", "proxies"),
            (#"{"errors":[{"share":1,"code":2500}]}"#, "2500: ", "WHATSAPP_API_URL"),
            (#"{"errors":[{"share":1,"code":100,"subcode":33}]}"#, "100: ", "phoneNumberId"),
        ]
    )
    func anAnswerThatIsNotWhatsAppsPausesTheRun(json: String, start: String, setting: String) async throws {
        try await DeliveryFixture.with(contacts: 60, faults: try Self.faults(json)) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                let record = try await isPaused(run, of: fixture)
                #expect(record.counters[.pending] == 60)
                let reason = record.statusReason ?? ""
                #expect(reason.hasPrefix(start) && reason.contains(setting), "\(reason)")
                try fixture.simulator.setFaults(SimulatorFaults())
                #expect(try await fixture.runs.resume(run))
                try await fixture.completes(run)
            }
            try await fixture.expectDelivered(run, contacts: 60)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aPageWithStatus200PausesTheRunAndLeavesDoubt() async throws {
        let faults = try Self.faults(#"{"pages":[{"status":200}]}"#)
        try await DeliveryFixture.with(contacts: 8, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                let record = try await isPaused(run, of: fixture)
                #expect(record.statusReason?.contains("WHATSAPP_API_URL") == true)
                #expect(record.counters[.failed] == 0 && record.counters[.unconfirmed] > 0)
                #expect(record.counters[.unconfirmed] + record.counters[.pending] == 8)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aRequestTimeoutOfTheServerIsRepeated() async throws {
        let faults = try Self.faults(
            #"{"pages":[{"status":408,"every":3,"contentType":"","body":"","closes":true}]}"#
        )
        try await DeliveryFixture.with(contacts: 90, faults: faults) { fixture in
            let run = try await fixture.launch()
            var retries = RetryPolicy()
            retries.baseDelay = .milliseconds(100)
            try await fixture.withDelivery(retries: retries) { try await fixture.completes(run) }
            let rows = try await fixture.pool.query(
                """
                SELECT count(*) FILTER (WHERE attempts > 1 AND status <> 'failed'),
                    count(*) FILTER (WHERE status = 'failed' AND attempts < 3), count(*) FILTER (WHERE status = 'failed')
                FROM campaign_messages
                """
            )
            #expect(try rows[0].decode(0, as: Int.self) > 10, "repeated and accepted")
            #expect(try rows[0].decode(1, as: Int.self) == 0)
            try await fixture.expectDelivered(run, contacts: 90, failed: try rows[0].decode(2))
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func theTextOfOneContactFailsThatMessageAlone() async throws {
        let details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
        let error = #"{"code":132018,"details":"\#(details)","recipient":"\#(DeliveryFixture.phone(7))"}"#
        try await DeliveryFixture.with(contacts: 40, faults: try Self.faults(#"{"errors":[\#(error)]}"#)) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 40, failed: 1)
        }
    }

    /// Neither texts nor recipients trip the alike guard, however many there are.
    @Test(
        .timeLimit(.minutes(3)),
        arguments: [#""code":132018,"details":"a new-line in a text""#, #""code":131026"#]
    )
    func textsAndRecipientsNeverStopTheRun(error: String) async throws {
        let faults = try Self.faults(#"{"errors":[{"share":1,\#(error)}]}"#)
        try await DeliveryFixture.with(contacts: 60, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 60, failed: 60)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func tooManyFailuresStopTheRunOfATenantThatSaysSo() async throws {
        let faults = try Self.faults(#"{"errors":[{"share":0.5,"code":131026}]}"#)
        try await DeliveryFixture.with(contacts: 900, rate: 300, faults: faults) { fixture in
            try await fixture.pool.execute(
                #"INSERT INTO tenants ("tenantId", name, policy) VALUES ('acme', 'acme', '{"maxFailurePercent": 20}')"#
            )
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                let record = try await isPaused(run, of: fixture)
                #expect(record.counters[.failed] + record.counters.accepted >= 200)
                #expect(record.counters[.pending] > 0)
                #expect(record.statusReason?.hasPrefix("failure share guard: ") == true, "\(record.statusReason ?? "")")
                #expect(record.statusReason?.contains("131026") == true)
                #expect(try await fixture.runs.resume(run, ignoringGuards: true))
                try await fixture.completes(run)
            }
            let failed = try await fixture.run(run).counters[.failed]
            try await fixture.expectDelivered(run, contacts: 900, failed: failed)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func anAnswerThatTheContactWantsNoMoreTakesConsent() async throws {
        let number = DeliveryFixture.phone(4)
        let faults = try Self.faults(#"{"recipientErrors":{"\#(number)":131050}}"#)
        try await DeliveryFixture.with(contacts: 10, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 10, failed: 1)
            let rows = try await fixture.pool.query(
                "SELECT \"contactId\" FROM contacts WHERE \"suppressedLevel\" = 'marketing'"
            )
            #expect(try rows.map { try $0.decode(0, as: String.self) } == [number])
        }
    }
}
