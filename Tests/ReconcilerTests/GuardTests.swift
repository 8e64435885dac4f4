import Foundation
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

    private static func apply(_ texts: [String: String], _ workshop: Workshop) async throws {
        let desired = try Workshop.desired(texts)
        try await workshop.apply(workshop.plan(desired), desired)
    }

    @Test func aTenantWhoseFolderVanishedNeedsAFlag() async throws {
        try await Workshop.with { workshop in
            let both = ["acme/a.yaml": Samples.sender, "other/b.yaml": Samples.sender]
            try await Self.apply(both, workshop)
            let one = try Workshop.desired(["acme/a.yaml": Samples.sender])
            let plan = try await workshop.plan(one)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(refusals == [.emptyTenant("other", rows: 1)])
            #expect(
                refusals.map(\.description) == [
                    "tenant `other` has no specs any more, and the database has 1: all of them would be deleted; "
                        + "to allow it: --allow-empty-tenant other"
                ]
            )
            #expect(!SafetyRules(allowsEmpty: true).refusals(of: plan).isEmpty)
            #expect(!SafetyRules(allowedEmptyTenants: ["acme"]).refusals(of: plan).isEmpty)
            #expect(SafetyRules(allowedEmptyTenants: ["other"]).refusals(of: plan).isEmpty)
            let sender = SpecIdentity(tenant: "other", kind: .sender, name: "main")
            #expect(SafetyRules(allowedDeletes: [sender]).refusals(of: plan).isEmpty)
            // Whoever looks at one tenant only does not touch another.
            let narrow = try Workshop.desired(["acme/a.yaml": Samples.sender], tenants: ["acme"])
            #expect(try await workshop.plan(narrow).isEmpty)
            let other = try Workshop.desired(["acme/a.yaml": Samples.sender], tenants: ["other"])
            #expect(SafetyRules().refusals(of: try await workshop.plan(other)) == [.emptyTenant("other", rows: 1)])
        }
    }

    @Test func aLargeTenantThatVanishedIsRefusedOnce() async throws {
        try await Workshop.with { workshop in
            let many = (1...12).map { Samples.sender.replacing("name: main", with: "name: s-\($0)") }
            try await Self.apply(
                ["acme/a.yaml": Samples.sender, "other/b.yaml": many.joined(separator: "\n---\n")],
                workshop
            )
            let plan = try await workshop.plan(Workshop.desired(["acme/a.yaml": Samples.sender]))
            #expect(SafetyRules().refusals(of: plan) == [.emptyTenant("other", rows: 12)])
            #expect(SafetyRules(allowedEmptyTenants: ["other"]).refusals(of: plan).isEmpty)
        }
    }

    @Test func protectionIsTakenOffInOneStepAndTheRowInAnother() async throws {
        try await Workshop.with { workshop in
            try await workshop.reach(Samples.all)
            let without = Samples.parts.filter { $0 != Samples.event }.joined(separator: "\n---\n")
            // A successor that is not protected takes nothing from the protection of the old row.
            let successor = Samples.event.replacing("name: event", with: "name: event-2")
                .replacing("protect: true", with: "protect: false")
            let plan = try await workshop.plan(without + "\n---\n" + successor)
            #expect(SafetyRules().refusals(of: plan).map(\.code) == ["protectedDelete", "looksLikeRename"])
            try await workshop.reach(Samples.all.replacing("protect: true", with: "protect: false"))
            #expect(SafetyRules().refusals(of: try await workshop.plan(without)).isEmpty)
        }
    }

    @Test func aPolicyThatIsBrokenNeedsAFlag() async throws {
        try await Workshop.with { workshop in
            try await workshop.addContacts(12, inWindow: 2)
            let text = Samples.everything.replacing("maxRecipients: 1000", with: "maxRecipients: 11")
                .replacing("allowedCategories: [marketing, utility]", with: "maxCampaigns: 2")
            let desired = try Workshop.desired(text)
            let plan = try await workshop.plan(desired)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(
                refusals.map(\.flag) == [
                    "--allow-policy maxCampaigns:acme/Tenant/acme",
                    "--allow-policy maxRecipients:acme/Campaign/digest",
                    "--allow-policy maxRecipients:acme/Campaign/hello",
                ]
            )
            #expect(refusals.allSatisfy { $0.code == "policy" })
            #expect(
                refusals.last?.reason
                    == "acme/Campaign/hello would reach 12 recipients, and the policy of tenant `acme` allows 11"
            )
            await #expect(throws: ReconcileError.self) { try await workshop.apply(plan, desired) }
            let exceptions = try refusals.map { refusal in
                try #require(PolicyException(String(refusal.flag.split(separator: " ")[1])))
            }
            try await workshop.apply(plan, desired, rules: SafetyRules(allowedPolicies: Set(exceptions)))
            // What was let through stays until something of the tenant changes.
            let second = try await workshop.plan(desired)
            #expect(second.isEmpty && SafetyRules().refusals(of: second).isEmpty)
            let third = try await workshop.plan(text.replacing("env:TOKEN", with: "env:OTHER"))
            #expect(SafetyRules().refusals(of: third).map(\.code) == ["policy"])
        }
    }

    @Test(arguments: [
        "maxRecipients", "maxRecipients:acme/Campaign", "max:acme/Campaign/x", "maxRecipients:a/Camp/x", "",
    ])
    func whatIsNoExceptionIsNotRead(text: String) {
        #expect(PolicyException(text) == nil)
    }

    @Test func deletingACampaignThatRunsCancelsItsRun() async throws {
        try await Workshop.with { workshop in
            try await workshop.addContacts(30, inWindow: 10)
            try await workshop.reach(Samples.all)
            let launches = LaunchRepository(pool: workshop.pool)
            guard
                case .opened(let run) = try await launches.open(campaign: "hello", tenant: "acme", now: Workshop.now)
            else { return }
            while try await launches.writeBatch(of: run.id, size: 10).run.status == .launching {}
            let desired = try Workshop.desired(
                Samples.parts.filter { $0 != Samples.campaign }.joined(separator: "\n---\n")
            )
            let plan = try await workshop.plan(desired)
            #expect(plan.changes.flatMap(\.notes) == ["the run under way is cancelled"])
            await #expect(throws: ReconcileError.self) { try await workshop.apply(plan, desired) }
            // The run goes on changing while the plan is applied.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 1...300 {
                        try await workshop.pool.execute("UPDATE campaign_runs SET \"estimatedCompletionAt\" = now()")
                    }
                }
                group.addTask {
                    try await workshop.apply(plan, desired, rules: SafetyRules(allowedDeletes: [Self.hello]))
                }
                try await group.waitForAll()
            }
            let runs = RunRepository(pool: workshop.pool)
            while try await runs.cancelRest(batch: 7) != nil {}
            let record = try #require(try await runs.find(run.id))
            #expect(record.status == .cancelled && record.statusReason == "its spec was deleted")
            #expect(record.counters[.cancelled] == 30)
            let cancelled = try await workshop.count(
                "SELECT count(*) FROM campaign_messages WHERE status = 'cancelled'"
            )
            #expect(cancelled == 30)
            #expect(try await workshop.plan(desired).isEmpty)
        }
    }
}
