import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct HousekeepingTests {
    @Test(arguments: HousekeepingRepository.Leftover.allCases)
    func whatIsOldGoesInPortions(leftover: HousekeepingRepository.Leftover) async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            let schedule: UUID = try await fixture.value(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression") VALUES (\(campaign), 'acme', '@daily')
                RETURNING id
                """
            )
            try await fixture.addContacts(1)
            let run = try await fixture.launch()
            let sender: UUID = try await fixture.value("SELECT id FROM senders")
            let old = Double(leftover.days) + 0.1
            let (columns, values): (PostgresQuery, PostgresQuery) =
                switch leftover {
                case .failures:
                    (
                        "\"tenantId\", \"messageId\", attempt, \"errorCode\", \"errorMessage\"",
                        "'acme', gen_random_uuid(), 1, 'x', 'y'"
                    )
                case .events:
                    ("id, \"tenantId\", event, \"contactId\", answer", "gen_random_uuid(), 'acme', 'e', '1', '{}'")
                case .notifications: ("\"tenantId\", reason, event", "'acme', 'quota', '{}'")
                case .inbound: ("\"waMessageId\"", "n::text")
                case .moves: ("\"tenantId\", key, at, number", "'acme', n::text, now(), '2547'")
                case .occurrences:
                    (
                        "\"scheduleId\", \"scheduledFor\", \"tenantId\", outcome",
                        "\(schedule)::uuid, now() + n * interval '1 day', 'acme', 'skipped'"
                    )
                case .minutes:
                    (
                        "\"runId\", accepted, revoked, delivered, read, failed, retried",
                        "\(run)::uuid, 1, 0, 0, 0, 0, 0"
                    )
                case .throttles: ("\"senderId\", \"tenantId\", count, until", "\(sender)::uuid, 'acme', 1, now()")
                case .daemons: ("id, version, since", "gen_random_uuid(), '1', now()")
                }
            try await fixture.pool.execute(
                """
                INSERT INTO \(identifier: leftover.rawValue) (\(fragment: columns), \(identifier: leftover.column))
                SELECT \(fragment: values), now() - CASE WHEN n <= 7 THEN \(old)::float8 ELSE 1 END * interval '1 day'
                    - n * interval '1 minute'
                FROM generate_series(1, 10) n
                """
            )
            let housekeeping = HousekeepingRepository(pool: fixture.pool)
            #expect(try await housekeeping.remove(leftover, limit: 5) == 5)
            #expect(try await housekeeping.remove(leftover, limit: 5) == 2)
            #expect(try await housekeeping.remove(leftover, limit: 5) == 0)
            let left: Int = try await fixture.value("SELECT count(*) FROM \(identifier: leftover.rawValue)")
            #expect(left == 3)
        }
    }

    @Test func chunksOfEndedEventsGo() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "event_triggered")
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"triggerType\" = 'payment.received', status = 'running' WHERE id = \(campaign)"
            )
            try await fixture.addContacts(3, at: Date())
            let triggers = TriggerRepository(pool: fixture.pool)
            let chunks = ChunkRepository(pool: fixture.pool)
            var messages: [UUID] = []
            for number in 1...3 {
                let request = TriggerRequest(contactID: String(254_700_000_000 + number))
                let answers = try await triggers.fire([request], event: "payment.received", tenant: "acme", now: Date())
                messages += answers[0].matched.map(\.messageId)
            }
            let housekeeping = HousekeepingRepository(pool: fixture.pool)
            #expect(try await housekeeping.removeChunks() == 0)
            let run = MessageID.run(of: messages[0])
            let claim = try #require(try await chunks.claim(run: run, limit: 10))
            try await chunks.finish(claim)
            #expect(try await housekeeping.removeChunks() == 0)
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sent' WHERE id = \(messages[0])")
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'unconfirmed' WHERE id = \(messages[1])"
            )
            #expect(try await housekeeping.removeChunks() == 1)
            let left: [Int] = try await fixture.column("SELECT \"startPosition\" FROM campaign_chunks ORDER BY 1")
            #expect(left == [2, 3])
        }
    }
}
