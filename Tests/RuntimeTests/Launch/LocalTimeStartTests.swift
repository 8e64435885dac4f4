import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// A schedule by the clock of each contact, through whole daemons.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct LocalTimeStartTests {
    /// The first zone gets its messages at once; those of the second wait through the end of a daemon and a loss of Redis.
    @Test func eachZoneGetsItAtItsTime() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            // The numbers are of São Paulo, and it is two hours earlier in Rio Branco.
            try await fixture.pool.execute(
                """
                UPDATE contacts SET metadata = metadata || '{"timeZone": "America/Rio_Branco"}'
                WHERE right("contactId", 1) IN ('1', '2', '3')
                """
            )
            try await fixture.withDaemon { _ in
                try await fixture.pool.execute(
                    """
                    INSERT INTO campaign_schedules (
                        "campaignId", "tenantId", "cronExpression", "timeZone", "nextRunAt", "maxRuns", "localTime"
                    )
                    SELECT id, "tenantId", '* * * * *', 'America/Sao_Paulo', date_trunc('minute', now()), 1, true FROM campaigns
                    """
                )
                try await eventually(within: .seconds(20), "those in São Paulo have got it") {
                    try await Self.accepted(fixture) == 7
                }
                let run: UUID = try await fixture.pool.query("SELECT id FROM campaign_runs")[0].decode(0)
                let record = try await fixture.run(run)
                #expect(record.counters[.pending] == 3 && record.status == .running)
                let outlook = try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: record))
                #expect(outlook.waiting.reason == .localTime)
                let until = try #require(outlook.waiting.until)
                #expect((6_000...7_200).contains(until.timeIntervalSinceNow), "\(until)")
                for key in try await TestRedis.keys(of: fixture.group, on: fixture.redis) {
                    _ = try await fixture.redis.send(RedisCommand("DEL", .text(key)))
                }
            }
            let run: UUID = try await fixture.pool.query("SELECT id FROM campaign_runs")[0].decode(0)
            try await fixture.withDaemon { _ in
                #expect(try await Self.accepted(fixture) == 7)
                try await fixture.pool.execute(
                    """
                    UPDATE campaign_chunks SET "notBefore" = "notBefore" - interval '2 hours',
                        "zoneTime" = "zoneTime" - interval '2 hours'
                    """
                )
                try await fixture.completes(run)
            }
            try await fixture.expectDelivered(run, contacts: 10)
            #expect(try await fixture.pool.query("SELECT 1 FROM campaign_runs").count == 1)
        }
    }

    private static func accepted(_ fixture: DeliveryFixture) async throws -> Int {
        try await fixture.pool.query("SELECT coalesce(sum(sent + delivered + read), 0)::bigint FROM campaign_runs")[0]
            .decode(0)
    }
}
