import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Pages of the ledger, short and long.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LedgerPageTests {
    private static func lines(_ fixture: Fixture) async throws -> [Int] {
        try await fixture.column("SELECT id FROM wallet_entries WHERE \"tenantId\" = 'acme' ORDER BY id DESC")
    }

    @Test func pagesHoldEveryEntryOnceWhateverHappenedToTheRun() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100, price: 2)
            let run = try await fixture.queuedRun(contacts: 10)
            let ids = try await fixture.ids(of: run)
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.begin(Array(ids), lease: 1)
            try await messages.record(fixture.sent(ids.prefix(4)))
            // WhatsApp reports a failure after acceptance, before the end of the run and after it.
            _ = try await messages.apply([fixture.report(ids[0], .failed)])
            try await messages.record(fixture.sent(ids.dropFirst(4)))
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .seconds(1))
            _ = try await messages.apply([fixture.report(ids[1], .failed)])
            try await fixture.expectWallet(available: 84, held: 0)

            let all = try await Self.lines(fixture)
            #expect(all.count >= 7)
            var seen: [Int] = []
            for page in 1...(all.count / 3 + 2) {
                let (entries, total) = try await fixture.wallets.entries(tenant: "acme", page: page, limit: 3)
                #expect(total == all.count)
                seen += entries.map(\.id)
            }
            #expect(seen == all)
        }
    }

    @Test func aLongLedgerIsNotReadForAPageOfIt() async throws {
        try await Fixture.with(connections: 1) { fixture in
            try await fixture.fund(100_000)
            let run = try await fixture.queuedRun(contacts: 1)
            try await fixture.pool.execute(
                """
                WITH written AS (
                    INSERT INTO wallet_entries ("tenantId", kind, amount, held, "runId")
                    SELECT 'acme', 'debit', -1, -1, \(run) FROM generate_series(1, 20000)
                )
                UPDATE wallet_holds SET entries = entries + 20000, used = used + 20000 WHERE "runId" = \(run)
                """
            )
            try await fixture.pool.execute("VACUUM ANALYZE wallet_entries")
            let before = try await Self.read(fixture)
            let (entries, total) = try await fixture.wallets.entries(tenant: "acme", page: 1, limit: 20)
            #expect((entries.count, total) == (20, 20_002))
            let read = try await Self.read(fixture) - before
            #expect((1...1_000).contains(read), "\(read) entries were read for 20")
            let last = try await fixture.wallets.entries(tenant: "acme", page: 1_001, limit: 20).entries
            #expect(last.map(\.kind) == [.hold, .topUp])
            #expect(try await fixture.wallets.entries(tenant: "acme", page: 1_000_000, limit: 200).entries.isEmpty)
        }
    }

    /// Number of rows and index entries of the ledger that were read so far, as Postgres counts them.
    private static func read(_ fixture: Fixture) async throws -> Int {
        // The pool has one connection, which flushes its own counts.
        _ = try await fixture.pool.query("SELECT pg_stat_force_next_flush()")
        return try await fixture.value(
            """
            SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'wallet_entries')
                + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'wallet_entries')::bigint
            """
        )
    }
}
