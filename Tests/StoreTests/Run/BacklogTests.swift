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
            // The pool has one connection, which flushes its own counts.
            let before = try await fixture.rowsRead(of: ["campaign_runs"])
            let found = try await backlog.tenants(deadline: .seconds(10))
            #expect(try await fixture.rowsRead(of: ["campaign_runs"]) < before + 100)
            #expect(found.map(\.tenantID) == ["acme"])
            #expect(found.map { [$0.openRuns, $0.openMessages, $0.unconfirmed] } == [[1, 3, 2]])
            // The same without its index, to see that this test can fail.
            try await fixture.pool.execute("DROP INDEX \"campaign_runs_backlog_index\"")
            _ = try await backlog.tenants(deadline: .seconds(10))
            #expect(try await fixture.rowsRead(of: ["campaign_runs"]) > before + 20_000)
        }
    }
}
