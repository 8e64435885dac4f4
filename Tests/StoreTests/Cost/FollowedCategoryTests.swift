import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Open runs follow the category of their template, whoever changes it, and so does their estimate.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct FollowedCategoryTests {
    private static let card = RateCard(
        from: "2025-01-01",
        currency: "USD",
        markets: ["Rest of Africa": [.marketing: 20_000, .utility: 4_000]]
    )

    /// Runs a test with an open run of a utility template, whose four messages are written.
    private static func with(
        language: String = "en",
        _ body: (_ fixture: Fixture, _ run: UUID) async throws -> Void
    ) async throws {
        try await Fixture.with { fixture in
            let message = #"{"type":"template","template":{"name":"hello","language":{"code":"\#(language)"}}}"#
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(4, at: Date())
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, templates) VALUES ('acme', 'acme', 'off')"
            )
            try await fixture.pool.execute(
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
                VALUES ('acme', 'main', '77', 'env:TOKEN', 'spec')
                """
            )
            try await fixture.pool.execute("UPDATE senders SET \"accountId\" = (SELECT id FROM accounts)")
            try await fixture.pool.execute(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body, "accountId")
                SELECT 'acme', 'hello', 'hello', 'en', 'utility', 'Hi there, all of you.', id FROM accounts
                """
            )
            try await fixture.pool.transaction {
                try await RateRepository.store(RateBook(cards: [card]), of: ["acme"], on: $0)
            }
            try await body(fixture, fixture.launch(at: Date()))
        }
    }

    /// Has WhatsApp report a category, as a webhook or a reading does.
    private static func report(
        _ category: String,
        next: String? = nil,
        language: String = "en",
        account: String = "77",
        _ fixture: Fixture
    ) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, category, "nextCategory")
            VALUES (\(account), 'hello', \(language), 'APPROVED', \(category), \(next))
            ON CONFLICT ("businessAccountId", name, language)
                DO UPDATE SET category = excluded.category, "nextCategory" = excluded."nextCategory"
            """
        )
    }

    private static func isMarketing(_ fixture: Fixture) async throws -> Bool {
        try await fixture.value("SELECT \"isMarketing\" FROM campaign_runs")
    }

    private static func cost(_ run: UUID, _ fixture: Fixture) async throws -> CostEstimate {
        try #require(try await RunRepository(pool: fixture.pool).find(run)?.estimatedCost)
    }

    @Test func aRunFollowsWhatWhatsAppMakesOfItsTemplate() async throws {
        try await Self.with { fixture, _ in
            #expect(try await !Self.isMarketing(fixture))
            // Neither another language nor another account matters to it.
            try await Self.report("marketing", language: "fr", fixture)
            try await Self.report("marketing", account: "88", fixture)
            #expect(try await !Self.isMarketing(fixture))
            try await Self.report("UTILITY", next: "MARKETING", fixture)
            #expect(try await Self.isMarketing(fixture))
            // What was announced is withdrawn: what the spec says counts again.
            try await Self.report("utility", fixture)
            #expect(try await !Self.isMarketing(fixture))
            try await Self.report("marketing", fixture)
            #expect(try await Self.isMarketing(fixture))
            try await fixture.pool.execute("UPDATE whatsapp_templates SET \"goneAt\" = now()")
            #expect(try await !Self.isMarketing(fixture))
        }
    }

    @Test func anApplyDoesNotUndoWhatWhatsAppMade() async throws {
        try await Self.with { fixture, _ in
            try await Self.report("marketing", fixture)
            try await fixture.pool.execute("UPDATE templates SET body = 'Hello there, all of you.'")
            #expect(try await Self.isMarketing(fixture))
            // And WhatsApp does not undo what the spec says.
            try await fixture.pool.execute("UPDATE templates SET category = 'marketing'")
            try await Self.report("utility", fixture)
            #expect(try await Self.isMarketing(fixture))
        }
    }

    @Test func aRunThatIsOverStaysAsItWas() async throws {
        try await Self.with { fixture, _ in
            try await fixture.pool.execute("UPDATE campaign_runs SET status = 'completed'")
            try await Self.report("marketing", fixture)
            #expect(try await !Self.isMarketing(fixture))
        }
    }

    /// A launch that read the category right before the change is found by looking again.
    @Test func aRunThatNoTriggerSawFollowsAllTheSame() async throws {
        try await Self.with { fixture, _ in
            try await Self.report("marketing", fixture)
            try await fixture.pool.execute("UPDATE campaign_runs SET \"isMarketing\" = false")
            try await RunRepository(pool: fixture.pool).followCategories()
            #expect(try await Self.isMarketing(fixture))
        }
    }

    /// Two of four messages were sent before the change, and keep their price.
    @Test func theEstimateFollowsForWhatIsNotSentYet() async throws {
        try await Self.with { fixture, run in
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await Self.cost(run, fixture).high == 16_000)
            #expect(try await runs.renewEstimates().isEmpty)
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET status = 'sent', "sentAt" = now() - interval '1 minute' WHERE position <= 2
                """
            )
            try await Self.report("marketing", fixture)
            #expect(try await runs.renewEstimates() == [run])
            #expect(try await runs.renewEstimates().isEmpty)
            let cost = try await Self.cost(run, fixture)
            #expect(cost.category == .marketing && cost.high == 2 * 4_000 + 2 * 20_000 && cost.low == cost.high)
            #expect(cost.lines.map(\.messages) == [2])
            #expect(cost.former.map(\.category) == [.utility] && cost.former.map(\.messages) == [2])
            #expect(cost.words.hasSuffix("2 utility sent before the category changed"), "\(cost.words)")
            // One more is sent, and the category comes back.
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sent', \"sentAt\" = now() + interval '2 seconds' WHERE position = 3"
            )
            try await fixture.pool.execute(
                "UPDATE campaign_runs SET \"estimatedCost\" = jsonb_set(\"estimatedCost\", '{since}', '\"2026-01-01T00:00:00Z\"')"
            )
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"sentAt\" = '2026-01-02' WHERE position = 3"
            )
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"sentAt\" = '2025-12-31' WHERE position <= 2"
            )
            try await Self.report("utility", fixture)
            #expect(try await runs.renewEstimates() == [run])
            let again = try await Self.cost(run, fixture)
            #expect(again.category == .utility && again.former.map(\.messages) == [2, 1])
            #expect(again.high == 2 * 4_000 + 20_000 + 4_000)
        }
    }

    @Test func aCategoryThatCameBackAtOnceLeavesTheEstimate() async throws {
        try await Self.with { fixture, run in
            let before = try await Self.cost(run, fixture)
            try await Self.report("marketing", fixture)
            try await Self.report("utility", fixture)
            #expect(try await RunRepository(pool: fixture.pool).renewEstimates().isEmpty)
            #expect(try await Self.cost(run, fixture) == before)
            let due: Int = try await fixture.value(
                "SELECT count(*) FROM campaign_runs WHERE \"estimateDueAt\" IS NOT NULL"
            )
            #expect(due == 0)
        }
    }

    /// Of templates that fit equally well, the category decides, whichever was written first.
    @Test(arguments: [["utility", "authentication"], ["authentication", "utility"]])
    func equalCandidatesHaveOneCategory(categories: [String]) async throws {
        try await Fixture.with { fixture in
            for (language, category) in zip(["en", "fr"], categories) {
                try await fixture.pool.execute(
                    """
                    INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body)
                    VALUES ('acme', \(language), 'hello', \(language), \(category), 'Hi.')
                    """
                )
            }
            let found: String = try await fixture.value("SELECT category_of_template('acme', 'hello', 'de', NULL)")
            #expect(found == "authentication")
        }
    }
}
