import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ApplyTests {
    @Test func planningWritesNothing() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let before = try await fixture.fingerprint()
            _ = try await fixture.plan(Samples.all.replacing("env:TOKEN", with: "env:OTHER"))
            _ = try await fixture.plan("")
            #expect(try await fixture.fingerprint() == before)
        }
    }

    @Test func planningNeedsNoWritePrivilege() async throws {
        try await ReconcilerFixture.with { fixture in
            let readOnly = fixture.configuration.setting("options", to: "-c default_transaction_read_only=on")
            let pool = PostgresPool(configuration: readOnly)
            let desired = try ReconcilerFixture.desired(Samples.all)
            let plan = try await Planner(pool: pool, logger: TestDatabase.logger).plan(desired)
            #expect(plan.creates == 6)
            // The same pool cannot write, unless a transaction asks for it as the applier does.
            let refused = await #expect(throws: PostgresError.self) { try await pool.execute("DELETE FROM senders") }
            #expect(refused?.sqlState == "25006")
            await pool.shutdown()
        }
    }

    @Test func planningHappensInAReadOnlyTransaction() async throws {
        try await ReconcilerFixture.with { fixture in
            // A view in place of the table records the transaction that reads it.
            try await fixture.pool.execute("ALTER TABLE reconcile_history RENAME TO history")
            try await fixture.pool.execute("CREATE TABLE witness (note text)")
            try await fixture.pool.execute(
                """
                CREATE FUNCTION testify() RETURNS bigint LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO witness VALUES ('written'); RETURN 0; END $$
                """
            )
            try await fixture.pool.execute(
                "CREATE VIEW reconcile_history AS SELECT testify() AS id FROM generate_series(1, 1)"
            )
            let error = await #expect(throws: PostgresError.self) { try await fixture.plan(Samples.all) }
            #expect(error?.sqlState == "25006")
        }
    }

    @Test func recordsWhoAppliedWhatFromWhere() async throws {
        try await ReconcilerFixture.with { fixture in
            let plan = try await fixture.reach(Samples.all)
            let rows = try await fixture.pool.query("SELECT * FROM reconcile_history")
            let row = try #require(rows.first)
            #expect(rows.count == 1)
            #expect(try row.decode("actor", as: String.self) == "tester")
            #expect(try row.decode("gitCommit", as: String.self) == "c0ffee")
            #expect(try row.decode("digest", as: String.self) == plan.digest)
            #expect(try row.decode("creates", as: Int.self) == 6)
            let json = try JSONValue(parsing: row.decode("plan", as: PostgresJSON.self).text)
            #expect(json["formatVersion"] == 1)
            #expect(json["changes"]?.arrayValue?.count == 6)
            #expect(json["changes"]?[0]?["id"] == "acme/Sender/main")
            #expect(json == ManagedRow.comparable(plan.json))
        }
    }

    @Test func aLaunchFindsTheRevision() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(3, inWindow: 1)
            try await fixture.pool.execute("UPDATE contacts SET metadata = '{\"score\": 9}'")
            try await fixture.reach(Samples.all)
            for name in ["hello", "raw"] {
                let launches = LaunchRepository(pool: fixture.pool)
                guard case .opened = try await launches.open(campaign: name, tenant: "acme", now: ReconcilerFixture.now)
                else {
                    Issue.record("\(name) was not launched")
                    continue
                }
                let revisions = try await fixture.pool.query(
                    """
                    SELECT v."gitCommit", v.number FROM campaign_revisions v JOIN campaigns c ON c.id = v."campaignId"
                    WHERE c.name = \(name)
                    """
                )
                #expect(revisions.count == 1)
                #expect(try revisions[0].decode(0, as: String?.self) == "c0ffee")
            }
        }
    }

    @Test func eachNewContentIsARevisionAndAnOldOneIsNot() async throws {
        try await ReconcilerFixture.with { fixture in
            let other = Samples.all.replacing("{{name|you}}", with: "{{name|friend}}")
            for text in [Samples.all, other, Samples.all, other.replacing("title: Hello there", with: "title: T")] {
                try await fixture.reach(text)
            }
            let numbers = try await fixture.pool.query(
                """
                SELECT v.number FROM campaign_revisions v JOIN campaigns c ON c.id = v."campaignId"
                WHERE c.name = 'hello' ORDER BY v.number
                """
            )
            #expect(try numbers.map { try $0.decode(0, as: Int.self) } == [1, 2])
        }
    }

    @Test(arguments: ["reconcile_history", "campaigns", "campaign_revisions", "templates"])
    func aFailureInTheMiddleLeavesNoChange(table: String) async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.pool.execute(
                """
                CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$
                """
            )
            try await fixture.pool.execute(
                "CREATE TRIGGER fail AFTER INSERT ON \(identifier: table) FOR EACH ROW EXECUTE FUNCTION fail()"
            )
            let before = try await fixture.fingerprint()
            let desired = try ReconcilerFixture.desired(Samples.all)
            let plan = try await fixture.plan(desired)
            await #expect(throws: PostgresError.self) { try await fixture.apply(plan, desired) }
            #expect(try await fixture.fingerprint() == before)
            try await fixture.pool.execute("DROP TRIGGER fail ON \(identifier: table)")
            try await fixture.apply(plan, desired)
        }
    }

    @Test func anEmptyPlanLeavesNoTrace() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let desired = try ReconcilerFixture.desired(Samples.all)
            let plan = try await fixture.plan(desired)
            #expect(plan.digest.hasPrefix("sha256:") && plan.digest.utf8.count == 71)
            #expect(try await fixture.apply(plan, desired) == nil)
            #expect(try await fixture.count("SELECT count(*) FROM reconcile_history") == 1)
        }
    }

    @Test func oneTenantCanBeReconciledAlone() async throws {
        try await ReconcilerFixture.with { fixture in
            let texts = ["acme/a.yaml": Samples.all, "other/b.yaml": Samples.sender]
            let other = try ReconcilerFixture.desired(texts, tenants: ["other"])
            let plan = try await fixture.plan(other)
            #expect(plan.changes.map(\.identity.description) == ["other/Sender/main"])
            try await fixture.apply(plan, other)
            let acme = try ReconcilerFixture.desired(["acme/a.yaml": Samples.all], tenants: ["acme"])
            #expect(try await fixture.plan(acme).deletes == 0)
            let error = await #expect(throws: ReconcileError.self) {
                try await fixture.plan(ReconcilerFixture.desired(texts, tenants: ["nobody"]))
            }
            #expect(error.map { "\($0)" } == "unknown tenant `nobody`; known tenants are `acme`, `other`")
        }
    }

    @Test func aDatabaseWithoutTablesSaysWhatToDo() async throws {
        try await ReconcilerFixture.with(isMigrated: false) { fixture in
            let error = await #expect(throws: SchemaError.self) { try await fixture.plan(Samples.all) }
            #expect(error?.description.hasSuffix("run: campaignd migrate") == true)
        }
    }

    @Test func thousandsOfSpecsAreOnePlan() async throws {
        try await ReconcilerFixture.with { fixture in
            let many = (1...2_500).map { Samples.campaign.replacing("name: hello", with: "name: c-\($0)") }
            let text = (Samples.parts + many).joined(separator: "\n---\n")
            let plan = try await fixture.reach(text)
            #expect(plan.creates == 2_506)
        }
    }
}
