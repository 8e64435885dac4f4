import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Rules under `policy.rules` of a tenant judge the changes of a plan.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct PolicyRuleTests {
    private static func tenant(_ rules: String...) -> String {
        let lines = rules.isEmpty ? "" : "policy:\n  rules:\n" + rules.map { "    - \($0)\n" }.joined()
        return "kind: Tenant\nname: acme\ntimeZone: Africa/Nairobi\n\(lines)---\n"
    }

    private static let large = "{ name: large, recipients: 100, message: Ask the support desk. }"

    private static func allowing(_ rule: String, _ campaigns: String...) -> SafetyRules {
        SafetyRules(allowedRules: Set(campaigns.compactMap { RuleException("\(rule):acme/Campaign/\($0)") }))
    }

    private func broken(_ fixture: ReconcilerFixture, _ text: String, _ rules: SafetyRules = SafetyRules()) async throws
        -> [String]
    {
        rules.refusals(of: try await fixture.plan(text)).compactMap { refusal in
            guard case .policyRule(let breach) = refusal else { return nil }
            return "\(breach.exception)"
        }
    }

    @Test func rulesAreFiltersOverTheChanges() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(150, inWindow: 10)
            let limited = Samples.everything.replacing(Samples.tenant + "\n---\n", with: "")
                .replacing("env:TOKEN", with: "env:TOKEN\ndailyLimit: 200")
            let cases: [(String, Set<String>)] = [
                ("{ name: r, kind: Sender, message: M }", ["r:acme/Sender/main"]),
                ("{ name: r, kind: Campaign, recipients: 149, message: M }", ["r:acme/Campaign/hello"]),
                ("{ name: r, recipients: 150, message: M }", []),
                ("{ name: r, quota: 69, message: M }", ["r:acme/Campaign/hello"]),
                ("{ name: r, quota: 70, message: M }", []),
                ("{ name: r, field: cooldown, message: M }", ["r:acme/Trigger/on-overdue"]),
                ("{ name: r, field: message.location, message: M }", ["r:acme/Campaign/raw"]),
                (
                    "{ name: r, times: { from: \"08:30\", to: \"09:01\" }, message: M }",
                    [
                        "r:acme/Schedule/once", "r:acme/Schedule/weekly",
                    ]
                ),
                ("{ name: r, times: { from: \"09:01\", to: \"09:00\" }, message: M }", []),
            ]
            for (rule, expected) in cases {
                let found = try await broken(fixture, Self.tenant(rule) + limited)
                // Free text reaches only those in their window, so `digest` has few recipients.
                #expect(Set(found) == expected, "\(rule)")
            }
        }
    }

    /// A rule cannot be removed together with the change that it forbids, and a new rule judges its own plan.
    @Test func theRulesBeforeAndAfterThePlanJudgeIt() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(150, inWindow: 10)
            let without = Self.tenant() + Samples.all
            let with = Self.tenant(Self.large) + Samples.all
            #expect(try await broken(fixture, with) == ["large:acme/Campaign/hello"])
            try await fixture.reach(with, rules: Self.allowing("large", "hello"))
            // Nothing changes the campaign.
            #expect(try await broken(fixture, without).isEmpty)
            let changed = without.replacing("title: Hello there", with: "title: T")
            #expect(try await broken(fixture, changed) == ["large:acme/Campaign/hello"])
            let desired = try ReconcilerFixture.desired(changed)
            let plan = try await fixture.plan(desired)
            let error = await #expect(throws: ReconcileError.self) {
                try await fixture.apply(plan, desired, rules: SafetyRules(maximumChangePercent: 100))
            }
            #expect(
                error.map { "\($0)" } == """
                    acme/Campaign/hello meets the rule `large` of tenant `acme`: Ask the support desk.; \
                    to allow it: --allow-rule large:acme/Campaign/hello
                    see `reconcile explain policyRule`
                    """
            )
            try await fixture.reach(without)
            #expect(try await broken(fixture, changed).isEmpty)
        }
    }

    @Test func anEditOfASharedAudienceIsJudgedForItsHeirs() async throws {
        try await ReconcilerFixture.with { fixture in
            let rule = "{ name: people, field: audience, kind: Campaign, message: M }"
            let text = Self.tenant(rule) + Samples.all
            try await fixture.reach(
                text,
                rules: Self.allowing("people", "hello", "raw")
            )
            let changed = text.replacing("[vip, gold]", with: "[vip, silver]")
            #expect(try await broken(fixture, changed) == ["people:acme/Campaign/hello"])
        }
    }
}
