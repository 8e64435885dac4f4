import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Hot statements keep their plans, whatever Postgres knows about the tables; see `StablePlans`.
///
/// Plans are generic, as a connection keeps them, so each is made once: when the tables are as the test says.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ColdPlanTests {
    /// The statistics that Postgres has when it makes the plans.
    enum Knowledge: String, CaseIterable, Sendable {
        /// None, as in a new or restored database.
        case none
        /// Those of empty tables: analyzed before the first rows came, or after the last were deleted.
        case ofEmptyTables
        /// Those of tables with a few rows.
        case ofFewRows
        /// Those of tables with pages but without rows, as after a big deletion.
        case ofVacuumedTables
    }

    private static let tables = StatisticsRepository.Table.allCases.map(\.rawValue).filter { $0 != "wallet_entries" }

    @Test(.timeLimit(.minutes(3)), arguments: Knowledge.allCases)
    func hotStatementsFindTheirRowsByKeys(_ knowledge: Knowledge) async throws {
        try await Self.withDaemon { fixture, daemon in
            let (campaign, module, run) = try await Self.fill(fixture)
            try await HotCalls(pool: daemon).all(
                campaign: campaign,
                module: module,
                run: run,
                messages: try await fixture.ids(of: run)
            )
            // A command cancels a run; daemons cancel its messages.
            _ = try await RunRepository(pool: fixture.pool).cancel(run, reason: "for this test")
            _ = try await RunRepository(pool: daemon).cancelRest()
            try await Self.set(knowledge, on: fixture.pool)
            let (problems, count) = try await PlanNode.problems(of: daemon)
            #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
            #expect(count > 45, "the calls should prepare all hot statements")
        }
    }

    /// The test above can fail: a plain equation is planned as a comparison of all rows.
    @Test func plainJoinsReadTheTable() async throws {
        try await Self.withDaemon { fixture, daemon in
            _ = try await daemon.query(
                """
                UPDATE campaign_messages m SET attempts = 0 FROM unnest(\([UUID()])::uuid[]) AS o(id) WHERE m.id = o.id
                """
            )
            try await Self.set(.ofEmptyTables, on: fixture.pool)
            #expect(try await PlanNode.problems(of: daemon).found.count == 1)
        }
    }

    /// A statement of a trigger, which no session prepares by itself: planned for empty tables, it compared each contact that an
    /// import adds with all others.
    @Test func newContactsAreSuppressedByTheirIDs() async throws {
        try await Self.withDaemon { fixture, daemon in
            try await Self.set(.ofEmptyTables, on: fixture.pool)
            try await daemon.execute("CREATE TEMPORARY TABLE added (LIKE contacts)")
            let source: String = try await fixture.value(
                "SELECT prosrc FROM pg_proc WHERE proname = 'suppress_new_contacts'"
            )
            let update = try #require(source.firstRange(of: /UPDATE contacts[^;]*/))
            _ = try await daemon.query(PostgresQuery(sql: String(source[update])))
            let found = try await PlanNode.problems(of: daemon).found.map { $0.prefix { $0 != ":" } }
            #expect(found == ["reads added from end to end in"])
        }
    }

    /// Plans that were made for empty tables, while the tables grow and nothing analyzes them.
    @Test(.timeLimit(.minutes(6)), arguments: [Knowledge.none, .ofEmptyTables])
    func hotCallsReadAsManyRowsInBigTablesAsInSmallOnes(_ knowledge: Knowledge) async throws {
        try await Self.withDaemon { fixture, daemon in
            try await Self.set(knowledge, on: fixture.pool)
            // Most statements are prepared before there are rows.
            let calls = HotCalls(pool: daemon)
            try await calls.all(campaign: UUID(), module: UUID(), run: UUID(), messages: (1...12).map { _ in UUID() })
            let (_, _, run) = try await Self.fill(fixture)
            let ids = try await fixture.ids(of: run)
            try await calls.hook("few", contacts: 7...9)
            try await calls.send(Array(ids.prefix(12)))
            try await calls.report(Array(ids.prefix(12)))
            try await Self.grow(fixture)
            let grown = try await Self.rowsRead(by: daemon) {
                try await calls.hook("many", contacts: 10...12)
                try await calls.send(Array(ids.dropFirst(12)))
                try await calls.report(Array(ids.dropFirst(12)))
            }
            #expect(grown < 1_000, "\(grown) rows were read")
        }
    }

    /// Number of rows that a pool of one connection reads during `body`.
    private static func rowsRead(by daemon: PostgresPool, _ body: () async throws -> Void) async throws -> Int {
        let reader = Fixture(pool: daemon)
        let before = try await reader.rowsRead(of: tables)
        try await body()
        return try await reader.rowsRead(of: tables) - before
    }

    /// A database that nothing analyzes, a pool for its rows, and the pool of a daemon with one connection.
    private static func withDaemon(_ body: (Fixture, PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            // The checks of foreign keys need the settings, too: each would read a table that was empty when it was planned.
            let rows = PostgresPool(
                configuration: postgres.settingInSessions(StablePlans.settings),
                maxConnections: 2,
                logger: TestDatabase.logger
            )
            let daemon = PostgresPool(
                configuration: postgres.settingInSessions(StablePlans.settings)
                    .settingInSessions(["plan_cache_mode": "force_generic_plan"]),
                maxConnections: 1,
                logger: TestDatabase.logger
            )
            let result: Result<Void, any Error>
            do {
                for table in tables {
                    try await rows.execute("ALTER TABLE \(identifier: table) SET (autovacuum_enabled = off)")
                }
                result = .success(try await body(Fixture(pool: rows), daemon))
            } catch {
                result = .failure(error)
            }
            await daemon.shutdown()
            await rows.shutdown()
            try result.get()
        }
    }

    /// A triggered campaign, one of a module, and the run of a third with 24 queued messages; the tenant has a policy.
    private static func fill(_ fixture: Fixture) async throws -> (campaign: UUID, module: UUID, run: UUID) {
        let run = try await fixture.queuedRun(contacts: 24)
        let campaign = try await fixture.addTriggered(cooldown: "1h")
        let module = try await fixture.addCampaign("module", type: "module_initiated")
        try await fixture.pool.execute("UPDATE senders SET \"unconfirmedPolicy\" = 'retry'")
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, policy)
            VALUES ('acme', 'acme', '{"maxFailurePercent":50,"maxRecipients":1000}')
            """
        )
        return (campaign, module, run)
    }

    private static func set(_ knowledge: Knowledge, on pool: PostgresPool) async throws {
        let names = PostgresQuery.joined(tables.map { "\(identifier: $0)" }, separator: ", ")
        switch knowledge {
        case .none:
            try await pool.execute("TRUNCATE \(fragment: names) CASCADE")
        case .ofEmptyTables:
            try await pool.execute("TRUNCATE \(fragment: names) CASCADE")
            try await pool.execute("ANALYZE")
        case .ofFewRows:
            try await pool.execute("ANALYZE")
        case .ofVacuumedTables:
            // As VACUUM leaves it when it cannot cut off the empty pages.
            try await pool.execute(
                """
                UPDATE pg_class SET relpages = 1000, reltuples = 0 WHERE relname = ANY(\(tables)::text[])
                """
            )
        }
    }

    /// Adds 20,000 contacts, messages of a sent campaign and of a triggered one, events, chunks and runs.
    private static func grow(_ fixture: Fixture) async throws {
        let statements: [PostgresQuery] = [
            """
            INSERT INTO contacts ("tenantId", "contactId") SELECT 'acme', (254800000000 + n)::text
            FROM generate_series(1, 20000) n
            """,
            """
            INSERT INTO campaign_messages (
                id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated",
                "waMessageId", status, "triggerEventId"
            )
            SELECT message_id(r.id, n + 100000), r.id, n + 100000, r."campaignId", 'acme', c.id, c."contactId", false,
                'old.' || r.id || n, 'sent', CASE WHEN r."isTriggered" THEN gen_random_uuid() END
            FROM campaign_runs r
            CROSS JOIN (SELECT *, row_number() OVER () AS n FROM contacts WHERE "contactId" LIKE '2548%') c
            """,
            """
            INSERT INTO trigger_events (id, "tenantId", event, "eventId", "contactId", answer)
            SELECT gen_random_uuid(), 'acme', \(HotCalls.event), 'old-' || n, '1', '{}' FROM generate_series(1, 20000) n
            """,
            """
            INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore", status)
            SELECT id, 100000 + n, 100001 + n, 'acme', now(), 'fed' FROM campaign_runs, generate_series(1, 20000) n
            """,
            """
            INSERT INTO campaigns ("tenantId", name, type, "messageTemplate", "triggerType", "triggerConfig")
            SELECT 'acme', 'other-' || n, 'event_triggered', '{}', \(HotCalls.event), jsonb_build_object('n', n)
            FROM generate_series(1, 5000) n
            """,
        ]
        for statement in statements { try await fixture.pool.execute(statement, deadline: .seconds(120)) }
    }
}
