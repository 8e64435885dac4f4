import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A plan tells what a new or shorter retention deletes for good, and is refused until that is allowed.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RetentionLossTests {
    private static func tenant(_ retention: String) -> String {
        "kind: Tenant\nname: acme\nretention: { \(retention) }"
    }

    /// Contacts and statements from 200 days ago.
    private static func fill(_ fixture: ReconcilerFixture) async throws {
        try await fixture.addContacts(4, inWindow: 0)
        try await fixture.pool.execute(
            """
            UPDATE contacts SET "createdAt" = now() - interval '200 days', "updatedAt" = now() - interval '200 days',
                "lastSeen" = NULL
            """
        )
        for age in [300, 250, 10] {
            try await fixture.pool.execute(
                """
                INSERT INTO consent_changes ("tenantId", key, level, "isOptedIn", source, at, "recordedAt")
                SELECT 'acme', '1', 'all', true, 'message', t.at, t.at
                FROM (SELECT now() - \(Double(age)) * interval '1 day' AS at) t
                """
            )
        }
        try await fixture.pool.execute(
            """
            INSERT INTO trigger_events (id, "tenantId", event, "contactId", answer, "createdAt")
            VALUES (gen_random_uuid(), 'acme', 'e', '1', '{}', now() - interval '20 days')
            """
        )
    }

    private static func losses(_ plan: Plan) -> [String] {
        plan.changes.flatMap(\.retentionLosses).map(\.words)
    }

    @Test func aPlanCountsWhatGoes() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.fill(fixture)
            let plan = try await fixture.plan(Self.tenant("events: 5d, contacts: 100d, consents: 100d, messages: 40d"))
            #expect(
                Self.losses(plan) == [
                    "about 1 event", "the data of about 4 contacts", "about 2 replaced statements about consent",
                ]
            )
            let text = PlanTextRenderer().text(plan)
            #expect(
                text.contains(
                    "warning: `retention` deletes about 1 event, the data of about 4 contacts, "
                        + "about 2 replaced statements about consent for good"
                )
            )
            #expect(PlanMarkdownRenderer().text(plan).contains("deletes about 1 event"))
            #expect(plan.json["changes"]?[0]?["retentionLosses"]?[0] == ["kind": "events", "rows": 1])
            #expect(SafetyRules().refusals(of: plan).map(\.flag) == ["--allow-retention acme"])
            #expect(SafetyRules(allowedRetentions: ["acme"]).refusals(of: plan).isEmpty)
            #expect(!SafetyRules(allowedRetentions: ["other"]).refusals(of: plan).isEmpty)
        }
    }

    @Test func onlyAShorterRetentionIsALoss() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.fill(fixture)
            let far = try await fixture.plan(Self.tenant("contacts: 300d"))
            #expect(Self.losses(far) == [] && SafetyRules().refusals(of: far).isEmpty, "nothing is that old")
            try await fixture.reach(Self.tenant("contacts: 300d"))
            let near = Self.tenant("contacts: 100d")
            #expect(Self.losses(try await fixture.plan(near)) == ["the data of about 4 contacts"])
            await #expect(throws: ReconcileError.self) { try await fixture.reach(near, rules: SafetyRules()) }
            try await fixture.reach(near, rules: SafetyRules(allowedRetentions: ["acme"]))
            #expect(Self.losses(try await fixture.plan(Self.tenant("contacts: 200d"))) == [])
        }
    }
}
