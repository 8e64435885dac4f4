import Foundation
import Postgres
import Spec
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
        language: String = "en",
        category: String? = nil,
        ttl: Int? = nil,
        in fixture: Fixture
    ) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO whatsapp_templates (
                "businessAccountId", name, language, status, "statusAt", components, "readAt", category, "ttlSeconds"
            )
            VALUES ('77', 'hello', \(language), \(status), now(), jsonb_build_array(
                jsonb_build_object('type', 'BODY', 'text', \(body)::text)
            ), now(), \(category), \(ttl))
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE SET
                status = excluded.status, components = excluded.components, category = excluded.category,
                "ttlSeconds" = excluded."ttlSeconds"
            """
        )
    }

    /// Sends the campaign in two languages, by a template that has both.
    private static func addLanguages(_ fixture: Fixture) async throws {
        try await addTemplate(fixture)
        try await fixture.pool.execute(
            """
            UPDATE templates SET parts = '{"languages":{"fr":{"body":"Salut à vous tous, les amis."}},"fallback":"en"}'
            """
        )
        try await fixture.pool.execute(
            """
            UPDATE campaigns SET "messageTemplate" = '{"type":"template",
                "template":{"name":"hello","language":{"code":"{{language}}"}},
                "languages":{"fallback":"en","components":{"en":[],"fr":[]}}}'
            """
        )
    }

    /// Has WhatsApp report an approval, as a webhook does.
    private static func approve(
        _ language: String = "en",
        _ status: String = "APPROVED",
        in fixture: Fixture
    ) async throws -> InboundRepository.Effects {
        var report = InboundReport()
        report.facts = [
            AccountFact(
                businessAccountID: "77",
                at: Date().addingTimeInterval(1),
                .templateStatus(name: "hello", language: language, status: status, reason: nil)
            )
        ]
        return try await InboundRepository(pool: fixture.pool).apply(report)
    }

    /// A run that waits for its template.
    private static func waitingRun(_ fixture: Fixture) async throws -> UUID {
        try await fixture.pool.execute("UPDATE campaigns SET \"startWhenApproved\" = true")
        let run = try await fixture.launch(at: Date())
        #expect(try await fixture.value("SELECT status FROM campaign_runs") == RunStatus.paused)
        return run
    }

    /// Resumes what a reading of the templates would.
    private static func read(_ fixture: Fixture) async throws -> [UUID] {
        try await RunRepository(pool: fixture.pool).resumeHeld(byTemplates: ["hello", "other"], account: "77").resumed
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

    /// What WhatsApp made marketing in a language that is sent is paid as marketing, and spares those who stopped it.
    @Test(arguments: [("category", "fr", true), ("nextCategory", "fr", true), ("category", "de", false)])
    func whatWhatsAppMadeMarketingIsMarketing(column: String, language: String, isSent: Bool) async throws {
        try await Self.with { fixture in
            try await Self.addTemplate(fixture)
            try await Self.say("off", in: fixture)
            let components = #"{"type":"template","template":{"name":"hello","language":{"code":"{{language}}"}},"#
            let languages = #""languages":{"fallback":"en","components":{"en":[],"fr":[]}}}"#
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"messageTemplate\" = \(PostgresJSON(text: components + languages))::jsonb"
            )
            func isMarketing() async throws -> Bool {
                let preview = try await LaunchRepository(pool: fixture.pool).preview(.name("promo"), tenant: "acme")
                guard case .opened(let run) = preview.opening else { return false }
                return run.estimatedCost?.category == .marketing
            }
            let card = RateCard(
                from: "2025-01-01",
                currency: "USD",
                markets: ["Rest of Africa": [.marketing: 20_000, .utility: 4_000]]
            )
            try await fixture.pool.transaction {
                try await RateRepository.store(RateBook(cards: [card]), of: ["acme"], on: $0)
            }
            #expect(try await !isMarketing())
            try await fixture.pool.execute(
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, category, "nextCategory")
                VALUES ('77', 'hello', \(language), 'APPROVED', \(column == "category" ? "MARKETING" : "UTILITY"),
                    \(column == "category" ? nil as String? : "MARKETING"))
                """
            )
            #expect(try await isMarketing() == isSent)
            _ = try await fixture.launch(at: Date())
            #expect(
                try await fixture.value("SELECT count(*) FROM campaign_runs WHERE \"isMarketing\"") == (isSent ? 1 : 0)
            )
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
            _ = try await Self.approve(in: fixture)
            #expect(try await state() == ["running running"])
        }
    }

    /// WhatsApp reports the approval between the first batch of messages and the last one.
    @Test(arguments: [true, false])
    func anApprovalWhileTheMessagesAreWrittenIsNotMissed(isWebhook: Bool) async throws {
        try await Self.with { fixture in
            try await Self.see("PENDING", in: fixture)
            try await fixture.pool.execute("UPDATE campaigns SET \"startWhenApproved\" = true")
            let launches = LaunchRepository(pool: fixture.pool)
            guard case .opened(let run) = try await launches.open(campaign: "promo", tenant: "acme", now: Date()) else {
                Issue.record("it was launched before")
                return
            }
            _ = try await launches.writeBatch(of: run.id, size: 1)
            if isWebhook {
                #expect(try await Self.approve(in: fixture).resumed.isEmpty)
            } else {
                try await Self.see("APPROVED", in: fixture)
                #expect(try await Self.read(fixture).isEmpty)
            }
            var written = try await launches.writeBatch(of: run.id, size: 1000)
            while written.run.status == .launching { written = try await launches.writeBatch(of: run.id, size: 1000) }
            #expect(written.run.status == .running && written.run.recipientCount == 3)
            #expect(try await fixture.value("SELECT status FROM campaigns") == CampaignStatus.running)
        }
    }

    /// WhatsApp has the text of before an edit that waits there, and tells of it once more.
    @Test(arguments: ["APPROVED", "REINSTATED", "UNARCHIVED"])
    func aLaunchThatWaitsForItsTextDoesNotSendTheOldOne(event: String) async throws {
        try await Self.with { fixture in
            try await Self.addTemplate(fixture)
            try await Self.see("APPROVED", body: "The old text for all of you.", in: fixture)
            let run = try await Self.waitingRun(fixture)
            #expect(try await Self.approve("en", event, in: fixture).resumed.isEmpty)
            #expect(try await Self.read(fixture).isEmpty)
            let reason: String = try await fixture.value("SELECT \"statusReason\" FROM campaigns")
            #expect(reason.contains("text differs from the approved one"), "\(reason)")
            // The new text is approved: neither status nor its time moves.
            try await Self.see(event, in: fixture)
            #expect(try await Self.read(fixture) == [run])
        }
    }

    /// The author mends the text while WhatsApp reviews the former one.
    @Test func aTextThatIsMendedDuringTheReviewIsWaitedFor() async throws {
        try await Self.with { fixture in
            try await Self.addTemplate(fixture)
            try await Self.see("PENDING", in: fixture)
            let run = try await Self.waitingRun(fixture)
            try await fixture.pool.execute("UPDATE templates SET body = 'Hello there, all of you.'")
            #expect(try await Self.approve(in: fixture).resumed.isEmpty)
            let reason: String = try await fixture.value("SELECT \"statusReason\" FROM campaign_runs")
            #expect(
                reason.hasPrefix("waits for WhatsApp: the campaign sends template `hello (en)`, whose text differs")
            )
            try await Self.see("APPROVED", body: "Hello there, all of you.", in: fixture)
            #expect(try await Self.read(fixture) == [run])
        }
    }

    @Test func eachLanguageIsChecked() async throws {
        try await Self.with { fixture in
            try await Self.addLanguages(fixture)
            try await Self.see("APPROVED", in: fixture)
            let missing = try await Self.problem(fixture) ?? ""
            #expect(missing.hasPrefix("sends template `hello (fr)`, which WhatsApp does not have"), "\(missing)")
            try await Self.see("APPROVED", body: "Autre chose pour vous tous.", language: "fr", in: fixture)
            let other = try await Self.problem(fixture) ?? ""
            #expect(other.hasPrefix("sends template `hello (fr)`, whose text differs"), "\(other)")
            try await Self.see("APPROVED", body: "Salut à vous tous, les amis.", language: "fr", in: fixture)
            #expect(try await Self.problem(fixture) == nil)
        }
    }

    @Test func aLaunchWaitsForAllLanguages() async throws {
        try await Self.with { fixture in
            try await Self.addLanguages(fixture)
            try await Self.see("PENDING", in: fixture)
            try await Self.see("PENDING", body: "Salut à vous tous, les amis.", language: "fr", in: fixture)
            let run = try await Self.waitingRun(fixture)
            #expect(try await Self.approve("en", in: fixture).resumed.isEmpty)
            let reason: String = try await fixture.value("SELECT \"statusReason\" FROM campaign_runs")
            #expect(reason.contains("`hello (fr)`, which is PENDING"), "\(reason)")
            #expect(try await Self.approve("fr", in: fixture).resumed == [run])
        }
    }

    /// The run is there once, although its template is two at WhatsApp.
    @Test func aRunInSeveralLanguagesIsCountedOnce() async throws {
        try await Self.with { fixture in
            try await Self.addLanguages(fixture)
            try await Self.see("APPROVED", in: fixture)
            try await Self.see("APPROVED", body: "Salut à vous tous, les amis.", language: "fr", in: fixture)
            let run = try await fixture.launch(at: Date())
            try await RunRepository(pool: fixture.pool).pause(run, reason: "132001", by: .template)
            let situations = try await fixture.pool.withConnection { connection in
                try await SenderSituation.read(where: "true", withActions: true, on: connection)
            }
            #expect(situations.values.flatMap(\.runs).map(\.id) == [run])
        }
    }

    @Test func lifetimesAreCompared() async throws {
        try await Self.with { fixture in
            try await Self.addTemplate(fixture)
            try await fixture.pool.execute("UPDATE templates SET parts = '{\"ttl\":\"5m\"}'")
            try await Self.see("APPROVED", category: "utility", ttl: 60, in: fixture)
            #expect(try await Self.problem(fixture)?.contains("ttl is \"60 s\" at WhatsApp") == true)
            try await Self.see("APPROVED", category: "utility", ttl: 300, in: fixture)
            #expect(try await Self.problem(fixture) == nil)
        }
    }

    /// The account does not list the number of the sender, so that only its spec names the account.
    @Test func aRunOfANumberThatIsNotListedGoesOn() async throws {
        try await Self.with { fixture in
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = NULL")
            try await Self.see("PENDING", in: fixture)
            let run = try await Self.waitingRun(fixture)
            #expect(try await Self.approve(in: fixture).resumed == [run])
        }
    }

    /// A run that was stopped for its template goes on after news of it: what was read before does not count.
    @Test func aRunThatWasStoppedNeedsNewsOfItsTemplate() async throws {
        try await Self.with { fixture in
            try await Self.see("APPROVED", in: fixture)
            let run = try await fixture.launch(at: Date())
            try await RunRepository(pool: fixture.pool).pause(
                run,
                reason: "132015",
                by: .template,
                templateHeldAt: Date() + 5
            )
            #expect(try await Self.read(fixture).isEmpty)
            try await fixture.pool.execute("UPDATE whatsapp_templates SET \"readAt\" = now() + interval '70 seconds'")
            #expect(try await Self.read(fixture) == [run])
        }
    }

    @Test(arguments: [true, false])
    func testsAndRetriesAreRefusedAsLaunchesAre(isTest: Bool) async throws {
        try await Self.with { fixture in
            let number = "+254700000001"
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "testRecipients")
                VALUES ('acme', 'acme', jsonb_build_array(\(number)::text))
                """
            )
            try await Self.see("APPROVED", in: fixture)
            if !isTest {
                let run = try await fixture.launch(at: Date())
                try await fixture.send(run, failing: [0: "131000", 1: "131000", 2: "131000"])
            }
            try await Self.see("REJECTED", in: fixture)
            let error = await #expect(throws: LaunchError.self) {
                if isTest {
                    _ = try await TestSendRepository(pool: fixture.pool).open(
                        .name("promo"),
                        tenant: "acme",
                        to: [number]
                    )
                } else {
                    _ = try await RetryRepository(pool: fixture.pool).open(.name("promo"), tenant: "acme")
                }
            }
            #expect(
                error?.description.contains("which is REJECTED at WhatsApp") == true,
                "\(String(describing: error))"
            )
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs") == (isTest ? 0 : 1))
        }
    }
}
