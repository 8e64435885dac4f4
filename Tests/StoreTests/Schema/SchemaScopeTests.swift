import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Two schemas of one database, each with all tables.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SchemaScopeTests {
    /// Runs `body` with pools on `public` and on a schema beside it, both migrated.
    private static func withTwo(_ body: (_ public: PostgresPool, _ beside: PostgresPool) async throws -> Void)
        async throws
    {
        try await TestDatabase.withConfiguration(template: .migrated) { configuration in
            let pools = [configuration, try configuration.inSchema("beside")].map {
                PostgresPool(
                    configuration: $0,
                    maxConnections: 4,
                    acquireTimeout: .seconds(60),
                    logger: TestDatabase.logger
                )
            }
            let result: Result<Void, any Error>
            do {
                let migrator = Migrator(pool: pools[1], logger: TestDatabase.logger)
                #expect(try await migrator.pending().count == Migration.all.count)
                #expect(try await migrator.migrate().count == Migration.all.count)
                #expect(try await migrator.migrate().isEmpty)
                result = .success(try await body(pools[0], pools[1]))
            } catch {
                result = .failure(error)
            }
            for pool in pools { await pool.shutdown(within: .seconds(5)) }
            try result.get()
        }
    }

    @Test func theirTablesAreTheirOwn() async throws {
        try await Self.withTwo { first, beside in
            _ = try await Fixture(pool: beside).addCampaign()
            try await Fixture(pool: beside).addContacts(10, at: Date())
            _ = try await Fixture(pool: beside).launch(at: Date())
            let counts = try await first.query(
                """
                SELECT (SELECT count(*) FROM campaign_messages), (SELECT count(*) FROM contacts), count(*)
                FROM beside.campaign_messages
                """
            )
            for (column, count) in [0, 0, 10].enumerated() { #expect(try counts[0].decode(column) == count) }
            try await StatisticsRepository(pool: beside).refresh([.contacts], after: 10)
            let analyzed = try await first.query(
                """
                SELECT reltuples::int8 FROM pg_class
                WHERE oid IN ('public.contacts'::regclass, 'beside.contacts'::regclass) ORDER BY 1
                """
            )
            #expect(try analyzed[1].decode(0) == 10)
        }
    }

    @Test func theirLocksAreTheirOwn() async throws {
        try await Self.withTwo { first, beside in
            try await beside.transaction { holder in
                #expect(try await ReconcileLock.take(on: holder))
                try await first.transaction { connection in
                    let other = try await ReconcileLock.holder(on: connection)
                    #expect(other == nil)
                    let isTaken = try await ReconcileLock.take(on: connection)
                    #expect(isTaken)
                    let own = try await ReconcileLock.holder(on: connection)
                    #expect(own?.processID == Int(connection.processID))
                }
                try await beside.transaction { connection in
                    let isTaken = try await ReconcileLock.take(on: connection)
                    #expect(!isTaken)
                    let other = try await ReconcileLock.holder(on: connection)
                    #expect(other?.processID == Int(holder.processID))
                }
                try await Erasures.lock("acme", on: holder)
                try await first.transaction { try await Erasures.lock("acme", on: $0) }
                let deletion = SubmissionWish(
                    tenantID: "acme",
                    account: "main",
                    template: nil,
                    action: .delete,
                    name: "hello",
                    language: nil,
                    request: nil
                )
                _ = try await TemplateUse.first(against: deletion, account: "77", on: holder)
                func deletes(in pool: PostgresPool) async throws {
                    try await pool.transaction { connection in
                        try await connection.execute("SELECT set_config('lock_timeout', '200ms', true)")
                        _ = try await TemplateUse.first(against: deletion, account: "77", on: connection)
                    }
                }
                try await deletes(in: first)
                await #expect(throws: PostgresError.self) { try await deletes(in: beside) }
            }
        }
    }

    @Test func theirNotificationsAreTheirOwn() async throws {
        try await Self.withTwo { first, beside in
            for (pool, other) in [(first, beside), (beside, first)] {
                var events = DaemonRepository(pool: pool)
                    .listen(to: [RunRepository.channel, ScheduleRepository.channel], as: DaemonNumber()) { _ in }
                    .makeAsyncIterator()
                #expect(await events.next() == .connected)
                try await other.withConnection { try await $0.announce(RunRepository.channel, payload: "other") }
                // A trigger of the table tells of it.
                let campaign = try await Fixture(pool: other).addCampaign()
                try await other.execute(
                    "UPDATE campaigns SET status = 'scheduled', \"scheduledAt\" = now() WHERE id = \(campaign)"
                )
                try await pool.withConnection { try await $0.announce(RunRepository.channel, payload: "own") }
                guard case .notification(let notification) = await events.next() else {
                    Issue.record("nothing was heard")
                    continue
                }
                #expect(notification.payload == "own")
                #expect(notification.event == RunRepository.channel)
            }
        }
    }

    @Test func functionsTellOnlyTheirSchema() async throws {
        try await Self.withTwo { first, _ in
            let functions = try await first.query(
                """
                SELECT pronamespace::regnamespace || '.' || proname FROM pg_proc
                WHERE pronamespace::regnamespace::text IN ('public', 'beside') AND prosrc ~ 'pg_notify\\(''campaign_'
                """
            )
            let names = try functions.map { try $0.decode(0, as: String.self) }
            #expect(names == [], "they need cell_channel('…')")
        }
    }
}
