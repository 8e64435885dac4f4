import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// The migration of contacts and runs from before there were suppressions, and daemons of that time.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ConsentMigrationTests {
    private static func with(_ body: (Fixture) async throws -> Void) async throws {
        try await TestDatabase.with { pool in
            let before = Migration.all.filter { $0.version < 25 }
            try await Migrator(pool: pool, migrations: before, logger: TestDatabase.logger).migrate()
            try await body(Fixture(pool: pool))
        }
    }

    private static func migrate(_ fixture: Fixture) async throws -> [String] {
        try await Migrator(pool: fixture.pool, logger: TestDatabase.logger).migrate()
            .flatMap(\.notes)
    }

    @Test func formerOptOutsAreKept() async throws {
        try await Self.with { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", "optedIn", "optedInAt", "optedOutAt") VALUES
                    ('acme', '1', false, NULL, '2026-01-02'), ('acme', '2', true, '2026-01-03', '2026-01-02'),
                    ('acme', '3', true, '2026-01-01', '2026-01-02'), ('acme', '4', true, NULL, '2026-01-02'),
                    ('acme', '5', false, NULL, NULL), ('acme', '6', true, NULL, NULL),
                    ('acme', '+254700000007', false, NULL, '2026-01-02')
                """
            )
            let notes = try await Self.migrate(fixture)
            #expect(notes.count == 1 && notes[0].hasPrefix("contacts: 2 opted out by a message"), "\(notes)")
            #expect(try await fixture.audience() == ["2", "6"])
            let (found, _) = try await fixture.consents.list(tenant: "acme", limit: 10)
            #expect(found.map(\.key) == ["1", "254700000007", "3", "4"])
            #expect(Set(found.map(\.source)) == ["earlier"])
            try await fixture.hear("4", "START")
            #expect(try await fixture.audience() == ["2", "4", "6"])
        }
    }

    @Test func openRunsGetTheCategoryOfTheirTemplate() async throws {
        try await Self.with { fixture in
            try await fixture.addTemplate("utility")
            for (name, message) in [("a", Fixture.reminder), ("b", #"{"type":"text","text":{"body":"Hi"}}"#)] {
                let campaign = try await fixture.addCampaign(name, message: message)
                try await fixture.pool.execute(
                    """
                    WITH revision AS (
                        INSERT INTO campaign_revisions ("campaignId", "tenantId", number, digest, content)
                        VALUES (\(campaign), 'acme', 1, 'x', jsonb_build_object('message', \(PostgresJSON(text: message))::jsonb))
                        RETURNING id
                    )
                    INSERT INTO campaign_runs (id, "campaignId", "tenantId", "revisionId", "senderId", "isFreeText",
                        "windowCutoff", "expectedCount", status)
                    SELECT gen_random_uuid(), c.id, 'acme', revision.id, c."senderId", false, now(), 1, 'paused'
                    FROM revision, campaigns c WHERE c.id = \(campaign)
                    """
                )
            }
            _ = try await Self.migrate(fixture)
            let marketing = try await fixture.column(
                "SELECT r.\"isMarketing\" FROM campaign_runs r JOIN campaigns c ON c.id = r.\"campaignId\" ORDER BY c.name",
                as: Bool.self
            )
            #expect(marketing == [false, true])
        }
    }

    /// A role of another system may have no rights on our tables.
    @Test func anotherRoleMayAddContacts() async throws {
        try await Fixture.with(connections: 1) { fixture in
            try await fixture.hear(Fixture.phone(1), "STOP")
            let role = "other_\(UInt32.random(in: 0...UInt32.max))"
            try await fixture.pool.execute("CREATE ROLE \(identifier: role)")
            try await fixture.pool.execute("GRANT INSERT, SELECT, UPDATE ON contacts TO \(identifier: role)")
            try await fixture.pool.transaction { connection in
                try await connection.execute("SET LOCAL ROLE \(identifier: role)")
                try await connection.execute("SET LOCAL search_path = pg_catalog")
                try await connection.execute(
                    "INSERT INTO public.contacts (\"tenantId\", \"contactId\") VALUES ('acme', '254700000001'), ('acme', '2')"
                )
                try await connection.execute("UPDATE public.contacts SET \"contactId\" = '3' WHERE \"contactId\" = '2'")
            }
            try await fixture.pool.execute("DROP OWNED BY \(identifier: role)")
            try await fixture.pool.execute("DROP ROLE \(identifier: role)")
            #expect(try await fixture.audience() == ["3"])
        }
    }
}
