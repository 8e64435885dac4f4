import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Many specs at once, on tables without statistics.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LargeCatalogTests {
    private static let count = 3_000

    @Test(.timeLimit(.minutes(3)))
    func referencesOfNewSpecsAreFoundByIndexes() async throws {
        let specs = (1...Self.count).map { number in
            """
            kind: Campaign
            name: campaign-\(number)
            type: scheduled
            sender: main
            template: offer
            params: { "1": there, button.1: x }
            audience: vips
            ---
            kind: Schedule
            name: schedule-\(number)
            campaign: campaign-\(number)
            cron: "0 9 * * MON"
            timeZone: Africa/Nairobi
            """
        }
        let text = ([Samples.sender, Samples.template, Samples.audience] + specs).joined(separator: "\n---\n")
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(text)
            // Each connection keeps counts of its own and reports them within seconds.
            var read = 0
            try await eventually(within: .seconds(60), "all rows are counted") {
                let rows = try await fixture.pool.query(
                    """
                    SELECT t.n_tup_ins, t.seq_tup_read + (
                        SELECT sum(i.idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid
                    )::bigint
                    FROM pg_stat_user_tables t WHERE t.relname = 'campaign_schedules'
                    """
                )
                read = try rows[0].decode(1)
                return try rows[0].decode(0, as: Int.self) == Self.count
            }
            // 22 million entries are read if each row scans all others; the first thousand rows still do so.
            #expect(read < 8_000_000, "\(read) entries of schedules were read")
        }
    }
}
