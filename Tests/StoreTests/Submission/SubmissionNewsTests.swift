import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Store

/// What tenants are told of the templates that they have submitted: each once, whoever saw it first.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SubmissionNewsTests {
    private static func with(_ body: (Fixture, SubmissionRepository) async throws -> Void) async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
                VALUES ('acme', 'main', '77', 'env:TOKEN', 'spec')
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, notify)
                VALUES ('acme', 'acme', '{"url":"env:HOOK","secret":"env:SECRET","on":["template"]}')
                """
            )
            try await fixture.addCampaign(
                message: #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
            )
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
            try await body(fixture, SubmissionRepository(pool: fixture.pool))
        }
    }

    /// Wishes a template, and has the request sent.
    private static func send(
        _ fixture: Fixture,
        _ action: SubmissionWish.Action = .create
    ) async throws -> SubmissionClaim {
        let wish = SubmissionWish(
            tenantID: "acme",
            account: "main",
            template: nil,
            action: action,
            name: "hello",
            language: "en",
            request: action == .delete ? nil : ["name": "hello"]
        )
        try await fixture.pool.transaction { try await SubmissionRepository.want([wish], digest: "sha256:0", on: $0) }
        let submissions = SubmissionRepository(pool: fixture.pool)
        let claim = try #require(try await submissions.claim(limit: 1, lease: .seconds(60)).first)
        #expect(try await submissions.mark(claim, countsAsEdit: false) == .marked)
        return claim
    }

    /// Takes a webhook about the template in.
    private static func report(_ status: String, at time: Date = Date(), _ fixture: Fixture) async throws {
        var report = InboundReport()
        report.facts = [
            AccountFact(
                businessAccountID: "77",
                at: time,
                .templateStatus(name: "hello", language: "en", status: status, reason: nil)
            )
        ]
        try await InboundRepository(pool: fixture.pool).apply(report)
    }

    /// Keeps a page of a reading.
    private static func read(_ status: String, at time: Date = Date(), _ fixture: Fixture) async throws {
        var template = SeenTemplate(name: "hello", language: "en")
        (template.status, template.reason) = (status, "NONE")
        let seen = template
        try await fixture.pool.withConnection { connection in
            try await AccountSweepRepository.keep([seen], of: "77", at: time, on: connection)
        }
    }

    private static func told(_ fixture: Fixture) async throws -> [String] {
        try await SubmissionRepository(pool: fixture.pool).tellNews()
        return try await fixture.column(
            "SELECT (event ->> 'what') || ': ' || (event ->> 'why') FROM notifications ORDER BY id"
        )
    }

    private static let approved = "templateApproved: WhatsApp has approved template `hello` (en)"
    private static let rejected = "template: WhatsApp says of template `hello` (en): REJECTED"

    @Test(arguments: ["webhook", "reading", "both"], [true, false])
    func anApprovalIsToldOnce(by way: String, isAnsweredFirst: Bool) async throws {
        try await Self.with { fixture, submissions in
            let claim = try await Self.send(fixture)
            if isAnsweredFirst { try await submissions.end(claim, with: .done(whatsAppID: "1", category: nil)) }
            #expect(try await Self.told(fixture).isEmpty, "it is in review")
            if way != "reading" { try await Self.report("APPROVED", fixture) }
            if way != "webhook" { try await Self.read("APPROVED", fixture) }
            if !isAnsweredFirst {
                #expect(try await Self.told(fixture).isEmpty, "the wish is under way")
                try await submissions.end(claim, with: .done(whatsAppID: "1", category: nil))
            }
            #expect(try await Self.told(fixture) == [Self.approved])
            // WhatsApp repeats its webhooks; a pause and its end are no review.
            try await Self.report("APPROVED", fixture)
            try await Self.read("APPROVED", at: Date() + 120, fixture)
            #expect(try await Self.told(fixture) == [Self.approved])
        }
    }

    @Test func manyDaemonsTellItOnce() async throws {
        try await Self.with { fixture, submissions in
            try await submissions.end(try await Self.send(fixture), with: .done(whatsAppID: "1", category: nil))
            try await Self.report("APPROVED", fixture)
            try await withThrowingTaskGroup { group in
                for _ in 0..<6 { group.addTask { try await submissions.tellNews() } }
                try await group.waitForAll()
            }
            #expect(try await Self.told(fixture) == [Self.approved])
        }
    }

    @Test(arguments: ["webhook", "reading"])
    func aRejectionIsToldOnceWithItsWish(by way: String) async throws {
        try await Self.with { fixture, submissions in
            let claim = try await Self.send(fixture)
            if way == "webhook" {
                try await Self.report("REJECTED", fixture)
            } else {
                try await Self.read("REJECTED", fixture)
            }
            try await submissions.end(claim, with: .done(whatsAppID: "1", category: nil))
            #expect(try await Self.told(fixture) == [Self.rejected])
            // The corrected text is rejected as well, and nothing shows that it was in review.
            try await fixture.pool.execute(
                "UPDATE template_submissions SET \"sentAt\" = \"sentAt\" - interval '1 hour', \"settledAt\" = now() - interval '1 hour'"
            )
            try await submissions.end(try await Self.send(fixture, .edit), with: .done(whatsAppID: "1", category: nil))
            try await Self.report("REJECTED", at: Date() + 1, fixture)
            #expect(try await Self.told(fixture) == [Self.rejected, Self.rejected])
            // What WhatsApp does later is told by itself.
            try await Self.report("DISABLED", at: Date() + 2, fixture)
            #expect(try await Self.told(fixture).last == "template: WhatsApp says of template `hello` (en): DISABLED")
        }
    }

    /// A template that was approved before is edited: the old approval is no answer.
    @Test func anEditIsToldWhenItsReviewEnds() async throws {
        try await Self.with { fixture, submissions in
            try await Self.report("APPROVED", at: Date() - 3_600, fixture)
            try await submissions.end(try await Self.send(fixture, .edit), with: .done(whatsAppID: nil, category: nil))
            #expect(try await Self.told(fixture).isEmpty)
            try await Self.report("PENDING", fixture)
            #expect(try await Self.told(fixture).isEmpty)
            try await Self.read("APPROVED", at: Date() + 120, fixture)
            #expect(try await Self.told(fixture) == [Self.approved])
        }
    }

    @Test func aFailureIsToldOnceForEachTry() async throws {
        try await Self.with { fixture, submissions in
            let failure = SubmissionStep.failed(code: 100, subcode: nil, reason: "the name is taken")
            try await submissions.end(try await Self.send(fixture), with: failure)
            let text = "submissionFailed: WhatsApp did not take template `hello` (en) (create): the name is taken"
            #expect(try await Self.told(fixture) == [text])
            #expect(try await Self.told(fixture) == [text])
            #expect(try await submissions.submitAgain("hello", tenant: "acme").count == 1)
            let claim = try #require(try await submissions.claim(limit: 1, lease: .seconds(60)).first)
            try await submissions.end(claim, with: failure)
            #expect(try await Self.told(fixture) == [text, text])
        }
    }

    @Test func whatNobodyWaitsForIsNotTold() async throws {
        try await Self.with { fixture, submissions in
            // The campaign sends another template, because one that a campaign sends is not deleted.
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET "messageTemplate" = jsonb_set("messageTemplate", '{template,name}', '"other"')
                """
            )
            // A deletion, and a wish that WhatsApp fulfilled before it was sent.
            try await submissions.end(
                try await Self.send(fixture, .delete),
                with: .done(whatsAppID: nil, category: nil)
            )
            try await submissions.end(try await Self.send(fixture), with: .done(whatsAppID: nil, category: nil))
            try await fixture.pool.execute("UPDATE template_submissions SET \"sentAt\" = NULL")
            try await Self.read("APPROVED", fixture)
            #expect(try await Self.told(fixture).isEmpty)
            #expect(try await fixture.value("SELECT count(*) FROM template_submissions WHERE \"toldAt\" IS NULL") == 0)
        }
    }
}
