import Foundation
import Postgres
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Runtime

/// Webhooks that are committed in one batch.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct StatusIntakeTests {
    /// The reports of one webhook; no row can hold a NUL.
    private static func webhook(_ number: Int) -> (isGood: Bool, DeliveryStatus, InboundReport) {
        let isGood = number % 3 > 0
        let status = DeliveryStatus(
            waMessageID: "wamid.\(number)" + (number % 6 == 0 ? "\0" : ""),
            messageID: nil,
            rank: .delivered,
            at: Date(),
            failure: nil
        )
        var report = InboundReport()
        report.messages = [
            InboundReport.Message(
                id: "wamid.in.\(number)" + (number % 6 == 3 ? "\0" : ""),
                phoneNumberID: "1001",
                from: "254711000001",
                at: Date(),
                texts: ["hello"]
            )
        ]
        return (isGood, status, report)
    }

    @Test func aWebhookThatCannotBeStoredSpoilsNoOther() async throws {
        try await TestDatabase.with(template: .migrated) { pool in
            try await pool.execute(
                """
                INSERT INTO senders
                    ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup", "dailyLimit")
                VALUES ('acme', 'main', '1001', 'env:TOKEN', 80, 'acme-group', 1000)
                """
            )
            try await pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId") VALUES ('acme', '+254711000001')
                """
            )
            let intake = StatusIntake(
                messages: MessageRepository(pool: pool),
                inbound: InboundRepository(pool: pool),
                contacts: ContactIDRepository(pool: pool),
                guards: RunGuards(runs: RunRepository(pool: pool), logger: TestDatabase.logger),
                failure: WhatsAppChannel.failure(code:message:),
                logger: TestDatabase.logger
            )
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: intake)], logger: TestDatabase.logger)
            )
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await group.run() }
                let stored = await withTaskGroup(of: (isGood: Bool, isStored: Bool).self) { webhooks in
                    for number in 0..<60 {
                        webhooks.addTask {
                            let (isGood, status, report) = Self.webhook(number)
                            do {
                                try await intake.take(ChannelReports(statuses: [status], inbound: report))
                                return (isGood, true)
                            } catch {
                                return (isGood, false)
                            }
                        }
                    }
                    return await webhooks.reduce(into: [(isGood: Bool, isStored: Bool)]()) { $0.append($1) }
                }
                #expect(stored.count == 60 && stored.allSatisfy { $0.isGood == $0.isStored })
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            let row = try await pool.query(
                """
                SELECT (SELECT count(*) FROM webhook_inbox WHERE "waMessageId" IN
                        (SELECT 'wamid.' || n FROM generate_series(0, 59) n WHERE n % 6 > 0)),
                    (SELECT "messageCount" FROM contacts), (SELECT count(*) FROM inbound_messages)
                """
            )[0]
            // All but the ten statuses and the ten messages that no row can hold, also of the same webhooks.
            #expect(try row.decode(0, as: Int.self) == 50)
            #expect(try row.decode(1, as: Int.self) == 50)
            #expect(try row.decode(2, as: Int.self) == 50)
        }
    }
}
