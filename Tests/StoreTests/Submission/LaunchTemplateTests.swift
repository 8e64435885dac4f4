import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Launches of templates that WhatsApp would refuse.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LaunchTemplateTests {
    private static let message = #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#

    /// Runs a test with a campaign whose sender belongs to an account that was read.
    private static func with(isRead: Bool = true, _ body: (Fixture) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(3)
            try await fixture.pool.execute(
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
                VALUES ('acme', 'main', '77', 'env:TOKEN', 'spec')
                """
            )
            try await fixture.pool.execute(
                "UPDATE senders SET \"accountId\" = (SELECT id FROM accounts), \"businessAccountId\" = '77'"
            )
            if isRead {
                try await fixture.pool.execute(
                    """
                    INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptFrom", "sweptAt")
                    SELECT id, "wabaId", now(), now() FROM accounts
                    """
                )
            }
            try await body(fixture)
        }
    }

    private static func see(
        _ status: String,
        body: String = "Hi there, all of you.",
        in fixture: Fixture
    ) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, "statusAt", components, "readAt")
            VALUES ('77', 'hello', 'en', \(status), now(), jsonb_build_array(
                jsonb_build_object('type', 'BODY', 'text', \(body)::text)
            ), now())
            ON CONFLICT ("businessAccountId", name, language)
                DO UPDATE SET status = excluded.status, components = excluded.components
            """
        )
    }

    /// Gives the campaign a template with a text.
    private static func addTemplate(_ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            WITH template AS (
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body)
                VALUES ('acme', 'hello', 'hello', 'en', 'utility', 'Hi there, all of you.') RETURNING id
            )
            UPDATE campaigns SET "templateId" = template.id FROM template
            """
        )
    }

    private static func say(_ mode: String, in fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, templates) VALUES ('acme', 'acme', \(mode))
            """
        )
    }

    /// The problem of a launch; `nil` if it was opened.
    private static func problem(_ fixture: Fixture) async throws -> String? {
        do {
            _ = try await fixture.launch(at: Date())
            return nil
        } catch LaunchError.template(_, let problem) {
            return problem
        }
    }

    @Test(arguments: ["PENDING", "REJECTED", "PAUSED", "DISABLED"])
    func aTemplateThatIsNotApprovedIsNotLaunched(status: String) async throws {
        try await Self.with { fixture in
            try await Self.see(status, in: fixture)
            let problem = try #require(try await Self.problem(fixture))
            #expect(problem.hasPrefix("sends template `hello (en)`, which is \(status) at WhatsApp"))
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs") == 0)
            try await Self.see("APPROVED", in: fixture)
            #expect(try await Self.problem(fixture) == nil)
        }
    }

    @Test func oneThatWhatsAppDoesNotHaveIsNotLaunched() async throws {
        try await Self.with { fixture in
            let problem = try await Self.problem(fixture) ?? ""
            #expect(problem.contains("which WhatsApp does not have; submit it"))
        }
        try await Self.with(isRead: false) { fixture in
            #expect(try await Self.problem(fixture)?.contains("was not read at WhatsApp yet") == true)
            // A webhook told of it.
            try await Self.see("APPROVED", in: fixture)
            #expect(try await Self.problem(fixture) == nil)
        }
    }

    @Test func anotherTextThanTheApprovedOneIsNotLaunched() async throws {
        try await Self.with { fixture in
            try await Self.addTemplate(fixture)
            try await Self.see("APPROVED", body: "Something else for all of you.", in: fixture)
            let problem = try #require(try await Self.problem(fixture))
            #expect(problem.contains("text differs from the approved one (body is \"Something"), "\(problem)")
            try await Self.see("APPROVED", in: fixture)
            #expect(try await Self.problem(fixture) == nil)
        }
    }

    @Test(arguments: ["warn", "off"])
    func tenantsCanLaunchNevertheless(mode: String) async throws {
        try await Self.with { fixture in
            try await Self.see("PAUSED", in: fixture)
            try await Self.say(mode, in: fixture)
            let run = try await fixture.launch(at: Date())
            let remarks = try await SubmissionRepository(pool: fixture.pool).remarks(ofRun: run)
            #expect(remarks.count == (mode == "warn" ? 1 : 0))
            #expect(remarks.allSatisfy { $0.contains("is PAUSED at WhatsApp") })
        }
    }

    @Test func anOldReadingIsOnlyMentioned() async throws {
        try await Self.with { fixture in
            try await Self.see("APPROVED", in: fixture)
            try await fixture.pool.execute("UPDATE account_sweeps SET \"sweptAt\" = now() - interval '25 hours'")
            let run = try await fixture.launch(at: Date())
            let remarks = try await SubmissionRepository(pool: fixture.pool).remarks(ofRun: run)
            #expect(remarks.count == 1 && remarks[0].contains("template `hello (en)` was approved then"), "\(remarks)")
        }
    }

    @Test func sendersWithoutAnAccountAreNotChecked() async throws {
        try await Self.with { fixture in
            try await fixture.pool.execute("UPDATE senders SET \"accountId\" = NULL")
            #expect(try await Self.problem(fixture) == nil)
        }
    }

    @Test func aLaunchThatWaitsGoesOnAtTheApproval() async throws {
        try await Self.with { fixture in
            try await Self.see("PENDING", in: fixture)
            try await fixture.pool.execute("UPDATE campaigns SET \"startWhenApproved\" = true")
            let run = try await fixture.launch(at: Date())
            func state() async throws -> [String] {
                try await fixture.column(
                    "SELECT r.status || ' ' || c.status FROM campaign_runs r JOIN campaigns c ON c.id = r.\"campaignId\""
                )
            }
            #expect(try await state() == ["paused paused"])
            #expect(try await fixture.ids(of: run).count == 3)
            let reason: String = try await fixture.value("SELECT \"statusReason\" FROM campaign_runs")
            #expect(reason.hasPrefix("waits for WhatsApp: the campaign sends template `hello (en)`, which is PENDING"))
            let actions: [String] = try await fixture.column("SELECT action || ' ' || who FROM run_actions ORDER BY id")
            #expect(actions.last == "pause guard:template")
            var report = InboundReport()
            report.facts = [
                AccountFact(
                    businessAccountID: "77",
                    at: Date().addingTimeInterval(1),
                    .templateStatus(name: "hello", language: "en", status: "APPROVED", reason: nil)
                )
            ]
            _ = try await InboundRepository(pool: fixture.pool).apply(report)
            #expect(try await state() == ["running running"])
        }
    }
}
