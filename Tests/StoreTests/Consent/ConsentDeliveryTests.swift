import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// An opt-out counts at every point of a message's way, and each level for its campaigns.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ConsentDeliveryTests {
    /// The message of a campaign, the category of its template, and whether it is marketing.
    struct Kind: CustomTestStringConvertible, Sendable {
        let category: String?
        var message = Fixture.reminder
        let isMarketing: Bool
        var testDescription: String { "\(category ?? "unknown") \(message.prefix(20))" }
    }

    static let kinds = [
        Kind(category: "marketing", isMarketing: true), Kind(category: "utility", isMarketing: false),
        Kind(category: "authentication", isMarketing: false), Kind(category: nil, isMarketing: true),
        Kind(category: "utility", message: #"{"type":"text","text":{"body":"Hi"}}"#, isMarketing: true),
        Kind(
            category: "utility",
            message: #"{"type":"template","template":{"name":"another"}}"#,
            isMarketing: true
        ),
    ]

    /// Five contacts in their window: the first has said STOP, the second has stopped marketing messages.
    private static func with(_ kind: Kind, _ body: (Fixture) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            if let category = kind.category { try await fixture.addTemplate(category) }
            try await fixture.addContacts(5, inWindow: 5, at: Date())
            try await body(fixture)
        }
    }

    private static func stop(_ fixture: Fixture) async throws {
        try await fixture.hear(Fixture.phone(1), "STOP")
        try await fixture.hear(Fixture.phone(2), "stop")
    }

    private static func numbers(_ first: Int) -> [String] { (first...5).map(Fixture.phone) }

    private static func recipients(of run: UUID, _ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            "SELECT \"recipientPhone\" FROM campaign_messages WHERE \"runId\" = \(run) ORDER BY 1",
            as: String.self
        )
    }

    @Test(arguments: kinds) func beforeTheLaunch(_ kind: Kind) async throws {
        try await Self.with(kind) { fixture in
            try await Self.stop(fixture)
            try await fixture.addCampaign(message: kind.message)
            let run = try await fixture.launch(at: Date())
            let recipients = try await Self.recipients(of: run, fixture)
            #expect(recipients == Self.numbers(kind.isMarketing ? 3 : 2))
        }
    }

    @Test(arguments: kinds) func betweenLaunchAndSend(_ kind: Kind) async throws {
        try await Self.with(kind) { fixture in
            try await fixture.addCampaign(message: kind.message)
            let run = try await fixture.launch(at: Date())
            #expect(try await Self.recipients(of: run, fixture) == Self.numbers(1))
            try await Self.stop(fixture)
            // Another system writes its own state back.
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = true, \"optedInAt\" = now()")
            let ids = try await fixture.send(run)
            let codes = try await fixture.column(
                "SELECT coalesce(\"errorCode\", status::text) FROM campaign_messages WHERE id = ANY(\(ids)::uuid[]) ORDER BY id",
                as: String.self
            )
            #expect(codes.prefix(3) == ["opted_out", kind.isMarketing ? "marketing_stopped" : "sent", "sent"])
        }
    }

    @Test(arguments: kinds) func betweenFailureAndRetry(_ kind: Kind) async throws {
        try await Self.with(kind) { fixture in
            try await fixture.addCampaign(message: kind.message)
            let run = try await fixture.launch(at: Date())
            try await fixture.send(run, failing: [0: "131000", 1: "131000", 2: "131000"])
            try await Self.stop(fixture)
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = true")
            let retried = kind.isMarketing ? [Fixture.phone(3)] : [Fixture.phone(2), Fixture.phone(3)]
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.total == retried.count && preview.codes.map(\.unreachable) == [3 - retried.count])
            let retry = try await fixture.retry()
            #expect(try await Self.recipients(of: retry.run.id, fixture) == retried)
        }
    }

    @Test(arguments: kinds) func beforeAnEvent(_ kind: Kind) async throws {
        try await Self.with(kind) { fixture in
            try await Self.stop(fixture)
            try await fixture.addTriggered(message: kind.message)
            // The first event opens the standing run, and the second one finds it.
            for _ in 1...2 {
                let answers = try await fixture.fire((1...3).map { TriggerRequest(contactID: Fixture.phone($0)) })
                let refusals = answers.map { $0.refused.first?.reason }
                #expect(refusals == [.notOptedIn, kind.isMarketing ? .notOptedIn : nil, nil])
            }
        }
    }

    @Test func aStandingRunFollowsTheCategoryOfItsTemplate() async throws {
        try await Self.with(Kind(category: "utility", isMarketing: false)) { fixture in
            try await Self.stop(fixture)
            let campaign = try await fixture.addTriggered(message: Fixture.reminder)
            let request = TriggerRequest(contactID: Fixture.phone(2))
            #expect(try await fixture.fire([request])[0].refused.isEmpty)
            // WhatsApp changes the category while the message waits.
            try await fixture.addTemplate("marketing")
            #expect(try await fixture.fire([request])[0].refused.map(\.reason) == [.notOptedIn])
            let run: UUID = try await fixture.value("SELECT id FROM campaign_runs WHERE \"campaignId\" = \(campaign)")
            try await fixture.send(run, isCompleted: false)
            let code: String = try await fixture.value("SELECT \"errorCode\" FROM campaign_messages")
            #expect(code == "marketing_stopped")
            try await fixture.addTemplate("utility")
            #expect(try await fixture.fire([request])[0].refused.isEmpty)
        }
    }

    /// The languages of a template and those of another account are templates of their own.
    @Test func theCategoryIsThatOfTheLanguageAndTheAccount() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTemplate("marketing")
            try await fixture.addContacts(4, inWindow: 4, at: Date())
            try await Self.stop(fixture)
            func launch(_ name: String) async throws -> UUID {
                try await fixture.addCampaign(name, message: Fixture.reminder)
                return try await fixture.launch(name, at: Date())
            }
            func recipients(of run: UUID) async throws -> Int {
                try await fixture.value("SELECT \"expectedCount\" FROM campaign_runs WHERE id = \(run)")
            }
            let few = try await recipients(of: launch("first"))
            #expect(few < 4)
            // Later rows of the same name, in another language and at another account.
            try await fixture.pool.execute(
                """
                WITH other AS (
                    INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken") VALUES ('acme', 'other', '9', 'env:T')
                    RETURNING id
                )
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body, "accountId")
                SELECT 'acme', 'reminder-' || t.language, 'reminder', t.language, 'utility', 'Hi', t.account
                FROM (SELECT 'sw', NULL::uuid UNION ALL SELECT 'en', id FROM other) AS t(language, account)
                """
            )
            let run = try await launch("second")
            #expect(try await recipients(of: run) == few)
            // An open run follows its own template, too.
            func isMarketing() async throws -> Bool {
                try await fixture.value("SELECT \"isMarketing\" FROM campaign_runs WHERE id = \(run)")
            }
            try await fixture.pool.execute("UPDATE templates SET category = 'authentication' WHERE language = 'sw'")
            #expect(try await isMarketing())
            try await fixture.pool.execute("UPDATE templates SET category = 'utility' WHERE name = 'reminder'")
            #expect(try await !isMarketing())
        }
    }

    /// Audience, claim and hook read a column of the contact, and no suppression.
    @Test func nothingOfADeliveryReadsSuppressions() async throws {
        try await Fixture.with(connections: 1) { fixture in
            try await fixture.addTemplate("utility")
            try await fixture.addContacts(50, inWindow: 50, at: Date())
            try await Self.stop(fixture)
            func read() async throws -> Int {
                _ = try await fixture.pool.query("SELECT pg_stat_force_next_flush()")
                return try await fixture.value(
                    """
                    SELECT (seq_scan + coalesce(idx_scan, 0))::bigint FROM pg_stat_user_tables WHERE relname = 'suppressions'
                    """
                )
            }
            let before = try await read()
            #expect(before > 0)
            try await fixture.addCampaign(message: Fixture.reminder)
            let run = try await fixture.launch(at: Date())
            try await fixture.send(run, failing: [3: "131000"])
            _ = try await fixture.retry()
            try await fixture.addTriggered(message: Fixture.reminder)
            for _ in 1...2 { _ = try await fixture.fire((1...3).map { TriggerRequest(contactID: Fixture.phone($0)) }) }
            #expect(try await read() == before)
        }
    }

    @Test func aContactWhoOptsInAgainGetsMessages() async throws {
        try await Self.with(Self.kinds[0]) { fixture in
            try await Self.stop(fixture)
            try await fixture.hear(Fixture.phone(1), "START", at: 1)
            try await fixture.hear(Fixture.phone(2), "resume", at: 1)
            #expect(try await fixture.audience() == Self.numbers(1))
        }
    }
}
