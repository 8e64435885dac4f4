import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// An edit that many campaigns inherit is one change, with the list of those campaigns.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct InheritanceTests {
    private static let vips = SpecIdentity(tenant: "acme", kind: .audience, name: "vips")
    private static let offer = SpecIdentity(tenant: "acme", kind: .template, name: "offer")
    private static let acme = SpecIdentity(tenant: "acme", kind: .tenant, name: "acme")

    /// Specs with campaigns of one audience and one template.
    private static func specs(campaigns: Int, tenant: String = "", campaign: String = Samples.campaign) -> String {
        let copies = (1...campaigns).map { campaign.replacing("name: hello", with: "name: c-\($0)") }
        let all = [tenant, Samples.sender, Samples.template, Samples.audience] + copies
        return all.filter { !$0.isEmpty }.joined(separator: "\n---\n")
    }

    private func inherited(_ plan: Plan) -> [String: [SpecIdentity]] {
        let pairs = plan.changes.filter(\.isInherited).map { ($0.identity.name, $0.inheritedFrom) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    @Test func anEditedAudienceIsOneChange() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(985, inWindow: 5)
            let specs = Self.specs(campaigns: 30)
            try await fixture.reach(specs)
            let changed = try ReconcilerFixture.desired(specs.replacing("[vip, gold]", with: "[vip, silver]"))
            let plan = try await fixture.plan(changed)
            #expect(plan.updates == 31 && plan.inherited == 30)
            #expect(Set(inherited(plan).values) == [[Self.vips]])
            let text = PlanTextRenderer().text(plan)
            let names = "c-1, c-10, c-11, c-12, c-13, c-14, c-15, c-16, c-17, c-18 and 20 more"
            #expect(text.contains("    inherited by 30 campaigns, 985 recipients each: \(names)\n"), "\(text)")
            #expect(text.contains("Plan: 0 to create, 1 to update, 0 to delete, 30 specs inherit that.\n"))
            #expect(!text.contains("audienceFilter"))
            let markdown = PlanMarkdownRenderer().text(plan)
            #expect(markdown.contains("inherited by 30 campaigns, 985 recipients each: c-1, "))
            #expect(markdown.matches(of: /<details>/).count == 1)
            let full = PlanTextRenderer(isFull: true).text(plan)
            #expect(full.matches(of: /note: inherited from acme\/Audience\/vips/).count == 30)
            #expect(full.matches(of: /audienceFilter/).count == 60)
            let json = plan.json
            #expect(json["counts"]?["update"] == 31 && json["counts"]?["inherited"] == 30)
            #expect(json["changes"]?[0]?["inheritedBy"]?.arrayValue?.count == 30)
            #expect(json["changes"]?[1]?["inheritedFrom"] == ["acme/Audience/vips"])
            // One spec of 33 was edited, so nothing is refused.
            try await fixture.apply(plan, changed, rules: SafetyRules())
            #expect(try await fixture.plan(changed).isEmpty)
        }
    }

    @Test func recipientsOfHeirsAreLimitedSeparately() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(50, inWindow: 5)
            let specs = Self.specs(campaigns: 4)
            try await fixture.reach(specs)
            let changed = try ReconcilerFixture.desired(specs.replacing("[vip, gold]", with: "[vip, silver]"))
            let plan = try await fixture.plan(changed)
            #expect(SafetyRules(maximumInheritedRecipients: 200).refusals(of: plan).isEmpty)
            let rules = SafetyRules(maximumInheritedRecipients: 199)
            let refusals = rules.refusals(of: plan)
            #expect(refusals == [.tooManyRecipients(tenant: "acme", campaigns: 4, recipients: 200, limit: 199)])
            #expect(refusals.map(\.flag) == ["--max-inherited-recipients 200"])
            let error = await #expect(throws: ReconcileError.self) {
                try await fixture.apply(plan, changed, rules: rules)
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains("inherit concern 200 recipients, more than 199"))
        }
    }

    @Test func campaignsInheritATemplateAndBothADefaultOfTheTenant() async throws {
        try await ReconcilerFixture.with { fixture in
            let tenant = "kind: Tenant\nname: acme\ndefaults: { sender: main, language: en }"
            let template = Samples.template.replacing("language: en\n", with: "")
            let campaign = Samples.campaign.replacing("sender: main\n", with: "")
            let other = Samples.sender.replacing("main", with: "other").replacing("1065", with: "1066")
            let specs = [Self.specs(campaigns: 3, tenant: tenant, campaign: campaign), other]
                .joined(separator: "\n---\n").replacing(Samples.template, with: template)
            try await fixture.reach(specs)

            let renamed = try await fixture.plan(specs.replacing("whatsappName: offer", with: "whatsappName: offer_2"))
            #expect(inherited(renamed) == ["c-1": [Self.offer], "c-2": [Self.offer], "c-3": [Self.offer]])

            let defaults = specs.replacing("{ sender: main, language: en }", with: "{ sender: other, language: de }")
            let plan = try await fixture.plan(defaults)
            #expect(plan.inherited == 4 && Set(inherited(plan).values) == [[Self.acme]])
            let text = PlanTextRenderer().text(plan)
            #expect(text.contains("    inherited by 1 template: offer\n"), "\(text)")
            #expect(text.contains("    inherited by 3 campaigns, 0 recipients each: c-1, c-2, c-3\n"), "\(text)")
        }
    }

    /// A campaign that was edited itself, or changed by hand, keeps a change of its own.
    @Test func ownEditsAndDriftAreNotInherited() async throws {
        try await ReconcilerFixture.with { fixture in
            let specs = Self.specs(campaigns: 3)
            try await fixture.reach(specs)
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET "audienceFilter" = '{"logic":"AND","conditions":[]}' WHERE name = 'c-2'
                """
            )
            let changed = specs.replacing("[vip, gold]", with: "[vip, silver]")
                .replacing("name: c-1\ntitle: Hello there", with: "name: c-1\ntitle: Other")
            let plan = try await fixture.plan(changed)
            #expect(inherited(plan) == ["c-3": [Self.vips]])
            let drift = try await fixture.plan(specs)
            #expect(drift.inherited == 0 && drift.updates == 1)
        }
    }
}
