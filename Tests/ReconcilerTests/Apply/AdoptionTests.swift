import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Specs adopt unmanaged rows only with a flag.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AdoptionTests {
    private static let offer = SpecIdentity(tenant: "acme", kind: .campaign, name: "hello")

    /// Makes all managed rows unmanaged, as if the API had created them.
    private static func disown(_ fixture: ReconcilerFixture) async throws {
        for kind in ["tenants", "senders", "templates", "audiences", "campaigns", "campaign_schedules"] {
            try await fixture.pool.execute(
                "UPDATE \(identifier: kind) SET \"managedBy\" = NULL, \"sourceFile\" = NULL"
            )
        }
        try await fixture.pool.execute("UPDATE campaign_triggers SET \"managedBy\" = NULL, \"sourceFile\" = NULL")
    }

    @Test func needsAFlagForEachRow() async throws {
        try await ReconcilerFixture.with { fixture in
            let id = UUID()
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns (id, "tenantId", name, type, "messageTemplate")
                VALUES (\(id), 'acme', 'hello', 'manual', '{}')
                """
            )
            let desired = try ReconcilerFixture.desired(Samples.all)
            let plan = try await fixture.plan(desired)
            let error = await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
            #expect(
                error.map { "\($0)" }
                    == "acme/Campaign/hello already exists as row \(id.uuidString.lowercased()), which no spec manages; "
                    + "to allow it: --adopt acme/Campaign/hello\nsee `reconcile explain unmanagedRow`"
            )
            #expect(!SafetyRules(adopted: []).refusals(of: plan).isEmpty)
            #expect(SafetyRules(adoptsAll: true).refusals(of: plan).isEmpty)
            try await fixture.apply(plan, desired, rules: SafetyRules(adopted: [Self.offer]))
            #expect(try await fixture.plan(desired).isEmpty)
            let kept = try await fixture.count(
                "SELECT count(*) FROM campaigns WHERE name = 'hello' AND id = \(id) AND \"managedBy\" = 'spec'"
            )
            #expect(kept == 1)
        }
    }

    @Test func ofRowsThatEqualTheirSpecsShowsNoDifference() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            let rows = try await fixture.pool.query("SELECT id FROM campaigns ORDER BY id")
            try await Self.disown(fixture)
            let desired = try ReconcilerFixture.desired(Samples.everything)
            let plan = try await fixture.plan(desired)
            #expect(plan.updates == plan.changes.count && plan.changes.count == Samples.everythingCount)
            for change in plan.changes {
                #expect(change.isAdoption && change.differences.isEmpty, "\(change.identity)")
                #expect(change.notes == ["adopts a row that no spec managed"])
            }
            #expect(plan.unmanagedCounts.isEmpty && plan.remarks.isEmpty, "what is adopted does not stay as it is")
            #expect(SafetyRules().refusals(of: plan).count == Samples.everythingCount)
            try await fixture.apply(plan, desired, rules: SafetyRules(adoptsAll: true))
            let second = try await fixture.plan(desired)
            #expect(second.isEmpty && second.unmanagedCounts.isEmpty)
            let after = try await fixture.pool.query("SELECT id FROM campaigns ORDER BY id")
            #expect(try after.map { try $0.decode(0, as: UUID.self) } == rows.map { try $0.decode(0, as: UUID.self) })
        }
    }

    @Test func ofOneOfManyRowsIsRefused() async throws {
        try await ReconcilerFixture.with { fixture in
            for _ in 1...2 {
                try await fixture.pool.execute(
                    """
                    INSERT INTO campaigns ("tenantId", name, type, "messageTemplate")
                    VALUES ('acme', 'hello', 'manual', '{}')
                    """
                )
            }
            let error = await #expect(throws: ReconcileError.self) { try await fixture.plan(Samples.all) }
            let text = error.map { "\($0)" } ?? ""
            #expect(
                text.hasPrefix("campaigns/acme/specs.yaml:26:7: acme/Campaign/hello already exists 2 times, as rows ")
            )
        }
    }

    @Test func aRenameCannotTakeTheNameOfAnUnmanagedRow() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.sender)
            try await fixture.pool.execute(
                """
                INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
                VALUES ('acme', 'line-1', '1', 'env:T', 1, 'g')
                """
            )
            let renamed = Samples.sender.replacing("name: main", with: "name: line-1\nrenamedFrom: main")
            let error = await #expect(throws: ReconcileError.self) { try await fixture.plan(renamed) }
            #expect(error.map { "\($0)" }?.contains("so `main` cannot be renamed to it") == true)
        }
    }

    @Test func unmanagedRowsAreCountedAndNotChanged() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "messageTemplate")
                VALUES ('acme', 'Theirs', 'manual', '{}'), ('other', 'Theirs', 'manual', '{}')
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("tenantId", "campaignId", "cronExpression", "nextRunAt")
                SELECT 'acme', id, '0 9 * * *', now() FROM campaigns WHERE name = 'Theirs' AND "tenantId" = 'acme'
                """
            )
            let plan = try await fixture.reach(Samples.all)
            #expect(plan.unmanagedCounts == [.campaign: 2, .schedule: 1])
            #expect(plan.remarks == ["rows that no spec manages, left unchanged: 2 Campaign, 1 Schedule"])
            let active = try await fixture.count(
                "SELECT count(*) FROM campaign_schedules WHERE \"isActive\" AND \"managedBy\" IS NULL"
            )
            #expect(active == 1)
        }
    }
}
