import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Edits by hand appear in the plan and are reverted.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct DriftTests {
    static let edits: [(sql: String, line: String)] = [
        ("UPDATE senders SET \"ratePerSecond\" = 9", "~ Sender/main ratePerSecond"),
        ("UPDATE senders SET \"dailyLimit\" = NULL", "~ Sender/main dailyLimit"),
        ("UPDATE senders SET \"sourceFile\" = NULL", "~ Sender/main sourceFile"),
        ("UPDATE templates SET footer = NULL", "~ Template/offer footer"),
        ("UPDATE templates SET buttons = '[]'", "~ Template/offer buttons[quickReply More] buttons[url Shop]"),
        ("UPDATE templates SET buttons = '{}'", "~ Template/offer buttons"),
        (
            "UPDATE audiences SET filter = '{\"conditions\": []}'",
            "~ Audience/vips conditions[tags contains_any] conditions[messageCount gte]"
        ),
        ("UPDATE audiences SET filter = '7'", "~ Audience/vips conditions filter logic"),
        ("UPDATE campaigns SET title = NULL WHERE name = 'hello'", "~ Campaign/hello title"),
        ("UPDATE campaigns SET \"senderId\" = NULL WHERE name = 'hello'", "~ Campaign/hello sender"),
        ("UPDATE campaigns SET \"templateId\" = NULL WHERE name = 'hello'", "~ Campaign/hello template"),
        ("UPDATE campaigns SET \"templateParams\" = NULL WHERE name = 'hello'", "~ Campaign/hello params"),
        ("UPDATE campaigns SET \"audienceFilter\" = NULL WHERE name = 'hello'", "~ Campaign/hello audienceFilter"),
        ("UPDATE campaigns SET \"audienceId\" = NULL WHERE name = 'hello'", "~ Campaign/hello audience audienceFilter"),
        (
            "UPDATE campaigns SET \"messageTemplate\" = jsonb_set(\"messageTemplate\", '{type}', '\"text\"') WHERE name = 'hello'",
            "~ Campaign/hello message.type"
        ),
        ("UPDATE campaigns SET protect = false WHERE name = 'event'", "~ Campaign/event protect"),
        ("UPDATE campaigns SET type = 'scheduled' WHERE name = 'raw'", "~ Campaign/raw type"),
    ]

    @Test func revertsEditsByHand() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let desired = try ReconcilerFixture.desired(Samples.all)
            for edit in Self.edits {
                try await fixture.pool.execute(PostgresQuery(sql: edit.sql))
                let plan = try await fixture.plan(desired)
                #expect(ReconcilerFixture.lines(plan) == [edit.line], "\(edit.sql)")
                #expect(plan.changes.allSatisfy { $0.differences.allSatisfy(\.isDrift) }, "\(edit.sql)")
                try await fixture.apply(plan, desired)
                #expect(ReconcilerFixture.lines(try await fixture.plan(desired)) == [], "\(edit.sql)")
            }
        }
    }

    @Test func aChangeOfTheSpecIsNoDrift() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let plan = try await fixture.plan(Samples.all.replacing("header: Hello", with: "header: Hi"))
            #expect(plan.changes.map { $0.differences.map(\.isDrift) } == [[false]])
        }
    }

    @Test func equalMeaningIsNoChange() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET "audienceFilter" = '{"conditions": [
                    {"value": "2025-01-01T01:00:00+01:00", "operator": "gt", "field": "lastSeen"},
                    {"value": 2.50, "operator": "gt", "field": "metadata.score"}
                ]}' WHERE name = 'raw'
                """
            )
            #expect(ReconcilerFixture.lines(try await fixture.plan(Samples.all)) == [])
        }
    }

    @Test func aReferenceToAnArchivedRowIsRepaired() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            try await fixture.pool.execute("UPDATE senders SET \"archivedAt\" = now()")
            let plan = try await fixture.reach(Samples.all)
            #expect(
                ReconcilerFixture.lines(plan) == [
                    "+ Sender/main", "~ Campaign/event sender", "~ Campaign/hello sender", "~ Campaign/raw sender",
                ]
            )
            #expect(plan.changes[1].differences[0].before == "main (archived)")
        }
    }

    @Test func unmanagedRowsAreNeitherShownNorChanged() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "messageTemplate") VALUES ('acme', 'theirs', 'manual', '{}')
                """
            )
            try await fixture.reach(Samples.all)
            let left = try await fixture.count(
                "SELECT count(*) FROM campaigns WHERE name = 'theirs' AND \"archivedAt\" IS NULL"
            )
            #expect(left == 1)
        }
    }
}
