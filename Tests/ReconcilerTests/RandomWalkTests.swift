import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A random walk through repositories of specs: whatever is applied, a second look finds nothing.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RandomWalkTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func eachStepLeavesNothingToDo(seed: UInt64) async throws {
        try await Workshop.with { workshop in
            var specs = RandomSpecs(seed: seed)
            var rows: [Int: String] = [:]
            for step in 1...15 {
                let desired = try Workshop.desired(specs.text)
                let plan = try await workshop.plan(desired)
                try await workshop.apply(plan, desired, rules: Self.everything(in: plan))
                let second = try await workshop.plan(desired)
                #expect(Workshop.lines(second) == [], "seed \(seed), step \(step)")
                #expect(try await Self.isConsistent(workshop, specs), "seed \(seed), step \(step)")
                rows = try await Self.expectSameRows(workshop, specs, rows, "seed \(seed), step \(step)")
                specs.step()
            }
        }
    }

    /// Lets everything pass, and names each delete.
    private static func everything(in plan: Plan) -> SafetyRules {
        var rules = Workshop.lax(for: plan)
        rules.allowedDeletes = Set(plan.changes.filter { $0.action == .delete }.map(\.identity))
        return rules
    }

    /// Whether there is one row for each spec, and campaigns and triggers say the same.
    private static func isConsistent(_ workshop: Workshop, _ specs: RandomSpecs) async throws -> Bool {
        var live = 0
        for table in [
            "tenants", "senders", "templates", "audiences", "campaigns", "campaign_schedules", "campaign_triggers",
        ] {
            live += try await workshop.count(
                "SELECT count(*) FROM \(identifier: table) WHERE \"archivedAt\" IS NULL AND name NOT LIKE '~%'"
            )
        }
        let contradictions = try await workshop.count(
            """
            SELECT count(*) FROM campaigns c LEFT JOIN campaign_triggers t
                ON t."campaignId" = c.id AND t."isActive" AND t."archivedAt" IS NULL
            WHERE (c."triggerType", c."triggerConfig") IS DISTINCT FROM (t.event, t.match)
            """
        )
        return live == specs.count && contradictions == 0
    }

    /// Expects that every spec that was there before has the row that it had, whatever it is called by now.
    private static func expectSameRows(
        _ workshop: Workshop,
        _ specs: RandomSpecs,
        _ before: [Int: String],
        _ comment: Comment
    ) async throws -> [Int: String] {
        let found = try await workshop.pool.query(
            """
            SELECT 'Sender/' || name, id::text FROM senders WHERE "archivedAt" IS NULL
            UNION ALL SELECT 'Template/' || name, id::text FROM templates WHERE "archivedAt" IS NULL
            UNION ALL SELECT 'Audience/' || name, id::text FROM audiences WHERE "archivedAt" IS NULL
            UNION ALL SELECT 'Campaign/' || name, id::text FROM campaigns WHERE "archivedAt" IS NULL
            UNION ALL SELECT 'Schedule/' || name, id::text FROM campaign_schedules WHERE "archivedAt" IS NULL
            UNION ALL SELECT 'Trigger/' || name, id::text FROM campaign_triggers WHERE "archivedAt" IS NULL
            """
        )
        let marks = specs.marks
        var rows: [Int: String] = [:]
        for row in found {
            guard let mark = marks[try row.decode(0)] else { continue }
            rows[mark] = try row.decode(1, as: String.self)
        }
        for (mark, id) in rows { #expect(before[mark] == nil || before[mark] == id, comment) }
        return rows
    }
}
