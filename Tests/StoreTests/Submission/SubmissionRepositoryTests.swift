import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Store

/// Which wishes are carried out, in which order, and which are not any more.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SubmissionRepositoryTests {
    private static func with(_ body: (Fixture, SubmissionRepository) async throws -> Void) async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
                VALUES ('acme', 'main', '77', 'env:TOKEN', 'spec')
                """
            )
            try await body(fixture, SubmissionRepository(pool: fixture.pool))
        }
    }

    private static func want(
        _ action: SubmissionWish.Action,
        _ language: String?,
        name: String = "hello",
        template: String? = nil,
        takingBack takenBack: [UUID] = [],
        _ fixture: Fixture
    ) async throws {
        let wish = SubmissionWish(
            tenantID: "acme",
            account: "main",
            template: template,
            action: action,
            name: name,
            language: language,
            request: action == .delete ? nil : ["name": .string(name)]
        )
        try await fixture.pool.transaction {
            try await SubmissionRepository.want([wish], takingBack: takenBack, digest: "sha256:0", on: $0)
        }
    }

    private static func claim(_ submissions: SubmissionRepository) async throws -> [SubmissionClaim] {
        try await submissions.claim(limit: 10, lease: .seconds(60))
    }

    private static func states(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            """
            SELECT action || ' ' || name || ' ' || coalesce(language, '*') || ' ' || status FROM template_submissions
            ORDER BY "createdAt", id
            """
        )
    }

    @Test func aDeletionOfAllLanguagesAndEachOfThemReplaceEachOther() async throws {
        try await Self.with { fixture, _ in
            try await Self.want(.create, "en", fixture)
            try await Self.want(.create, "fr", fixture)
            try await Self.want(.delete, nil, fixture)
            let deleted = ["create hello en superseded", "create hello fr superseded", "delete hello * wanted"]
            #expect(try await Self.states(fixture) == deleted)
            try await Self.want(.create, "en", fixture)
            #expect(
                try await Self.states(fixture)
                    == deleted.dropLast() + ["delete hello * superseded", "create hello en wanted"]
            )
        }
    }

    @Test func aDeletionOfAllLanguagesWaitsForWhatIsOnItsWay() async throws {
        try await Self.with { fixture, submissions in
            try await Self.want(.create, "en", fixture)
            let creation = try #require(try await Self.claim(submissions).first)
            #expect(try await submissions.mark(creation, countsAsEdit: false) == .marked)
            try await Self.want(.delete, nil, fixture)
            #expect(try await Self.claim(submissions).isEmpty)
            // It did not arrive, and is not repeated.
            try await submissions.end(creation, with: .later(.zero, reason: nil, isCounted: true))
            #expect(try await Self.states(fixture) == ["create hello en superseded", "delete hello * wanted"])
            let deletion = try #require(try await Self.claim(submissions).first)
            #expect(try await submissions.mark(deletion, countsAsEdit: false) == .marked)
            try await Self.want(.create, "fr", fixture)
            #expect(try await Self.claim(submissions).isEmpty)
        }
    }

    @Test func whatIsTakenBackIsNeitherSentNorRepeated() async throws {
        try await Self.with { fixture, submissions in
            try await Self.want(.create, "en", fixture)
            let claim = try #require(try await Self.claim(submissions).first)
            try await Self.want(.create, "en", name: "other", takingBack: [claim.record.id], fixture)
            #expect(try await submissions.mark(claim, countsAsEdit: false) == .lost)
            let other = try #require(try await Self.claim(submissions).first)
            #expect(try await submissions.mark(other, countsAsEdit: false) == .marked)
            try await Self.want(.create, "en", name: "third", takingBack: [other.record.id], fixture)
            #expect(try await Self.states(fixture)[1] == "create other en sending")
            try await submissions.end(other, with: .later(.zero, reason: nil, isCounted: true))
            #expect(
                try await Self.states(fixture) == [
                    "create hello en superseded", "create other en superseded", "create third en wanted",
                ]
            )
        }
    }

    /// The account can change between the claim and the request.
    @Test func aWishOfAnotherAccountIsNotSent() async throws {
        try await Self.with { fixture, submissions in
            try await Self.want(.create, "en", fixture)
            let claim = try #require(try await Self.claim(submissions).first)
            #expect(claim.wabaID == "77" && claim.presentWabaID == "77")
            try await fixture.pool.execute("UPDATE accounts SET \"wabaId\" = '88'")
            #expect(try await submissions.mark(claim, countsAsEdit: false) == .lost)
            // It does not keep one for the present account waiting.
            try await Self.want(.create, "en", name: "other", takingBack: [claim.record.id], fixture)
            try await Self.want(.create, "en", fixture)
            let wabas: [String] = try await fixture.column(
                "SELECT \"wabaId\" || ' ' || status FROM template_submissions ORDER BY \"createdAt\", id"
            )
            #expect(wabas == ["77 superseded", "88 wanted", "88 wanted"])
            #expect(try await Self.claim(submissions).map(\.wabaID) == ["88", "88"])
        }
    }

    /// What failed under a former name, or for a former account, is not what the template needs now.
    @Test func onlyWhatATemplateNeedsNowIsSubmittedAgain() async throws {
        try await Self.with { fixture, submissions in
            try await fixture.pool.execute(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body, parts, "accountId", "managedBy")
                SELECT 'acme', 'hello', 'hello_v2', 'en', 'utility', 'Hi.', '{"languages": {"fr": {"body": "Salut."}}}', a.id, 'spec'
                FROM accounts a
                """
            )
            for (name, language) in [("hello", "en"), ("hello_v2", "en"), ("hello_v2", "fr"), ("hello_v2", "de")] {
                try await Self.want(.create, language, name: name, template: "hello", fixture)
            }
            try await Self.setTexts(fixture)
            try await fixture.pool.execute("UPDATE template_submissions SET status = 'failed', \"settledAt\" = now()")
            let again = try await submissions.submitAgain("hello", tenant: "acme")
            #expect(Set(again.map { "\($0.wish.name) \($0.wish.language ?? "")" }) == ["hello_v2 en", "hello_v2 fr"])
            try await fixture.pool.execute("UPDATE template_submissions SET status = 'failed', \"settledAt\" = now()")
            try await fixture.pool.execute("UPDATE accounts SET \"wabaId\" = '88'")
            #expect(try await submissions.submitAgain("hello", tenant: "acme").isEmpty)
        }
    }

    /// Gives the wishes of templates the texts that the templates have.
    private static func setTexts(_ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            UPDATE template_submissions SET request = jsonb_build_object(
                'name', name, 'language', language, 'category', 'UTILITY', 'components', jsonb_build_array(
                    jsonb_build_object('type', 'BODY', 'text', CASE language WHEN 'fr' THEN 'Salut.' ELSE 'Hi.' END)
                )
            )
            """
        )
    }

    /// The author took the refused edit back: what was refused would replace the text that WhatsApp has.
    @Test func aRefusedTextThatTheSpecsNoLongerHaveIsNotSubmittedAgain() async throws {
        try await Self.with { fixture, submissions in
            try await fixture.pool.execute(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body, "accountId", "managedBy")
                SELECT 'acme', 'hello', 'hello', 'en', 'utility', 'Hi.', a.id, 'spec' FROM accounts a
                """
            )
            try await Self.want(.edit, "en", template: "hello", fixture)
            try await Self.setTexts(fixture)
            try await fixture.pool.execute("UPDATE template_submissions SET status = 'failed', \"settledAt\" = now()")
            try await fixture.pool.execute("UPDATE templates SET body = 'Hello.'")
            #expect(try await submissions.submitAgain("hello", tenant: "acme").isEmpty)
            #expect(try await Self.states(fixture) == ["edit hello en failed"])
            try await fixture.pool.execute("UPDATE templates SET body = 'Hi.', category = 'marketing'")
            #expect(try await submissions.submitAgain("hello", tenant: "acme").isEmpty)
            try await fixture.pool.execute("UPDATE templates SET category = 'utility'")
            #expect(try await submissions.submitAgain("hello", tenant: "acme").map(\.status) == [.wanted])
        }
    }

    /// A run opened after the apply that wished the deletion.
    @Test(arguments: [nil, "en"])
    func aTemplateThatAnOpenRunSendsIsNotDeleted(language: String?) async throws {
        try await Self.with { fixture, submissions in
            try await fixture.addCampaign(
                message: #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
            )
            try await fixture.addContacts(2)
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
            try await Self.want(.delete, language, fixture)
            let run = try await fixture.launch(at: Date())
            let claim = try #require(try await Self.claim(submissions).first)
            guard case .used(let use) = try await submissions.mark(claim, countsAsEdit: false) else {
                Issue.record("the deletion may be sent")
                return
            }
            #expect(use.isRun && use.words.contains(run.uuidString.lowercased()), "\(use.words)")
            #expect(try await Self.states(fixture).first?.hasSuffix("wanted") == true)
            // The campaign is a user, too, until it is over.
            try await fixture.pool.execute("UPDATE campaign_runs SET status = 'completed'")
            try await fixture.pool.execute("UPDATE campaigns SET status = 'completed'")
            #expect(try await submissions.mark(claim, countsAsEdit: false) == .marked)
        }
    }

    /// The request is on its way: a run that opens now would fail for each recipient.
    @Test(arguments: ["sending", "unsettled", "done"])
    func noRunOpensWhileItsTemplateIsDeleted(status: String) async throws {
        try await Self.with { fixture, _ in
            try await fixture.addCampaign(
                message: #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
            )
            try await fixture.addContacts(2)
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
            try await Self.want(.delete, nil, fixture)
            try await fixture.pool.execute(
                """
                UPDATE template_submissions SET status = \(status),
                    "settledAt" = CASE WHEN \(status)::text = 'done' THEN now() END
                """
            )
            let error = await #expect(throws: LaunchError.self) { try await fixture.launch(at: Date()) }
            #expect(error?.description.contains("is being deleted at WhatsApp") == true, "\(String(describing: error))")
            // Neither another name nor another language matters.
            try await fixture.pool.execute("UPDATE template_submissions SET language = 'fr'")
            try await Self.want(.delete, nil, name: "other", fixture)
            try await fixture.pool.execute("UPDATE template_submissions SET status = 'sending' WHERE name = 'other'")
            _ = try await fixture.launch(at: Date())
        }
    }

    /// Each waits for the other, whichever is first.
    @Test func aLaunchAndADeletionExcludeEachOther() async throws {
        for _ in 0..<5 {
            try await Self.with { fixture, submissions in
                try await fixture.addCampaign(
                    message: #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
                )
                try await fixture.addContacts(2)
                try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
                // A campaign that is over is no user.
                _ = try await fixture.launch(at: Date())
                try await fixture.pool.execute("UPDATE campaign_runs SET status = 'completed'")
                try await fixture.pool.execute("UPDATE campaigns SET status = 'completed'")
                try await Self.want(.delete, nil, fixture)
                let claim = try #require(try await Self.claim(submissions).first)
                async let mark = submissions.mark(claim, countsAsEdit: false)
                async let launch = LaunchRepository(pool: fixture.pool)
                    .openAgain(.name("promo"), tenant: "acme", key: "once")
                let isMarked = try await mark == .marked
                let isOpen: Bool
                do {
                    _ = try await launch
                    isOpen = true
                } catch is LaunchError {
                    isOpen = false
                }
                #expect(isMarked != isOpen)
            }
        }
    }
}
