import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// The rules about whole tenants, their policies, and runs that would be cancelled.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct GuardTests {
    private static let event = SpecIdentity(tenant: "acme", kind: .campaign, name: "event")
    private static let hello = SpecIdentity(tenant: "acme", kind: .campaign, name: "hello")

    private static func apply(_ texts: [String: String], _ fixture: ReconcilerFixture) async throws {
        let desired = try ReconcilerFixture.desired(texts)
        try await fixture.apply(fixture.plan(desired), desired)
    }

    @Test func aTenantWhoseFolderVanishedNeedsAFlag() async throws {
        try await ReconcilerFixture.with { fixture in
            let both = ["acme/a.yaml": Samples.sender, "other/b.yaml": Samples.sender]
            try await Self.apply(both, fixture)
            let one = try ReconcilerFixture.desired(["acme/a.yaml": Samples.sender])
            let plan = try await fixture.plan(one)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(refusals == [.emptyTenant("other", rows: 1)])
            #expect(
                refusals.map(\.description) == [
                    "tenant `other` has no specs, but the database has 1: all of them would be deleted; "
                        + "to allow it: --allow-empty-tenant other"
                ]
            )
            #expect(!SafetyRules(allowsEmpty: true).refusals(of: plan).isEmpty)
            #expect(!SafetyRules(allowedEmptyTenants: ["acme"]).refusals(of: plan).isEmpty)
            #expect(SafetyRules(allowedEmptyTenants: ["other"]).refusals(of: plan).isEmpty)
            let sender = SpecIdentity(tenant: "other", kind: .sender, name: "main")
            #expect(SafetyRules(allowedDeletes: [sender]).refusals(of: plan).isEmpty)
            // A plan for one tenant does not change another.
            let narrow = try ReconcilerFixture.desired(["acme/a.yaml": Samples.sender], tenants: ["acme"])
            #expect(try await fixture.plan(narrow).isEmpty)
            let other = try ReconcilerFixture.desired(["acme/a.yaml": Samples.sender], tenants: ["other"])
            #expect(SafetyRules().refusals(of: try await fixture.plan(other)) == [.emptyTenant("other", rows: 1)])
        }
    }

    @Test func aLargeTenantThatVanishedIsRefusedOnce() async throws {
        try await ReconcilerFixture.with { fixture in
            let many = (1...12).map { Samples.sender.replacing("name: main", with: "name: s-\($0)") }
            try await Self.apply(
                ["acme/a.yaml": Samples.sender, "other/b.yaml": many.joined(separator: "\n---\n")],
                fixture
            )
            let plan = try await fixture.plan(ReconcilerFixture.desired(["acme/a.yaml": Samples.sender]))
            #expect(SafetyRules().refusals(of: plan) == [.emptyTenant("other", rows: 12)])
            #expect(SafetyRules(allowedEmptyTenants: ["other"]).refusals(of: plan).isEmpty)
        }
    }

    @Test func protectionIsTakenOffInOneStepAndTheRowInAnother() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let without = Samples.parts.filter { $0 != Samples.event }.joined(separator: "\n---\n")
            // The old row stays protected even if its successor is not.
            let successor = Samples.event.replacing("name: event", with: "name: event-2")
                .replacing("protect: true", with: "protect: false")
            let plan = try await fixture.plan(without + "\n---\n" + successor)
            #expect(SafetyRules().refusals(of: plan).map(\.code) == ["protectedDelete", "looksLikeRename"])
            try await fixture.reach(Samples.all.replacing("protect: true", with: "protect: false"))
            #expect(SafetyRules().refusals(of: try await fixture.plan(without)).isEmpty)
        }
    }

    @Test func aPolicyViolationNeedsAFlag() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(12, inWindow: 2)
            let text = Samples.everything.replacing("maxRecipients: 1000", with: "maxRecipients: 11")
                .replacing("allowedCategories: [marketing, utility]", with: "maxCampaigns: 2")
            let desired = try ReconcilerFixture.desired(text)
            let plan = try await fixture.plan(desired)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(
                refusals.map(\.flag) == [
                    "--allow-policy maxCampaigns:acme/Tenant/acme=5",
                    "--allow-policy maxRecipients:acme/Campaign/hello=12",
                ]
            )
            #expect(refusals.allSatisfy { $0.code == "policy" })
            #expect(
                refusals.last?.reason
                    == "acme/Campaign/hello has 12 recipients, but the policy of tenant `acme` allows 11"
            )
            await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
            let exceptions = try refusals.map { refusal in
                try #require(PolicyException(String(refusal.flag.split(separator: " ")[1])))
            }
            try await fixture.apply(plan, desired, rules: SafetyRules(allowedPolicies: Set(exceptions)))
            // What was allowed stays allowed, up to its limit.
            let second = try await fixture.plan(desired)
            #expect(second.isEmpty && SafetyRules().refusals(of: second).isEmpty)
            let more = text.replacing("Hello there", with: "Hello again")
            #expect(SafetyRules().refusals(of: try await fixture.plan(more)).isEmpty)
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", tags) VALUES ('acme', '999', ARRAY['vip'])
                """
            )
            let third = SafetyRules().refusals(of: try await fixture.plan(more))
            #expect(third.map(\.flag) == ["--allow-policy maxRecipients:acme/Campaign/hello=13"])
            let tooLow = SafetyRules(
                allowedPolicies: Set([PolicyException("maxRecipients:acme/Campaign/hello=12")].compactMap { $0 })
            )
            #expect(tooLow.refusals(of: try await fixture.plan(more)).count == 1)
        }
    }

    @Test func aLimitIsStoredEvenIfNothingElseChanges() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(8, inWindow: 2)
            let text = Samples.everything.replacing("maxRecipients: 1000", with: "maxRecipients: 10")
            try await fixture.reach(text)
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", tags)
                SELECT 'acme', '999' || n, ARRAY['vip'] FROM generate_series(1, 12) n
                """
            )
            let launches = LaunchRepository(pool: fixture.pool)
            await #expect(throws: LaunchError.tooManyRecipients(campaign: "hello", recipients: 20, allowed: 10)) {
                _ = try await launches.open(campaign: "hello", tenant: "acme", now: ReconcilerFixture.now)
            }
            let exception = try #require(PolicyException("maxRecipients:acme/Campaign/hello=20"))
            let desired = try ReconcilerFixture.desired(text)
            let plan = try await fixture.plan(desired)
            let rules = SafetyRules(allowedPolicies: [exception])
            #expect(plan.isEmpty && rules.grants(of: plan).map(\.description) == [exception.description])
            #expect(try await fixture.apply(plan, desired, rules: rules) != nil)
            #expect(rules.grants(of: try await fixture.plan(desired)).isEmpty)
            guard
                case .opened = try await launches.open(campaign: "hello", tenant: "acme", now: ReconcilerFixture.now)
            else {
                Issue.record("not launched")
                return
            }
        }
    }

    @Test func loweringALimitShowsWhoBreaksItNow() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(12, inWindow: 2)
            try await fixture.reach(Samples.everything)
            let text = Samples.everything.replacing("maxRecipients: 1000", with: "maxRecipients: 11")
            let desired = try ReconcilerFixture.desired(text)
            let plan = try await fixture.plan(desired)
            #expect(plan.brokenLimits.map(\.identity) == [Self.hello])
            #expect(plan.json["brokenLimits"]?[0]?["allowance"] == "maxRecipients:acme/Campaign/hello=12")
            #expect(
                plan.remarks.contains(
                    "acme/Campaign/hello has 12 recipients, but the policy of tenant `acme` allows 11: "
                        + "it will not be launched"
                )
            )
            #expect(SafetyRules().refusals(of: plan).isEmpty)
            try await fixture.apply(plan, desired)
            let launches = LaunchRepository(pool: fixture.pool)
            await #expect(throws: LaunchError.tooManyRecipients(campaign: "hello", recipients: 12, allowed: 11)) {
                _ = try await launches.open(campaign: "hello", tenant: "acme", now: ReconcilerFixture.now)
            }
        }
    }

    @Test func aLimitIsReadInTheUnitOfItsRule() throws {
        #expect(PolicyException("maxRecipients:acme/Campaign/offer=998")?.limit == .count(998))
        #expect(
            PolicyException("minScheduleInterval:acme/Schedule/weekly=6h")?.limit
                == .interval(SpecDuration(seconds: 21_600))
        )
        #expect(PolicyException("allowedCategories:acme/Campaign/offer=unknown")?.limit == .unknownCategory)
        #expect(PolicyException("maxRecipients:acme/Campaign/offer")?.limit == nil)
        for text in [
            "maxRecipients:acme/Campaign/offer=", "maxRecipients:acme/Campaign/offer=6h",
            "maxCampaigns:acme/Tenant/acme=-1",
        ] {
            #expect(PolicyException(text) == nil, "\(text)")
        }
    }

    @Test(arguments: [
        "maxRecipients", "maxRecipients:acme/Campaign", "max:acme/Campaign/x", "maxRecipients:a/Camp/x", "",
    ])
    func malformedExceptionsAreRefused(text: String) {
        #expect(PolicyException(text) == nil)
    }

    @Test func deletingACampaignCancelsItsOpenRun() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(30, inWindow: 10)
            try await fixture.reach(Samples.all)
            let launches = LaunchRepository(pool: fixture.pool)
            guard
                case .opened(let run) = try await launches.open(
                    campaign: "hello",
                    tenant: "acme",
                    now: ReconcilerFixture.now
                )
            else { return }
            while try await launches.writeBatch(of: run.id, size: 10).run.status == .launching {}
            let desired = try ReconcilerFixture.desired(
                Samples.parts.filter { $0 != Samples.campaign }.joined(separator: "\n---\n")
            )
            let plan = try await fixture.plan(desired)
            #expect(plan.changes.flatMap(\.notes) == ["the open run is cancelled"])
            await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
            // The run changes while the plan is applied.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 1...300 {
                        try await fixture.pool.execute("UPDATE campaign_runs SET \"estimatedCompletionAt\" = now()")
                    }
                }
                group.addTask {
                    try await fixture.apply(plan, desired, rules: SafetyRules(allowedDeletes: [Self.hello]))
                }
                try await group.waitForAll()
            }
            let runs = RunRepository(pool: fixture.pool)
            while try await runs.cancelRest(batch: 7) != nil {}
            let record = try #require(try await runs.find(run.id))
            #expect(record.status == .cancelled && record.statusReason == "its spec was deleted")
            #expect(record.counters[.cancelled] == 30)
            let cancelled = try await fixture.count(
                "SELECT count(*) FROM campaign_messages WHERE status = 'cancelled'"
            )
            #expect(cancelled == 30)
            #expect(try await fixture.plan(desired).isEmpty)
        }
    }
}
