import Foundation
import Postgres
import Redis
import Store
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// Outcomes on their way into Postgres.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct OutcomeWriterTests {
    private static let lease: Int64 = 5

    /// A run with all messages in the state `sending`, and leased by this test in the lane.
    private func withSending(_ count: Int, _ body: (DeliveryFixture, LaneQueue, [UUID]) async throws -> Void)
        async throws
    {
        try await DeliveryFixture.with(contacts: count) { fixture in
            let run = try await fixture.launch()
            let record = try await fixture.run(run)
            let lane = LaneQueue(redis: fixture.redis, quotaGroup: fixture.group, sender: record.senderID)
            let ids = (1...count).map { MessageID.make(run: run, position: $0) }
            let held = ids.map { LaneRebuild.Held(messageID: $0, lease: Self.lease) }
            try await lane.rebuild(LaneRebuild(sender: record.senderID, sending: held, pause: .zero), epoch: 1)
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sending', holder = \(Self.lease)")
            try await fixture.pool.execute("UPDATE campaign_runs SET sending = pending, pending = 0")
            try await body(fixture, lane, ids)
        }
    }

    private func writer(_ pool: PostgresPool, _ lane: LaneQueue) -> OutcomeWriter {
        let messages = MessageRepository(pool: pool)
        return OutcomeWriter(
            record: { outcomes throws(PostgresError) in try await messages.record(outcomes) },
            lane: lane,
            logger: TestDatabase.logger,
            clock: ContinuousClock()
        )
    }

    private func outcome(_ id: UUID) -> MessageOutcome {
        MessageOutcome(messageID: id, lease: Self.lease, result: .sent(waMessageID: "wamid.\(id)"))
    }

    @Test func writesAllOfManyAndEndsTheirLeases() async throws {
        try await withSending(600) { (fixture, lane, ids) async throws -> Void in
            let writer = writer(fixture.pool, lane)
            await withTaskGroup { group in
                group.addTask { await writer.run() }
                await withTaskGroup { outcomes in
                    for id in ids { outcomes.addTask { await writer.write(outcome(id)) } }
                }
                writer.finish()
            }
            #expect(try await fixture.statuses() == [.sent: 600])
            #expect(try await lane.depth().held == 0)
        }
    }

    @Test func finishWritesWaitingOutcomes() async throws {
        try await withSending(20) { (fixture, lane, ids) async throws -> Void in
            let writer = writer(fixture.pool, lane)
            await withTaskGroup { group in
                // All outcomes are handed in before the writer runs.
                for id in ids { group.addTask { await writer.write(outcome(id)) } }
                try? await eventually("all are handed in") { writer.backlog == 20 }  // Shown by the statuses below.
                writer.finish()
                group.addTask { await writer.run() }
            }
            #expect(try await fixture.statuses() == [.sent: 20])
        }
    }

    @Test func triesAgainWhenConnectionsAreCut() async throws {
        try await withSending(50) { (fixture, lane, ids) async throws -> Void in
            let postgres = fixture.postgres.setting("application_name", to: "cut")
            let pool = PostgresPool(configuration: postgres, maxConnections: 1, logger: TestDatabase.logger)
            let writer = writer(pool, lane)
            try await withThrowingTaskGroup { group in
                group.addTask { await writer.run() }
                // The row is locked, so that the write is under way when its connection is cut.
                try await fixture.pool.transaction { connection in
                    try await connection.execute("SELECT 1 FROM campaign_messages FOR UPDATE")
                    for id in ids { group.addTask { await writer.write(outcome(id)) } }
                    // Asked outside of the transaction, which would see the activity of its beginning for ever.
                    try await eventually("the writer's connection is cut") {
                        try await fixture.pool.query(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'
                            """
                        ).count > 0
                    }
                }
                try await eventually("all are written") { try await fixture.statuses() == [.sent: 50] }
                try await eventually("all leases are over") { try await lane.depth().held == 0 }
                writer.finish()
            }
            await pool.shutdown()
            let counters = try await fixture.runs.running()[0].counters
            #expect(counters[.sent] == 50 && counters[.sending] == 0)
        }
    }

    @Test func textsThatNoColumnHoldsAreStoredWithoutThem() async throws {
        try await withSending(3) { (fixture, lane, ids) async throws -> Void in
            let writer = writer(fixture.pool, lane)
            await withTaskGroup { group in
                group.addTask { await writer.run() }
                let failure = MessageOutcome.Failure(
                    code: String(repeating: "9", count: 60),
                    message: "not \0 sent",
                    httpStatus: 400
                )
                await writer.write(MessageOutcome(messageID: ids[0], lease: Self.lease, result: .failed(failure)))
                for id in ids.dropFirst() { await writer.write(outcome(id)) }
                writer.finish()
            }
            #expect(try await fixture.statuses() == [.sent: 2, .failed: 1])
            let rows = try await fixture.pool.query(
                "SELECT \"errorMessage\" FROM campaign_messages WHERE status = 'failed'"
            )
            #expect(try rows[0].decode(0, as: String.self) == "not  sent")
        }
    }

    @Test func cancellationKeepsTheLeasesOfUnwrittenOutcomes() async throws {
        try await withSending(5) { (fixture, lane, ids) async throws -> Void in
            let writer = writer(fixture.pool, lane)
            try await fixture.pool.transaction { connection in
                try await connection.execute("SELECT 1 FROM campaign_messages FOR UPDATE")
                await withTaskGroup { group in
                    group.addTask { await writer.run() }
                    for id in ids { group.addTask { await writer.write(outcome(id)) } }
                    // The result is the same if some outcomes still wait.
                    try? await eventually("all are being written") { writer.backlog == 0 }
                    group.cancelAll()
                }
            }
            // A caller after the end does not hang either.
            await writer.write(outcome(ids[0]))
            #expect(try await lane.depth().held == 5)
            #expect(try await fixture.statuses() == [.sending: 5])
        }
    }
}
