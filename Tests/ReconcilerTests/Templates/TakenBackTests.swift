import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// What the specs no longer hold is not carried out, and plans say so.
extension TemplatePlanTests {
    private static let (first, second, third) = (
        specs(template()), specs(template("Hello {{1}}, look here.")), specs(template("Dear {{1}}, look here."))
    )

    /// Applies the first text, and has WhatsApp approve it.
    private static func approveFirst(_ fixture: ReconcilerFixture) async throws {
        try await apply(fixture, first)
        try await settle(fixture, "3 days")
        try await read(fixture)
    }

    private static func move(_ fixture: ReconcilerFixture, to status: String) async throws {
        try await fixture.pool.execute(
            "UPDATE template_submissions SET status = \(status), attempts = 1, \"sentAt\" = now() WHERE status = 'wanted'"
        )
    }

    private static func actions(_ plan: Plan) -> [String] { plan.submissions.map { "\($0.action) \($0.name)" } }

    @Test func aTextThatIsBackTakesTheWaitingEditBack() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            try await Self.apply(fixture, Self.second)
            let plan = try await Self.apply(fixture, Self.first)
            #expect(Self.actions(plan) == ["takeBack offer"])
            let note = plan.submissions.first?.notes.first ?? ""
            #expect(note.hasPrefix("takes back what waits: the edit of offer (en)"), "\(note)")
            let shown = PlanTextRenderer().text(plan)
            #expect(shown.contains("< at WhatsApp: acme/Template/offer (en)  was wished before, and is no more\n"))
            #expect(shown.contains("1 template to take back at WhatsApp"))
            #expect(PlanMarkdownRenderer().text(plan).contains("takes back what waits"))
            #expect(try await Self.wishes(fixture) == ["create offer en done", "edit offer en superseded"])
        }
    }

    /// The edit that is on its way may arrive: the text of the spec follows it.
    @Test(arguments: ["sending", "unsettled"])
    func aTextThatIsBackFollowsTheEditOnItsWay(status: String) async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            try await Self.apply(fixture, Self.second)
            try await Self.move(fixture, to: status)
            let plan = try await Self.apply(fixture, Self.first)
            #expect(Self.actions(plan) == ["edit offer"] && plan.submissions.first?.isDrift == false)
            #expect(plan.submissions.first?.differences.map(\.part) == ["body"])
            #expect(plan.submissions.first?.notes.contains { $0.hasPrefix("is sent after what is on its way") } == true)
        }
    }

    @Test func aTextThatWasSubmittedAndNotReadIsComparedToo() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            try await Self.apply(fixture, Self.second)
            try await Self.settle(fixture, "-1 minute")
            let plan = try await Self.apply(fixture, Self.first)
            #expect(Self.actions(plan) == ["edit offer"] && plan.submissions.first?.isDrift == false)
        }
    }

    @Test func whatHasNoSpecAnyMoreIsTakenBack() async throws {
        let rest = [Self.account, Samples.sender].joined(separator: "\n---\n")
        let renamed = Self.specs(Self.template().replacing("whatsappName: offer", with: "whatsappName: other"))
        let french = "languages: { fr: { body: \"Salut {{1}}, regarde ici.\" } }"
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.specs(Self.template("Hi {{1}}, look here.", french)))
            let language = try await Self.apply(fixture, Self.first)
            #expect(language.submissions.map { "\($0.action) \($0.language ?? "*")" } == ["takeBack fr"])
            let name = try await Self.apply(fixture, renamed)
            #expect(Set(Self.actions(name)) == ["create other", "takeBack offer"])
            let none = try await Self.apply(fixture, rest)
            #expect(Self.actions(none) == ["takeBack other"])
            #expect(try await Self.wishes(fixture).allSatisfy { $0.hasSuffix("superseded") })
        }
    }

    /// What is on its way is settled by reading, and never sent again.
    @Test func aCreationOnItsWayIsNotRepeated() async throws {
        let rest = [Self.account, Samples.sender].joined(separator: "\n---\n")
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.first)
            try await Self.move(fixture, to: "unsettled")
            let plan = try await Self.apply(fixture, rest)
            #expect(Self.actions(plan) == ["takeBack offer"])
            #expect(plan.submissions.first?.notes.first?.hasPrefix("cannot be stopped, and is not sent again") == true)
            let submissions = SubmissionRepository(pool: fixture.pool)
            let claim = try #require(try await submissions.claim(limit: 1, lease: .seconds(60)).first)
            #expect(try await submissions.sendAgain(claim))
            #expect(try await Self.wishes(fixture) == ["create offer en superseded"])
        }
    }

    @Test func aSpecThatIsBackStopsTheDeletionOfItsTemplate() async throws {
        let rest = [Self.account, Samples.sender].joined(separator: "\n---\n")
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            try await Self.apply(fixture, rest, delete: ["offer"])
            // Without the flag the deletion goes on: a person wished it.
            #expect(try await Self.plan(fixture, rest).plan.isEmpty)
            let plan = try await Self.apply(fixture, Self.first)
            #expect(Self.actions(plan) == ["takeBack offer"])
            #expect(plan.submissions.first?.notes.first?.hasSuffix("uses it") == true)
            #expect(try await Self.wishes(fixture).last == "delete offer * superseded")
        }
    }

    // MARK: Accounts

    @Test func wishesOfAFormerAccountDoNotCount() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.first)
            let moved = Self.first.replacing("\"1022\"", with: "\"2044\"")
            let waiting = try await Self.apply(fixture, moved)
            #expect(Self.actions(waiting) == ["create offer", "takeBack offer"])
            try await Self.settle(fixture)
            // Back again: what the other account has is nothing to this one.
            let back = try await Self.apply(fixture, Self.first)
            #expect(Self.actions(back) == ["create offer"])
            let wabas = try await fixture.pool.query(
                "SELECT \"wabaId\" || ' ' || status FROM template_submissions ORDER BY \"createdAt\""
            )
            #expect(try wabas.map { try $0.decode(0) } == ["1022 superseded", "2044 done", "1022 wanted"])
        }
    }

    @Test func anAccountThatIsRestoredBeginsAnew() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.first)
            let rest = "kind: Tenant\nname: acme\ntimeZone: Africa/Nairobi"
            #expect(Self.actions(try await Self.apply(fixture, rest)) == ["takeBack offer"])
            #expect(Self.actions(try await Self.apply(fixture, Self.first)) == ["create offer"])
        }
    }

    /// Tenants can share an account, and runs send the message that they began with.
    @Test func aTemplateThatAnotherTenantUsesIsNotDeleted() async throws {
        try await ReconcilerFixture.with { fixture in
            let rest = [Self.account, Samples.sender].joined(separator: "\n---\n")
            let both = try ReconcilerFixture.desired(["acme/a.yaml": Self.first, "beta/b.yaml": rest])
            try await fixture.apply(try await fixture.plan(both), both)
            try await Self.settle(fixture)
            try await Self.read(fixture)
            let files = ["acme/a.yaml": Self.first, "beta/b.yaml": rest]
            var beta = try ReconcilerFixture.desired(files, tenants: ["beta"])
            beta.deletionsAtWhatsApp = ["offer"]
            let deletion = beta
            let error = await #expect(throws: ReconcileError.self) { try await fixture.plan(deletion) }
            #expect(error?.description.contains("acme/") == true, "\(String(describing: error))")
            // Its specs are gone, and its run is not.
            try await fixture.pool.execute("UPDATE templates SET \"archivedAt\" = now()")
            try await fixture.pool.execute(
                """
                WITH run AS (
                    INSERT INTO campaign_runs (
                        id, "tenantId", "campaignId", "senderId", "revisionId", status, "isFreeText", "windowCutoff"
                    )
                    SELECT gen_random_uuid(), c."tenantId", c.id, c."senderId", r.id, 'paused', false, now()
                    FROM campaigns c JOIN campaign_revisions r ON r."campaignId" = c.id
                    RETURNING 1
                )
                UPDATE campaigns SET "archivedAt" = now()
                """
            )
            let open = await #expect(throws: ReconcileError.self) { try await fixture.plan(deletion) }
            #expect(open?.description.contains("the open run") == true, "\(String(describing: open))")
            try await fixture.pool.execute("UPDATE campaign_runs SET status = 'completed'")
            #expect(Self.actions(try await fixture.plan(deletion)) == ["delete offer"])
        }
    }

    // MARK: What follows what

    /// WhatsApp had the name with another text, which the plan did not know.
    @Test func aCreationThatFoundAnotherTextBecomesAnEdit() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.first)
            try await fixture.pool.execute(
                "UPDATE template_submissions SET status = 'failed', error = 'The next plan edits it', \"settledAt\" = now()"
            )
            #expect(try await Self.plan(fixture, Self.first).plan.isEmpty)
            try await Self.read(fixture, body: "Someone else's {{1}} text.")
            #expect(Self.actions(try await Self.apply(fixture, Self.first)) == ["edit offer"])
            try await fixture.pool.execute(
                "UPDATE template_submissions SET status = 'failed', error = 'it is gone', \"settledAt\" = now()"
            )
            // Not twice, and not if it is gone: then it is submitted again.
            #expect(try await Self.plan(fixture, Self.first).plan.isEmpty)
            try await fixture.pool.execute("UPDATE whatsapp_templates SET \"goneAt\" = now(), status = 'REJECTED'")
            #expect(Self.actions(try await Self.apply(fixture, Self.first)) == ["create offer"])
        }
    }

    @Test func anEarlierTextCanComeBackAsOftenAsItIsWished() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            for text in ["Hello", "Hi", "Hello", "Hi", "Hello", "Hi"] {
                let plan = try await Self.apply(fixture, Self.specs(Self.template("\(text) {{1}}, look here.")))
                #expect(Self.actions(plan) == ["edit offer"] && plan.submissions.first?.isDrift == false, "\(text)")
                try await Self.settle(fixture, "1 second")
                try await Self.read(fixture, body: "\(text) {{1}}, look here.")
            }
        }
    }

    @Test func theDigestCoversTheTextThatIsReplaced() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            let reviewed = try await Self.plan(fixture, Self.second)
            try await Self.read(fixture, body: "By hand {{1}}, look here.")
            #expect(try await Self.plan(fixture, Self.second).plan.digest != reviewed.plan.digest)
            await #expect(throws: ReconcileError.self) {
                try await Applier(pool: fixture.pool)
                    .apply(reviewed.plan, reviewed.desired, rules: SafetyRules(), origin: ReconcilerFixture.origin)
            }
        }
    }

    // MARK: Names

    @Test func aNameOfTheFileIsNotTakenForAVersion() async throws {
        try await ReconcilerFixture.with { fixture in
            let second = Self.specs(Self.template().replacing("whatsappName: offer", with: "whatsappName: offer_v2"))
            try await Self.apply(fixture, second)
            try await Self.settle(fixture)
            try await Self.read(fixture, name: "offer_v2")
            #expect(Self.actions(try await Self.apply(fixture, Self.first)) == ["create offer"])
        }
    }

    /// WhatsApp has both names, and the row does not tell whether the longer one was in the file.
    @Test func aNameThatIsKeptBesideThatOfTheFileIsTold() async throws {
        try await ReconcilerFixture.with { fixture in
            let second = Self.specs(Self.template().replacing("whatsappName: offer", with: "whatsappName: offer_v2"))
            try await Self.apply(fixture, second)
            try await Self.settle(fixture)
            try await Self.read(fixture, name: "offer_v2")
            try await Self.read(fixture, name: "offer", body: "Someone else's {{1}} text.")
            let plan = try await Self.plan(fixture, Self.first).plan
            #expect(Self.actions(plan).isEmpty)
            let notes = plan.templates.flatMap(\.notes)
            #expect(
                notes.first?.hasPrefix("its name at WhatsApp stays `offer_v2`, which its row has") == true
                    && notes.first?.contains("WhatsApp has both") == true,
                "\(notes)"
            )
        }
    }

    /// The row of the template has the former name of the account until the apply.
    @Test func anAccountThatIsRenamedKeepsTheVersionsOfItsTemplates() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.approveFirst(fixture)
            let marketing = Self.first.replacing("utility", with: "marketing")
            try await Self.apply(fixture, marketing)
            try await Self.settle(fixture)
            try await Self.read(fixture, name: "offer_v2", category: "marketing")
            let renamed = marketing.replacing(
                "kind: Account\nname: main",
                with: "kind: Account\nname: first\nrenamedFrom: main"
            )
            let plan = try await Self.apply(fixture, renamed)
            #expect(Self.actions(plan).isEmpty, "\(plan.templates)")
            let name = try await fixture.pool.query("SELECT \"whatsappName\" FROM templates")
            #expect(try name[0].decode(0) == "offer_v2")
        }
    }

    @Test func theNextNameGoesOnFromItsNumber() async throws {
        try await ReconcilerFixture.with { fixture in
            let second = Self.specs(Self.template().replacing("whatsappName: offer", with: "whatsappName: offer_v2"))
            try await Self.apply(fixture, second)
            try await Self.settle(fixture)
            try await Self.read(fixture, name: "offer_v2")
            let plan = try await Self.apply(fixture, second.replacing("utility", with: "marketing"))
            #expect(Self.actions(plan) == ["create offer_v3"])
        }
    }

    /// WhatsApp bars the names of templates that were approved, and a webhook of the deletion says no more of that.
    @Test(arguments: [("REJECTED", "offer"), ("APPROVED", "offer_v2")])
    func onlyNamesOfApprovedTemplatesAreBarred(status: String, name: String) async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.apply(fixture, Self.first)
            try await Self.settle(fixture)
            try await Self.read(fixture, status: status)
            try await fixture.pool.execute("UPDATE whatsapp_templates SET status = 'DELETED', \"goneAt\" = now()")
            try await Self.read(fixture, body: nil)
            #expect(Self.actions(try await Self.plan(fixture, Self.first).plan) == ["create \(name)"])
        }
    }
}
