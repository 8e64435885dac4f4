import Foundation
import Postgres
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Runtime

/// Campaigns that a schedule or an event starts, through a whole daemon.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct StartTests {
    @Test func aScheduleStartsWithinASecondOfItsTime() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            try await fixture.withDaemon { _ in
                let due: Date = try await fixture.pool.query(
                    """
                    INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt", "maxRuns")
                    SELECT id, "tenantId", '* * * * *', date_trunc('second', now()) + interval '2 seconds', 1 FROM campaigns
                    RETURNING "nextRunAt"
                    """
                )[0].decode(0)
                try await eventually(within: .seconds(20), "the run is over") {
                    let rows = try await fixture.pool.query("SELECT 1 FROM campaign_runs WHERE status = 'completed'")
                    return rows.count == 1
                }
                let row = try await fixture.pool.query(
                    """
                    SELECT r."startedAt", r."scheduledFor", r.sent + r.delivered + r.read, c.status::text
                    FROM campaign_runs r JOIN campaigns c ON c.id = r."campaignId"
                    """
                )[0]
                let lag = try row.decode(0, as: Date.self).timeIntervalSince(due)
                #expect((0..<1).contains(lag), "\(lag) s")
                #expect(try row.decode(1, as: Date.self) == due)
                #expect(try row.decode(2, as: Int.self) == 10)
                #expect(try row.decode(3, as: String.self) == "completed")
            }
        }
    }

    /// Its template is in review when the time comes; the daemon is told of the approval by Postgres.
    @Test func aStartThatWaitsForWhatsAppBeginsAtTheApproval() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            let statements: [PostgresQuery] = [
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
                VALUES (\(DeliveryFixture.tenant), 'main', '77', 'env:TOKEN', 'spec')
                """,
                "UPDATE senders SET \"accountId\" = (SELECT id FROM accounts), \"businessAccountId\" = '77'",
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, "statusAt")
                VALUES ('77', 'hello', 'en', 'PENDING', now())
                """,
            ]
            for statement in statements { try await fixture.pool.execute(statement) }
            try await fixture.withDaemon { _ in
                try await fixture.pool.execute(
                    """
                    INSERT INTO campaign_schedules (
                        "campaignId", "tenantId", "cronExpression", "nextRunAt", "maxRuns", "startWhenApproved"
                    )
                    SELECT id, "tenantId", '0 0 1 1 *', date_trunc('second', now()), 1, true FROM campaigns
                    """
                )
                try await eventually(within: .seconds(20), "the start waits") {
                    let rows = try await fixture.pool.query(
                        "SELECT 1 FROM schedule_occurrences WHERE outcome = 'waiting' AND \"waitsUntil\" > now()"
                    )
                    return rows.count == 1
                }
                try await fixture.pool.execute(
                    "UPDATE whatsapp_templates SET status = 'APPROVED', \"statusAt\" = now()"
                )
                try await eventually(within: .seconds(20), "the run is over") {
                    let rows = try await fixture.pool.query("SELECT 1 FROM campaign_runs WHERE status = 'completed'")
                    return rows.count == 1
                }
                let row = try await fixture.pool.query(
                    """
                    SELECT r."startedAt" - w."statusAt" < interval '5 seconds', r.sent + r.delivered + r.read, o.outcome
                    FROM campaign_runs r, whatsapp_templates w, schedule_occurrences o
                    """
                )[0]
                #expect(try row.decode(0, as: Bool.self), "it is woken, and does not look by chance")
                #expect(try row.decode(1, as: Int.self) == 10)
                #expect(try row.decode(2, as: String.self) == "started")
            }
        }
    }

    @Test func anEventOvertakesACampaignUnderWay() async throws {
        try await DeliveryFixture.with(contacts: 600, rate: 100) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns (
                    "tenantId", name, type, "senderId", "messageTemplate", "audienceFilter", status, "triggerType"
                )
                SELECT "tenantId", 'receipt', 'event_triggered', "senderId", "messageTemplate", "audienceFilter", 'running',
                    'payment.received'
                FROM campaigns
                """
            )
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in
                try await eventually("the campaign is under way") {
                    try await fixture.run(run).counters.accepted > 0
                }
                let triggers = TriggerService(
                    triggers: TriggerRepository(pool: fixture.pool),
                    logger: TestDatabase.logger
                )
                let group = ServiceGroup(
                    configuration: .init(services: [.init(service: triggers)], logger: TestDatabase.logger)
                )
                try await withThrowingTaskGroup { tasks in
                    tasks.addTask { try await group.run() }
                    let request = TriggerRequest(contactID: DeliveryFixture.phone(1))
                    let answer = try await triggers.fire("payment.received", request, tenant: DeliveryFixture.tenant)
                    let message = try #require(answer.matched.first?.messageId)
                    try await eventually(within: .seconds(3), "the message is out") {
                        let rows = try await fixture.pool.query(
                            "SELECT 1 FROM campaign_messages WHERE id = \(message) AND \"sentAt\" IS NOT NULL"
                        )
                        return rows.count == 1
                    }
                    await group.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                }
                let bulk = try await fixture.run(run)
                #expect(bulk.counters.open > 0, "the campaign was over before")
            }
        }
    }
}
