import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Campaigns that were paused because WhatsApp had paused their template go on when it is approved again.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TemplateHoldTests {
    private static let message = #"{"type":"template","template":{"name":"hello","language":{"code":"en_US"}}}"#
    private static let now = Date()

    private static func withRun(_ body: (Fixture, UUID) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(3)
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, notify) VALUES
                    ('acme', 'acme', '{"url":"env:HOOK","secret":"env:SECRET","on":["template","paused"]}')
                """
            )
            try await body(fixture, run)
        }
    }

    /// Takes a webhook about the template in: its status becomes a fact, and a stop pauses.
    private static func tell(
        _ status: String,
        at offset: Double,
        name: String = "hello",
        account: String = "77",
        _ fixture: Fixture
    ) async throws -> InboundRepository.Effects {
        let time = now.addingTimeInterval(offset)
        var report = InboundReport()
        report.facts = [
            AccountFact(
                businessAccountID: account,
                at: time,
                .templateStatus(name: name, language: "en-US", status: status, reason: nil)
            )
        ]
        if TemplateState.stopped.contains(status) {
            report.stops = [
                InboundReport.Stop(
                    businessAccountID: account,
                    subject: .template(name: name, language: "en-US"),
                    reason: "hello: \(status)",
                    at: time,
                    isHold: status == "PAUSED"
                )
            ]
        }
        return try await InboundRepository(pool: fixture.pool).apply(report)
    }

    private static func status(_ run: UUID, _ fixture: Fixture) async throws -> RunStatus {
        try await fixture.value("SELECT status FROM campaign_runs WHERE id = \(run)")
    }

    @Test func itGoesOnWhenTheTemplateIsApproved() async throws {
        try await Self.withRun { fixture, run in
            #expect(try await Self.tell("PAUSED", at: -60, fixture).paused == [run])
            for (name, account) in [("other", "77"), ("hello", "88")] {
                _ = try await Self.tell("APPROVED", at: -30, name: name, account: account, fixture)
            }
            _ = try await Self.tell("FLAGGED", at: -30, fixture)
            #expect(try await Self.status(run, fixture) == .paused)
            #expect(try await Self.tell("APPROVED", at: -20, fixture).resumed == [run])
            #expect(try await Self.status(run, fixture) == .running)
            #expect(try await fixture.value("SELECT status FROM campaigns") == CampaignStatus.running)
            // WhatsApp repeats its webhooks, in any order.
            for (status, time) in [("PAUSED", -60.0), ("APPROVED", -20), ("PAUSED", -60)] {
                let effects = try await Self.tell(status, at: time, fixture)
                #expect(effects.paused.isEmpty && effects.resumed.isEmpty)
            }
            let actions: [String] = try await fixture.column(
                "SELECT action || ' ' || who FROM run_actions WHERE \"runId\" = \(run) ORDER BY id"
            )
            #expect(actions.suffix(2) == ["pause guard:template", "resume guard:template"])
            let told: [String] = try await fixture.column(
                "SELECT reason || ' ' || (event ->> 'what') FROM notifications WHERE event ? 'runId' ORDER BY id"
            )
            #expect(told == ["template paused", "template resumed"])
            // The second pause begins anew.
            #expect(try await Self.tell("PAUSED", at: -10, fixture).paused == [run])
            #expect(try await Self.tell("APPROVED", at: -5, fixture).resumed == [run])
        }
    }

    /// An answer of WhatsApp may be the first to tell of the pause.
    @Test func itGoesOnAfterAnAnswer() async throws {
        try await Self.withRun { fixture, run in
            let runs = RunRepository(pool: fixture.pool)
            let heldAt = Self.now.addingTimeInterval(-60)
            try await runs.pause(run, reason: "132015", by: .template, templateHeldAt: heldAt)
            #expect(try await Self.tell("APPROVED", at: -90, fixture).resumed.isEmpty, "older than the pause")
            #expect(try await Self.tell("APPROVED", at: -20, fixture).resumed == [run])
        }
    }

    @Test(arguments: ["DELETED", "REJECTED", "DISABLED", "ARCHIVED"])
    func aTemplateThatWasNotOnlyPausedWaitsForAPerson(status: String) async throws {
        try await Self.withRun { fixture, run in
            let stopped = try await Self.tell(status, at: -60, fixture)
            #expect(stopped.paused == [run])
            #expect(try await Self.tell("APPROVED", at: -20, fixture).resumed.isEmpty)
            #expect(try await Self.status(run, fixture) == .paused)
        }
    }

    @Test func aPauseOfAPersonOrAnotherGuardStays() async throws {
        try await Self.withRun { fixture, run in
            let runs = RunRepository(pool: fixture.pool)
            for actor in [RunActor.command("ana"), .api("ana"), .balance, .webhook] {
                try await runs.pause(run, reason: "wait", by: actor)
                // The template is paused and approved meanwhile.
                #expect(try await Self.tell("PAUSED", at: -60, fixture).paused.isEmpty)
                #expect(try await Self.tell("APPROVED", at: -20, fixture).resumed.isEmpty, "\(actor)")
                #expect(try await runs.resume(run, by: actor))
            }
            // A person pauses what waits for its template already.
            #expect(try await Self.tell("PAUSED", at: -10, fixture).paused == [run])
            #expect(try await runs.pause(run, reason: "stop it", by: .command("ana")))
            #expect(try await Self.tell("APPROVED", at: -5, fixture).resumed.isEmpty)
            #expect(try await fixture.value("SELECT \"statusReason\" FROM campaigns") == "stop it")
        }
    }

    @Test func anApprovalThatIsOutdatedResumesNothing() async throws {
        try await Self.withRun { fixture, run in
            #expect(try await Self.tell("PAUSED", at: -60, fixture).paused == [run])
            _ = try await Self.tell("PAUSED", at: -30, fixture)
            #expect(try await Self.tell("APPROVED", at: -40, fixture).resumed.isEmpty)
            #expect(try await Self.tell("APPROVED", at: -20, fixture).resumed == [run])
        }
    }
}
