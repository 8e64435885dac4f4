import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SafetyTests {
    private static let event = SpecIdentity(tenant: "acme", kind: .campaign, name: "event")
    private static let hello = SpecIdentity(tenant: "acme", kind: .campaign, name: "hello")

    @Test func anEmptyCatalogNeedsAFlag() async throws {
        try await ReconcilerFixture.with { fixture in
            #expect(SafetyRules().refusals(of: try await fixture.plan("")).isEmpty)
            try await fixture.reach(Samples.sender)
            let plan = try await fixture.plan("")
            let refusals = SafetyRules().refusals(of: plan)
            #expect(refusals == [.emptyCatalog(rows: 1)])
            #expect(
                refusals.map(\.description) == [
                    "there are no specs, but the database has 1: all of them would be deleted; to allow it: --allow-empty"
                ]
            )
            #expect(SafetyRules(allowsEmpty: true).refusals(of: plan).isEmpty)
        }
    }

    @Test func aProtectedRowOutlivesItsFile() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let text = Samples.parts.filter { $0 != Samples.event }.joined(separator: "\n---\n")
            let desired = try ReconcilerFixture.desired(text)
            let plan = try await fixture.plan(desired)
            let error = await #expect(throws: ReconcileError.self) {
                try await fixture.apply(plan, desired, rules: SafetyRules())
            }
            #expect(
                error.map { "\($0)" }
                    == "acme/Campaign/event is protected and would be deleted; to allow it: "
                    + "--allow-delete acme/Campaign/event\nsee `reconcile explain protectedDelete`"
            )
            // Allowing another name has no effect.
            #expect(!SafetyRules(allowedDeletes: [Self.hello]).refusals(of: plan).isEmpty)
            try await fixture.apply(plan, desired, rules: SafetyRules(allowedDeletes: [Self.event]))
        }
    }

    @Test func anOpenRunIsProtected() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(3, inWindow: 1)
            try await fixture.reach(Samples.all)
            _ = try await LaunchRepository(pool: fixture.pool).open(
                campaign: "hello",
                tenant: "acme",
                now: ReconcilerFixture.now
            )

            let changed = try await fixture.plan(Samples.all.replacing("title: Hello there", with: "title: T"))
            #expect(SafetyRules().refusals(of: changed).isEmpty)
            #expect(
                changed.changes.flatMap(\.notes) == [
                    "the open run keeps its revision; the change applies to the next run"
                ]
            )
            let text = Samples.parts.filter { $0 != Samples.campaign }.joined(separator: "\n---\n")
            let deleted = try await fixture.plan(text)
            #expect(SafetyRules().refusals(of: deleted) == [.deleteUnderWay(Self.hello)])
            #expect(SafetyRules(allowedDeletes: [Self.hello]).refusals(of: deleted).isEmpty)
        }
    }

    @Test func aRunThatBeganAfterThePlanIsNoticed() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(3, inWindow: 1)
            try await fixture.reach(Samples.all)
            let desired = try ReconcilerFixture.desired(
                Samples.parts.filter { $0 != Samples.campaign }.joined(separator: "\n---\n")
            )
            let plan = try await fixture.plan(desired)
            _ = try await LaunchRepository(pool: fixture.pool).open(
                campaign: "hello",
                tenant: "acme",
                now: ReconcilerFixture.now
            )
            let error = await #expect(throws: ReconcileError.self) {
                try await fixture.apply(plan, desired, rules: ReconcilerFixture.lax)
            }
            guard case .refused(let refusals)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(refusals == [.deleteUnderWay(Self.hello)])
        }
    }

    @Test(arguments: [(9, 9, nil), (10, 3, nil), (10, 4, 40), (13, 4, 31), (20, 20, 100)] as [(Int, Int, Int?)])
    func changingALargeShareOfATenantNeedsAFlag(rows: Int, changed: Int, percent: Int?) async throws {
        try await ReconcilerFixture.with { fixture in
            func text(_ changed: Int) -> String {
                (1...rows).map { number in
                    Samples.sender.replacing("name: main", with: "name: s-\(number)")
                        .replacing("env:TOKEN", with: number <= changed ? "env:OTHER" : "env:TOKEN")
                }
                .joined(separator: "\n---\n")
            }
            try await fixture.reach(text(0))
            let plan = try await fixture.plan(text(changed))
            let refusals = SafetyRules().refusals(of: plan)
            guard let percent else {
                #expect(refusals.isEmpty)
                return
            }
            #expect(refusals == [.tooManyChanges(tenant: "acme", changed: changed, rows: rows, limit: 30)])
            #expect(refusals.map(\.flag) == ["--max-change-percent \(percent)"])
            #expect(SafetyRules(maximumChangePercent: percent).refusals(of: plan).isEmpty)
            #expect(!SafetyRules(maximumChangePercent: percent - 1).refusals(of: plan).isEmpty)
        }
    }

    @Test func everyRuleIsExplained() {
        for rule in SafetyRule.allCases {
            #expect(rule.flag.hasPrefix("--") && !rule.title.isEmpty && rule.explanation.count > 80, "\(rule)")
            #expect(SafetyRule(code: rule.rawValue.uppercased()) == rule)
        }
        #expect(SafetyRule(code: "C012") == nil)
    }
}
