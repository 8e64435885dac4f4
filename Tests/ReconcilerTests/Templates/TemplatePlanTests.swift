import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// What plans do to templates at WhatsApp, and what they say of them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TemplatePlanTests {
    static let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:TOKEN"

    static func template(_ body: String = "Hi {{1}}, look here.", _ more: String = "") -> String {
        """
        kind: Template
        name: offer
        whatsappName: offer
        language: en
        category: utility
        body: "\(body)"
        examples: { "1": Ann }
        \(more)
        """
    }

    static let campaign = """
        kind: Campaign
        name: hello
        type: manual
        sender: main
        template: offer
        params: { "1": "{{name|you}}" }
        audience: { conditions: [{ field: tags, operator: contains, value: vip }] }
        """

    static func specs(_ template: String, _ more: String...) -> String {
        ([account, Samples.sender, template, campaign] + more).joined(separator: "\n---\n")
    }

    static func plan(
        _ fixture: ReconcilerFixture,
        _ text: String,
        delete: [String] = []
    ) async throws -> (plan: Plan, desired: DesiredState) {
        var desired = try ReconcilerFixture.desired(text)
        desired.deletionsAtWhatsApp = delete
        return (try await Planner(pool: fixture.pool, logger: TestDatabase.logger).plan(desired), desired)
    }

    /// Plans and applies, and checks that the next plan is empty.
    @discardableResult
    static func apply(
        _ fixture: ReconcilerFixture,
        _ text: String,
        delete: [String] = []
    ) async throws -> Plan {
        let (plan, desired) = try await plan(fixture, text, delete: delete)
        _ = try await Applier(pool: fixture.pool)
            .apply(plan, desired, rules: ReconcilerFixture.lax(for: plan), origin: ReconcilerFixture.origin)
        let second = try await Self.plan(fixture, text, delete: delete).plan
        #expect(second.isEmpty, "\(ReconcilerFixture.lines(second)) \(second.templates)")
        return plan
    }

    /// Settles all wishes as done, some time ago.
    static func settle(_ fixture: ReconcilerFixture, _ age: String = "1 hour") async throws {
        try await fixture.pool.execute(
            """
            UPDATE template_submissions SET status = 'done', attempts = 1, "sentAt" = now() - \(age)::interval,
                "settledAt" = now() - \(age)::interval
            WHERE status = 'wanted'
            """
        )
    }

    /// Has the account read, with a template as WhatsApp returns it.
    static func read(
        _ fixture: ReconcilerFixture,
        name: String = "offer",
        body: String? = "Hi {{1}}, look here.",
        status: String = "APPROVED",
        category: String = "utility",
        reason: String? = nil,
        advice: String? = nil,
        more: [JSONValue] = []
    ) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptFrom", "sweptAt")
            SELECT id, "wabaId", now(), now() FROM accounts
            ON CONFLICT ("accountId") DO UPDATE SET "sweptFrom" = now(), "sweptAt" = now()
            """
        )
        guard let body else { return }
        let text: JSONValue = ["type": "BODY", "text": .string(body), "example": ["body_text": [["other"]]]]
        let components = JSONValue.array([text] + more)
        try await fixture.pool.execute(
            """
            INSERT INTO whatsapp_templates (
                "businessAccountId", name, language, "whatsappId", status, category, reason, advice, components, "readAt"
            ) VALUES (
                '1022', \(name), 'en', '7', \(status), \(category), \(reason), \(advice),
                \(PostgresJSON(text: components.canonicalText))::jsonb, now()
            )
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE SET status = excluded.status,
                category = excluded.category, reason = excluded.reason, advice = excluded.advice,
                components = excluded.components, "readAt" = now()
            """
        )
    }

    static func wishes(_ fixture: ReconcilerFixture) async throws -> [String] {
        try await fixture.pool.query(
            """
            SELECT s.action || ' ' || s.name || ' ' || coalesce(s.language, '*') || ' ' || s.status
            FROM template_submissions s ORDER BY s."createdAt", s.name, s.language
            """
        )
        .map { try $0.decode(0) }
    }

    /// An edit would take away what this version cannot describe.
    @Test func partsThatAreNotKnownAreNeitherDriftNorOverwritten() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.specs(Self.template()))
            try await Self.settle(fixture)
            let reminder: JSONValue = ["type": "BUTTONS", "buttons": [["type": "REMINDER", "text": "Later"]]]
            try await Self.read(fixture, more: [reminder])
            let warning = "has parts at WhatsApp that this version cannot describe: `buttons[0] (REMINDER)`"
            let same = try await Self.plan(fixture, Self.specs(Self.template())).plan
            #expect(same.isEmpty && same.templates.map(\.warnings) == [[warning]])
            #expect(same.templates.allSatisfy { $0.action == .none && !$0.isDrift && $0.differences.isEmpty })
            let edited = try await Self.plan(fixture, Self.specs(Self.template("Dear {{1}}, look here."))).plan
            let template = try #require(edited.templates.first)
            #expect(template.action == .none && template.differences.map(\.part) == ["body"])
            #expect(template.warnings == [warning])
            #expect(template.notes.contains { $0.hasPrefix("is not edited") })
        }
    }

    @Test func aNewTemplateIsSubmittedOnce() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template())
            let plan = try await Self.apply(fixture, text)
            #expect(plan.submissions.map(\.action) == [.create])
            let shown = PlanTextRenderer().text(plan)
            #expect(
                shown.contains(
                    "+ at WhatsApp: acme/Template/offer (en)  is submitted; WhatsApp reviews it before it can be sent\n"
                        + "    note: the account was not read yet: it is submitted unless WhatsApp has it already\n"
                )
            )
            #expect(shown.contains("0 to delete; 1 template to submit at WhatsApp."))
            #expect(PlanMarkdownRenderer().text(plan).contains("+ at WhatsApp: acme/Template/offer (en)"))
            #expect(try await Self.wishes(fixture) == ["create offer en wanted"])
            let waiting = try await Self.plan(fixture, text).plan
            #expect(waiting.isEmpty && waiting.templates.flatMap(\.notes) == ["waits to be sent to WhatsApp"])
            #expect(PlanTextRenderer().text(waiting).contains("note: waits to be sent to WhatsApp"))
            try await Self.settle(fixture)
            try await Self.read(fixture)
            #expect(try await Self.plan(fixture, text).plan.templates.isEmpty)
        }
    }

    @Test func whatWhatsAppHasAlreadyIsNotSubmitted() async throws {
        try await ReconcilerFixture.with { fixture in
            // The account first, as its templates are read before they have specs.
            _ = try await Self.apply(fixture, Self.account)
            try await Self.read(fixture)
            let plan = try await Self.apply(fixture, Self.specs(Self.template()))
            #expect(plan.submissions.isEmpty && plan.creates == 3)
            #expect(try await Self.wishes(fixture) == [])
        }
    }

    @Test func aChangeIsAnEditWithItsLimits() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.specs(Self.template()))
            try await Self.settle(fixture, "3 days")
            try await Self.read(fixture)
            let second = Self.specs(Self.template("Hello {{1}}, look here."))
            let plan = try await Self.apply(fixture, second)
            let edit = try #require(plan.submissions.first)
            #expect(edit.action == .edit && !edit.isDrift && edit.notes == ["edit 1 of 10 in 30 days"])
            #expect(
                edit.differences.map(\.words) == [
                    "body is \"Hi {{1}}, look here.\" at WhatsApp, and \"Hello {{1}}, look here.\" here"
                ]
            )
            let shown = PlanTextRenderer().text(plan)
            #expect(shown.contains("~ at WhatsApp: acme/Template/offer (en)  is edited; WhatsApp reviews it again"))
            #expect(shown.contains("body: Hi {{1}}, look here. → Hello {{1}}, look here."), "\(shown)")
            try await fixture.pool.execute(
                "UPDATE template_submissions SET \"countsAsEdit\" = true WHERE status = 'wanted'"
            )
            try await Self.settle(fixture, "5 hours")
            try await Self.read(fixture, body: "Hello {{1}}, look here.")
            let third = try await Self.plan(fixture, Self.specs(Self.template("Dear {{1}}, look here."))).plan
            let note = try #require(third.submissions.first?.notes.first)
            #expect(note.hasPrefix("edit 2 of 10 in 30 days, the last 5 h"), "\(note)")
            #expect(note.contains(" ago: this one goes at 20"), "\(note)")
        }
    }

    @Test func anEditByHandIsShownAndPutBackTwiceAtMost() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template())
            try await Self.apply(fixture, text)
            try await Self.settle(fixture)
            try await Self.read(fixture, body: "By hand {{1}}, look here.")
            let plan = try await Self.apply(fixture, text)
            #expect(plan.submissions.map(\.isDrift) == [true] && plan.changes.isEmpty)
            let shown = PlanTextRenderer().text(plan)
            #expect(shown.contains("was edited at WhatsApp, and is edited back"))
            #expect(shown.contains("By hand {{1}}, look here. → Hi {{1}}, look here."), "\(shown)")
            try await Self.settle(fixture)
            try await Self.read(fixture, body: "By hand {{1}}, look here.")
            let stopped = try await Self.plan(fixture, text).plan
            #expect(stopped.isEmpty && stopped.templates.first?.warnings.first?.contains("2 times in 30 days") == true)
        }
    }

    @Test func aRefusalIsShownAndNotRepeated() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template())
            try await Self.apply(fixture, text)
            try await fixture.pool.execute(
                "UPDATE template_submissions SET status = 'failed', error = '100/2388293: too few words', \"settledAt\" = now()"
            )
            try await Self.read(fixture, body: nil)
            let plan = try await Self.plan(fixture, text).plan
            #expect(plan.isEmpty)
            #expect(
                plan.templates.first?.warnings == [
                    "was not taken by WhatsApp: 100/2388293: too few words. Change it, or try again with "
                        + "`campaignd templates submit offer --tenant acme`"
                ]
            )
            let changed = try await Self.apply(fixture, Self.specs(Self.template("Hi {{1}}, please look here.")))
            #expect(changed.submissions.map(\.action) == [.create])
        }
    }

    @Test func rejectionsPausesAndReviewsAreTold() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template())
            try await Self.apply(fixture, text)
            try await Self.settle(fixture)
            try await Self.read(fixture, status: "REJECTED", reason: "INVALID_FORMAT", advice: "Write more words.")
            let rejected = try await Self.plan(fixture, text).plan
            #expect(rejected.templates.first?.warnings == ["WhatsApp rejected it (INVALID_FORMAT): Write more words."])
            #expect(PlanMarkdownRenderer().text(rejected).contains("WhatsApp rejected it (INVALID&#95;FORMAT)"))
            try await Self.read(fixture, status: "PENDING")
            #expect(try await Self.plan(fixture, text).plan.templates.first?.notes == ["is in review at WhatsApp"])
            let changed = try await Self.plan(fixture, Self.specs(Self.template("Hello {{1}}, look here."))).plan
            #expect(
                changed.submissions.first?.notes == [
                    "is in review at WhatsApp", "the edit waits for the end of that",
                ]
            )
            try await Self.read(fixture, status: "PAUSED")
            #expect(try await Self.plan(fixture, text).plan.templates.first?.warnings == ["is PAUSED at WhatsApp"])
        }
    }

    @Test func aCategoryOfWhatsAppsChoiceIsToldAndKeepsTheName() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template("Hi {{1}}, look here.", "allowCategoryChange: false"))
            try await Self.apply(fixture, text)
            try await Self.settle(fixture)
            try await Self.read(fixture, category: "marketing")
            let plan = try await Self.plan(fixture, text).plan
            #expect(plan.isEmpty)
            #expect(
                plan.templates.first?.warnings.first?.hasPrefix(
                    "is marketing at WhatsApp instead of utility, although `allowCategoryChange` is false"
                ) == true,
                "\(plan.templates)"
            )
        }
    }

    @Test func anotherCategoryOfAnApprovedTemplateTakesANewNameThatStays() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.specs(Self.template()))
            try await Self.settle(fixture)
            try await Self.read(fixture)
            let marketing = Self.specs(Self.template().replacing("utility", with: "marketing"))
            let plan = try await Self.apply(fixture, marketing)
            #expect(plan.submissions.map { "\($0.action) \($0.name)" } == ["create offer_v2"])
            #expect(
                plan.submissions.first?.notes.first
                    == "its name at WhatsApp becomes `offer_v2` instead of `offer`: WhatsApp does not change the category of an "
                    + "approved template"
            )
            #expect(
                ReconcilerFixture.lines(plan) == [
                    "~ Template/offer category whatsappName", "~ Campaign/hello message.template.name",
                ]
            )
            #expect(try await Self.wishes(fixture).last == "create offer_v2 en wanted")
            let row = try await fixture.pool.query("SELECT \"whatsappName\" FROM templates")
            #expect(try row[0].decode(0) == "offer_v2")
            try await Self.settle(fixture)
            try await Self.read(fixture, name: "offer_v2", category: "marketing")
            #expect(try await Self.plan(fixture, marketing).plan.isEmpty)
            // The snapshot of the rows keeps the name in force, too.
            let snapshot = try await StateSnapshot.take(pool: fixture.pool, logger: TestDatabase.logger)
            #expect(try snapshot.plan(ReconcilerFixture.desired(marketing)).isEmpty)
            // An edit is one of the name in force.
            let edited = try await Self.plan(fixture, marketing.replacing("look here", with: "look there")).plan
            #expect(edited.submissions.map { "\($0.action) \($0.name)" } == ["edit offer_v2"])
        }
    }

    @Test func disabledTemplatesAndBarredNamesTakeTheNextFreeName() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.specs(Self.template()))
            try await Self.settle(fixture)
            try await Self.read(fixture, status: "DISABLED")
            try await Self.read(fixture, name: "offer_v2", body: "Someone else's text.")
            #expect(try await Self.plan(fixture, Self.specs(Self.template())).plan.isEmpty)
            let changed = Self.specs(Self.template("Hello {{1}}, look here."))
            let plan = try await Self.apply(fixture, changed)
            #expect(plan.submissions.map { "\($0.action) \($0.name)" } == ["create offer_v3"])
            try await Self.settle(fixture)
            try await Self.read(fixture, name: "offer_v3", body: "Hello {{1}}, look here.")
            try await fixture.pool.execute(
                "UPDATE whatsapp_templates SET \"goneAt\" = now() - interval '3 days' WHERE name = 'offer_v3'"
            )
            let again = try await Self.apply(fixture, changed)
            #expect(again.submissions.map { "\($0.action) \($0.name)" } == ["create offer_v4"])
        }
    }

    @Test func deletingASpecLeavesWhatsAppAlone() async throws {
        try await ReconcilerFixture.with { fixture in
            let all = Self.specs(Self.template())
            try await Self.apply(fixture, all)
            try await Self.settle(fixture)
            try await Self.read(fixture)
            for wrong in ["offer", "offer:en"] {
                let error = await #expect(throws: ReconcileError.self) {
                    try await Self.plan(fixture, all, delete: [wrong])
                }
                #expect(
                    error?.description.contains("acme/Template/offer uses it") == true,
                    "\(String(describing: error))"
                )
            }
            let rest = [Self.account, Samples.sender].joined(separator: "\n---\n")
            let plan = try await Self.apply(fixture, rest)
            #expect(plan.submissions.isEmpty && plan.deletes == 2)
            #expect(PlanTextRenderer().text(plan).contains("WhatsApp keeps the template; `--delete-at-whatsapp offer`"))

            await #expect(throws: ReconcileError.self) { try await Self.plan(fixture, rest, delete: ["unknown"]) }
            await #expect(throws: ReconcileError.self) { try await Self.plan(fixture, rest, delete: ["offer:fr"]) }
            let one = try await Self.plan(fixture, rest, delete: ["offer:en"]).plan
            #expect(one.submissions.map(\.language) == ["en"])
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "messageTemplate")
                VALUES ('acme', 'by hand', 'manual', '{"type":"template","template":{"name":"offer"}}')
                """
            )
            await #expect(throws: ReconcileError.self) { try await Self.plan(fixture, rest, delete: ["offer"]) }
            try await fixture.pool.execute("UPDATE campaigns SET \"archivedAt\" = now()")
            let deleted = try await Self.apply(fixture, rest, delete: ["offer"])
            #expect(deleted.submissions.map { "\($0.action) \($0.name) \($0.language ?? "*")" } == ["delete offer *"])
            #expect(PlanTextRenderer().text(deleted).contains("- at WhatsApp: acme/main: offer (all languages)"))
            #expect(try await Self.wishes(fixture).last == "delete offer * wanted")
        }
    }

    @Test func whatIsDoneAtWhatsAppIsPartOfTheDigest() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template())
            try await Self.apply(fixture, text)
            try await Self.settle(fixture)
            try await Self.read(fixture, body: "By hand {{1}}, look here.")
            let drift = try await Self.plan(fixture, text)
            try await Self.read(fixture)
            let same = try await Self.plan(fixture, text)
            #expect(drift.plan.digest != same.plan.digest)
            // What was reviewed is not what would be applied.
            await #expect(throws: ReconcileError.self) {
                try await Applier(pool: fixture.pool)
                    .apply(drift.plan, drift.desired, rules: SafetyRules(), origin: ReconcilerFixture.origin)
            }
            // Facts that lead to nothing are not.
            try await Self.read(fixture, status: "PAUSED")
            #expect(try await Self.plan(fixture, text).plan.digest == same.plan.digest)
        }
    }

    /// Two tenants can name one account; the one that never read it knows nothing of it.
    @Test func anotherTenantsReadingIsNotUsed() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.specs(Self.template())
            let desired = try ReconcilerFixture.desired(["acme/a.yaml": text, "other/b.yaml": text])
            let plan = try await Planner(pool: fixture.pool, logger: TestDatabase.logger).plan(desired)
            _ = try await Applier(pool: fixture.pool)
                .apply(plan, desired, rules: ReconcilerFixture.lax(for: plan), origin: ReconcilerFixture.origin)
            try await Self.settle(fixture)
            try await Self.read(fixture, body: "By hand {{1}}, look here.")
            try await fixture.pool.execute(
                """
                DELETE FROM account_sweeps WHERE "accountId" IN (SELECT id FROM accounts WHERE "tenantId" = 'other')
                """
            )
            let next = try await Planner(pool: fixture.pool, logger: TestDatabase.logger).plan(desired)
            #expect(next.submissions.map(\.tenant) == ["acme"])
        }
    }
}
