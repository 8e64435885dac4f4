import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// The queries of the metrics at each scrape.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct BacklogTests {
    @Test func runsThatAreOverAreNotReadForThoseThatAreNot() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_runs (
                    id, "campaignId", "tenantId", "revisionId", "senderId", status, "isFreeText", "windowCutoff", sent, unconfirmed
                )
                SELECT gen_random_uuid(), "campaignId", "tenantId", "revisionId", "senderId", 'completed', "isFreeText",
                    "windowCutoff", 1, (n = 7)::int * 2
                FROM campaign_runs CROSS JOIN generate_series(1, 20000) n WHERE id = \(run)
                """
            )
            try await fixture.pool.execute("VACUUM ANALYZE campaign_runs")
            let backlog = BacklogRepository(pool: fixture.pool)
            func scans() async throws -> Int {
                // The pool has one connection, which flushes its own counts.
                _ = try await fixture.pool.query("SELECT pg_stat_force_next_flush()")
                return try await fixture.value(
                    "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'campaign_runs'"
                )
            }
            let before = try await scans()
            let found = try await backlog.tenants(deadline: .seconds(10))
            #expect(try await scans() == before)
            #expect(found.map(\.tenantID) == ["acme"])
            #expect(found.map { [$0.openRuns, $0.openMessages, $0.unconfirmed] } == [[1, 3, 2]])
            // The same without its index, to see that this test can fail.
            try await fixture.pool.execute("DROP INDEX \"campaign_runs_backlog_index\"")
            _ = try await backlog.tenants(deadline: .seconds(10))
            #expect(try await scans() > before)
        }
    }
}
