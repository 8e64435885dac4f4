import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// The privileges that planning needs.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ReaderTests {
    /// All tables that a plan reads.
    private static let tables = [
        "schema_migrations", "reconcile_history", "tenants", "accounts", "senders", "templates", "audiences",
        "campaigns", "tenant_rates", "campaign_runs", "campaign_schedules", "campaign_triggers", "contacts",
        "quota_hours", "former_filters", "spec_environment", "template_submissions", "account_sweeps",
        "whatsapp_accounts", "whatsapp_numbers", "whatsapp_templates", "campaign_revisions",
    ]

    /// Runs a test with a role that may only read those tables.
    private static func withReader(
        _ fixture: ReconcilerFixture,
        except missing: String? = nil,
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        let role = "reader_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try await fixture.pool.execute("CREATE ROLE \(identifier: role) LOGIN PASSWORD 'reader'")
        for table in tables where table != missing {
            try await fixture.pool.execute("GRANT SELECT ON \(identifier: table) TO \(identifier: role)")
        }
        let configuration = fixture.configuration.setting("user", to: role).setting("password", to: "reader")
        let pool = PostgresPool(configuration: configuration, acquireTimeout: .seconds(10))
        let result: Result<Void, any Error>
        do { result = .success(try await body(pool)) } catch { result = .failure(error) }
        await pool.shutdown(within: .seconds(5))
        try await fixture.pool.execute("DROP OWNED BY \(identifier: role)")
        try await fixture.pool.execute("DROP ROLE \(identifier: role)")
        try result.get()
    }

    private static func plan(_ text: String, _ pool: PostgresPool) async throws -> Plan {
        try await Planner(pool: pool, logger: TestDatabase.logger, now: { ReconcilerFixture.now }).plan(
            ReconcilerFixture.desired(text)
        )
    }

    @Test func readPrivilegesAreEnoughToPlan() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(5, inWindow: 2)
            try await fixture.reach(Samples.everything)
            let text = Samples.everything.replacing("title: Hello there", with: "title: Hi")
            let expected = try await fixture.plan(text)
            try await Self.withReader(fixture) { pool in
                let plan = try await Self.plan(text, pool)
                #expect(plan.digest == expected.digest && plan.updates == 1)
                #expect(plan.changes.map(\.impact) == expected.changes.map(\.impact))
                #expect(try await HistoryRepository().list(pool: pool).count == 1)
                let refused = await #expect(throws: PostgresError.self) {
                    try await pool.execute("UPDATE senders SET name = name")
                }
                #expect(refused?.sqlState == "42501")
            }
        }
    }

    @Test(arguments: ["tenants", "campaign_triggers", "contacts", "quota_hours", "reconcile_history"])
    func eachReadPrivilegeIsNeeded(table: String) async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withReader(fixture, except: table) { pool in
                let error = await #expect(throws: PostgresError.self) { try await Self.plan(Samples.everything, pool) }
                #expect(error?.sqlState == "42501")
            }
        }
    }

    @Test func planningWaitsForNoLock() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            let holder = try await PostgresConnection.connect(fixture.configuration)
            try await holder.transaction { connection in
                _ = try await ReconcileLock.take(on: connection)
                for table in Self.tables {
                    try await connection.execute("LOCK TABLE \(identifier: table) IN EXCLUSIVE MODE")
                }
                let plan = try await fixture.plan(Samples.all)
                #expect(plan.deletes == 6)
                // The planner also leaves no lock, so all rows can be written.
                let locks = try await connection.query(
                    """
                    SELECT count(*) FROM pg_locks
                    WHERE pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                        AND mode NOT IN ('AccessShareLock', 'SIReadLock', 'ExclusiveLock')
                    """
                )
                #expect(try locks[0].decode(0, as: Int.self) == 0)
            }
            await holder.close()
        }
    }

    // MARK: History

    @Test func theHistoryIsListedNewestFirst() async throws {
        try await ReconcilerFixture.with { fixture in
            func apply(_ texts: [String: String]) async throws {
                let desired = try ReconcilerFixture.desired(texts)
                try await fixture.apply(fixture.plan(desired), desired)
            }
            try await apply(["acme/a.yaml": Samples.sender])
            try await apply(["acme/a.yaml": Samples.sender, "other/b.yaml": Samples.sender])
            let changed = Samples.sender.replacing("env:TOKEN", with: "env:T")
            try await apply(["acme/a.yaml": changed, "other/b.yaml": changed])
            let history = HistoryRepository()
            let all = try await history.list(pool: fixture.pool)
            #expect(
                all.map { [$0.id, $0.creates, $0.updates, $0.deletes] } == [
                    [3, 0, 2, 0], [2, 1, 0, 0], [1, 1, 0, 0],
                ]
            )
            #expect(all.allSatisfy { $0.actor == "tester" && $0.gitCommit == "c0ffee" && $0.toolVersion == "test" })
            #expect(Set(all.map(\.digest)).count == 3)
            let other = try await history.list(tenant: "other", pool: fixture.pool)
            #expect(other.map { [$0.id, $0.creates, $0.updates] } == [[3, 0, 1], [2, 1, 0]])
            #expect(try await history.list(limit: 1, tenant: "acme", pool: fixture.pool).map(\.id) == [3])
            #expect(try await history.list(tenant: "nobody", pool: fixture.pool).isEmpty)
        }
    }
}
