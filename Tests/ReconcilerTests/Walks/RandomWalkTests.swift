import Foundation
import Postgres
import Randomness
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A random walk through repositories of specs: after each apply, a second plan is empty.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RandomWalkTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func eachStepLeavesNothingToDo(seed: UInt64) async throws {
        try await ReconcilerFixture.with { fixture in
            var specs = RandomSpecs(seed: seed)
            var rows: [Int: String] = [:]
            var dice = SplitMix64(seed: seed &+ 100)
            for step in 1...15 {
                for mark in try await Self.meddle(fixture, specs, rows, &dice) { rows[mark] = nil }
                let desired = try ReconcilerFixture.desired(specs.text)
                let plan = try await fixture.plan(desired)
                try await fixture.apply(plan, desired, rules: Self.everything(in: plan))
                let second = try await fixture.plan(desired)
                #expect(ReconcilerFixture.lines(second) == [], "seed \(seed), step \(step)")
                #expect(try await Self.isConsistent(fixture, specs), "seed \(seed), step \(step)")
                rows = try await Self.expectSameRows(fixture, specs, rows, "seed \(seed), step \(step)")
                specs.step()
            }
        }
    }

    /// Edits managed rows by hand, archives them, or makes them unmanaged.
    ///
    /// - Returns: The marks of the specs that lost their rows.
    private static func meddle(
        _ fixture: ReconcilerFixture,
        _ specs: RandomSpecs,
        _ rows: [Int: String],
        _ dice: inout SplitMix64
    ) async throws -> [Int] {
        // Rows of specs with `renamedFrom` are not changed: without the row, `renamedFrom` could mean another one.
        let renamed = Set(specs.parts.values.joined().filter { $0.renamedFrom != nil }.map(\.mark))
        let known = specs.marks.filter { rows[$0.value] != nil && !renamed.contains($0.value) }
            .sorted { $0.value < $1.value }
        var lost: [Int] = []
        for _ in 0..<Int.random(in: 0...3, using: &dice) {
            guard let (path, mark) = known.randomElement(using: &dice), let id = rows[mark] else { continue }
            let parts = path.split(separator: "/").map(String.init)
            guard let kind = SpecKind(rawValue: parts[0]), let table = tables[kind] else { continue }
            let isMine: PostgresQuery = "id = \(id)::uuid AND name = \(parts[1]) AND \"archivedAt\" IS NULL"
            // A campaign that ended by hand waits for no event.
            let end: PostgresQuery = kind == .campaign ? ", \"triggerType\" = NULL, \"triggerConfig\" = NULL" : ""
            let change: PostgresQuery =
                switch Int.random(in: 0...2, using: &dice) {
                case 0: "protect = NOT protect"
                case 1: "\"managedBy\" = NULL"
                default: "\"archivedAt\" = now()\(fragment: end)"
                }
            try await fixture.pool.execute(
                "UPDATE \(identifier: table) SET \(fragment: change) WHERE \(fragment: isMine)"
            )
            let live = try await fixture.count(
                "SELECT count(*) FROM \(identifier: table) WHERE id = \(id)::uuid AND \"archivedAt\" IS NULL"
            )
            if live == 0 { lost.append(mark) }
        }
        return lost
    }

    private static let tables: [SpecKind: String] = [
        .account: "accounts", .sender: "senders", .template: "templates", .audience: "audiences",
        .campaign: "campaigns",
        .schedule: "campaign_schedules", .trigger: "campaign_triggers",
    ]

    /// Overrides all rules, and allows each delete by name.
    private static func everything(in plan: Plan) -> SafetyRules {
        var rules = ReconcilerFixture.lax(for: plan)
        rules.allowedDeletes = Set(plan.changes.filter { $0.action == .delete }.map(\.identity))
        rules.adoptsAll = true
        return rules
    }

    /// True if there is one row for each spec, and campaigns and triggers agree.
    private static func isConsistent(_ fixture: ReconcilerFixture, _ specs: RandomSpecs) async throws -> Bool {
        var live = 0
        for table in [
            "tenants", "accounts", "senders", "templates", "audiences", "campaigns", "campaign_schedules",
            "campaign_triggers",
        ] {
            live += try await fixture.count(
                "SELECT count(*) FROM \(identifier: table) WHERE \"archivedAt\" IS NULL AND name NOT LIKE '~%'"
            )
        }
        let contradictions = try await fixture.count(
            """
            SELECT count(*) FROM campaigns c LEFT JOIN campaign_triggers t
                ON t."campaignId" = c.id AND t."isActive" AND t."archivedAt" IS NULL
            WHERE (c."triggerType", c."triggerConfig") IS DISTINCT FROM (t.event, t.match)
            """
        )
        return live == specs.count && contradictions == 0
    }

    /// Expects that every earlier spec still has its row, also after a rename.
    private static func expectSameRows(
        _ fixture: ReconcilerFixture,
        _ specs: RandomSpecs,
        _ before: [Int: String],
        _ comment: Comment
    ) async throws -> [Int: String] {
        let found = try await fixture.pool.query(
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
