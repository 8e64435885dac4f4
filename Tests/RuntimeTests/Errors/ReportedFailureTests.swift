import AsyncHTTPClient
import Foundation
import NIOCore
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// What only a webhook tells, and messages that WhatsApp accepts and holds back.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ReportedFailureTests {
    private static func faults(_ json: String) throws -> SimulatorFaults { try SimulatorFaults(json: Data(json.utf8)) }

    private func isPaused(_ run: UUID, of fixture: DeliveryFixture) async throws -> RunRecord {
        try await eventually("the run is paused and everything is reported") {
            let record = try await fixture.run(run)
            let counters = record.counters
            return record.status == .paused && counters[.sending] + counters[.queued] + counters[.sent] == 0
        }
        return try await fixture.run(run)
    }

    @Test(
        .timeLimit(.minutes(3)),
        arguments: [(131042, "Message failed to send because of a payment issue"), (132015, "Template is paused")]
    )
    func aReportOfTheAccountOrTheTemplateStopsTheRun(code: Int, details: String) async throws {
        let faults = try Self.faults(#"{"failures":[{"code":\#(code),"details":"\#(details)"}]}"#)
        try await DeliveryFixture.with(contacts: 200, rate: 50, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in
                let record = try await isPaused(run, of: fixture)
                #expect(record.statusReason == "reported by WhatsApp: \(code): \(details)")
                #expect(record.counters[.failed] < 150 && record.counters[.pending] > 0)
                try fixture.simulator.setFaults(SimulatorFaults())
                #expect(try await fixture.runs.resume(run))
                try await fixture.completes(run)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func reportsWithTheSameUnknownCodeStopTheRun() async throws {
        let faults = try Self.faults(#"{"failures":[{"code":139999,"details":"news"}]}"#)
        try await DeliveryFixture.with(contacts: 200, rate: 50, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { port in
                let record = try await isPaused(run, of: fixture)
                #expect((10...150).contains(record.counters[.failed]))
                let reason = record.statusReason ?? ""
                #expect(reason.hasPrefix("alike guard: ") && reason.contains("code 139999 (news)"), "\(reason)")
                #expect(reason.contains("nothing delivered"))
                let metrics = try await text("/metrics", port: port)
                #expect(metrics.contains(#"campaigns_guard_pauses_total{guard="alike"} 1"#))
                let labels = #"{scope="unknown",source="report",code="139999"}"#
                #expect(metrics.contains("campaigns_send_errors_total\(labels)"))
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aReportThatTheContactWantsNoMoreTakesConsentAndStopsNothing() async throws {
        let number = DeliveryFixture.phone(3)
        let faults = try Self.faults(#"{"failures":[{"code":131050,"recipient":"\#(number)"}]}"#)
        try await DeliveryFixture.with(contacts: 20, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in
                try await fixture.completes(run)
                try await eventually("the contact is opted out") {
                    let rows = try await fixture.pool.query(
                        "SELECT \"contactId\" FROM contacts WHERE \"suppressedLevel\" = 'marketing'"
                    )
                    return try rows.map { try $0.decode(0, as: String.self) } == [number]
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func heldMessagesAreShownUntilTheyAreReleased() async throws {
        let faults = try Self.faults(#"{"messageStatuses":[{"status":"held_for_quality_assessment","share":0.5}]}"#)
        try await DeliveryFixture.with(contacts: 40, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            let held = try await fixture.run(run).held
            #expect((5...35).contains(held))
            let rows = try await fixture.pool.query(
                """
                SELECT count(*) FROM campaign_messages
                WHERE status = 'sent' AND "messageStatus" = 'held_for_quality_assessment'
                """
            )
            #expect(try rows[0].decode(0, as: Int.self) == held)
            try await fixture.expectDelivered(run, contacts: 40)
        }
    }

    private func text(_ path: String, port: Int) async throws -> String {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return String(buffer: try await response.body.collect(upTo: 1 << 20))
    }
}
