import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Store

/// Reads of the past find the rows of their tenant by an index, however many rows others have.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct HistoryReadTests {
    @Test func eventsOfOtherTenantsAreNotRead() async throws {
        try await Fixture.with(connections: 1) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO trigger_events (id, "tenantId", event, "contactId", answer, "createdAt")
                SELECT gen_random_uuid(), CASE WHEN n % 300 = 0 THEN 'acme' ELSE 'other' END, 'e', '1',
                    '{"matched":[],"refused":[]}', now() - n * interval '1 second'
                FROM generate_series(1, 30000) n
                """,
                deadline: .seconds(60)
            )
            try await fixture.pool.execute("VACUUM ANALYZE trigger_events")
            let history = TriggerHistoryRepository(pool: fixture.pool)
            let before = try await fixture.rowsRead(of: ["trigger_events"])
            let page = try await history.events(tenant: "acme", event: "e", page: 2, limit: 20)
            #expect(page.items.count == 20 && page.total == 100)
            #expect(try await history.counts(tenant: "acme", minutes: 1_440).points.count == 100)
            #expect(try await fixture.rowsRead(of: ["trigger_events"]) - before <= 300)
        }
    }

    @Test func pastTimesOfOtherTenantsAreNotRead() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.pool.execute(
                """
                WITH s AS (
                    INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression")
                    VALUES (\(campaign), 'acme', '@daily') RETURNING id
                )
                INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome)
                SELECT id, now() - n * interval '1 minute', CASE WHEN n % 300 = 0 THEN 'acme' ELSE 'other' END, 'skipped'
                FROM s, generate_series(1, 30000) n
                """,
                deadline: .seconds(60)
            )
            try await fixture.pool.execute("VACUUM ANALYZE schedule_occurrences")
            let schedules = ScheduleRepository(pool: fixture.pool)
            let before = try await fixture.rowsRead(of: ["schedule_occurrences"])
            let page = try await schedules.occurrences(tenant: "acme", days: 90, page: 1, limit: 20)
            #expect(page.items.count == 20 && page.total == 100)
            #expect(try await fixture.rowsRead(of: ["schedule_occurrences"]) - before <= 300)
        }
    }

    @Test func theHistoryOfATenantReadsNoOtherPlans() async throws {
        try await Fixture.with(connections: 1) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO reconcile_history (digest, actor, creates, updates, deletes, plan, "toolVersion")
                SELECT n::text, 'jane', 1, 0, 0, CASE n WHEN 3 THEN '{}' ELSE jsonb_build_object('changes', jsonb_build_array(
                    jsonb_build_object('action', 'create', 'tenant', CASE WHEN n = 1 THEN 'acme' ELSE 'other' END))) END, '1'
                FROM generate_series(1, 20) n
                """
            )
            let page = try await HistoryRepository().page(tenant: "acme", page: 1, limit: 20, pool: fixture.pool)
            #expect(page.total == 1 && page.items.map(\.record.digest) == ["1"])
            #expect(page.items[0].plan["omittedChanges"] == 1)
            let tenants: [Int] = try await fixture.column(
                "SELECT cardinality(tenants) FROM reconcile_history WHERE id = 3"
            )
            #expect(tenants == [0])
        }
    }

    @Test(arguments: [(60, 60), (86_400, 60), (86_401, 300), (5 * 86_400, 300), (89 * 86_400, 21_600)])
    func stepsAreAsShortAsTheLimitAllows(period: Int, step: Int) {
        #expect(RunSeriesRepository.step(for: TimeInterval(period)) == step)
    }
}
