import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ChunkTests {
    /// A running run of 400 recipients in four chunks, the first two of them due.
    private static func withRun(_ body: (Fixture, UUID, ChunkRepository) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(400)
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute("DELETE FROM campaign_chunks")
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore")
                SELECT \(run), 1 + n * 100, 101 + n * 100, 'acme', now() + (n / 2 * 3600 - 1) * interval '1 second'
                FROM generate_series(0, 3) n
                """
            )
            try await body(fixture, run, ChunkRepository(pool: fixture.pool))
        }
    }

    @Test func dueChunksAreClaimedOnceAndTheirMessagesQueued() async throws {
        try await Self.withRun { fixture, run, chunks in
            let claim = try #require(try await chunks.claim(run: run, limit: 10))
            #expect(claim.starts.sorted() == [1, 101])
            let ids = try await fixture.ids(of: run)
            #expect(claim.messages.map(\.id) == Array(ids.prefix(200)))
            #expect(claim.messages.allSatisfy { $0.delay == .zero })
            #expect(try await chunks.claim(run: run, limit: 10) == nil)
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
            #expect(counters.rows[.queued] == 200)
            try await chunks.finish(claim)
            let due = try await fixture.value(
                "SELECT min(\"notBefore\") FROM campaign_chunks WHERE status = 'waiting'",
                as: Date.self
            )
            #expect(abs(due.timeIntervalSinceNow - 3_600) < 60)
            let fed: PostgresQuery = "SELECT count(*) FROM campaign_chunks WHERE status = 'fed'"
            #expect(try await fixture.value(fed, as: Int.self) == 2)
        }
    }

    @Test func manyClaimDifferentChunks() async throws {
        try await Self.withRun { fixture, run, chunks in
            try await fixture.pool.execute("UPDATE campaign_chunks SET \"notBefore\" = now() - interval '1 second'")
            let starts = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 1...6 { group.addTask { try await chunks.claim(run: run, limit: 1)?.starts ?? [] } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(starts.count == Set(starts).count)
            #expect(starts.count <= 4)
        }
    }

    @Test func anAbandonedChunkIsClaimedAgain() async throws {
        try await Self.withRun { _, run, chunks in
            let first = try #require(try await chunks.claim(run: run, limit: 10))
            try await chunks.abandon(first)
            let second = try #require(try await chunks.claim(run: run, limit: 10))
            #expect(second.messages.map(\.id) == first.messages.map(\.id))
        }
    }

    @Test func anotherTakesOverWhenTheLeaseHasRunOut() async throws {
        try await Self.withRun { fixture, run, chunks in
            let first = try #require(try await chunks.claim(run: run, limit: 10))
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.begin([first.messages[0].id], lease: 1)
            try await fixture.pool.execute("UPDATE campaign_chunks SET \"leaseUntil\" = now() - interval '1 second'")
            let second = try #require(try await chunks.claim(run: run, limit: 10))
            // A message that is being sent is not queued again.
            #expect(second.messages.map(\.id) == first.messages.dropFirst().map(\.id))
            try await chunks.finish(second)
            try await chunks.abandon(first)
            #expect(try await chunks.claim(run: run, limit: 10) == nil)
        }
    }

    @Test func whatWaitsForARetryKeepsWaiting() async throws {
        try await Self.withRun { fixture, run, chunks in
            let claim = try #require(try await chunks.claim(run: run, limit: 10))
            let id = claim.messages[0].id
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.begin([id], lease: 1)
            let failure = MessageOutcome.Failure(code: "500", message: "later", httpStatus: 500)
            let outcome = MessageOutcome(messageID: id, lease: 1, result: .retry(after: .seconds(90), failure))
            try await messages.record([outcome])
            try await chunks.abandon(claim)
            let again = try #require(try await chunks.claim(run: run, limit: 10)?.messages.first { $0.id == id })
            #expect(again.delay > .seconds(60) && again.delay <= .seconds(90))
        }
    }

    @Test func adjacentRangesAreMerged() {
        #expect([201..<301, 1..<101, 101..<201].mergedWhereAdjacent() == [1..<301])
        #expect([1..<101, 201..<301].mergedWhereAdjacent() == [1..<101, 201..<301])
        #expect([Range<Int>]().mergedWhereAdjacent() == [])
    }

    @Test func aLostLaneIsRebuiltByOneDaemonOnly() async throws {
        try await Self.withRun { fixture, run, chunks in
            let claim = try #require(try await chunks.claim(run: run, limit: 10))
            try await chunks.finish(claim)
            let held = Array(claim.messages.prefix(3).map(\.id))
            _ = try await MessageRepository(pool: fixture.pool).begin(held, lease: 5)
            let lanes = LaneRepository(pool: fixture.pool)
            let lane = try #require(try await lanes.open().first)
            #expect((lane.epoch, lane.expected) == (1, 200))
            try await lanes.pause(lane.id, for: .seconds(60), reason: "130429: too fast")
            try await lanes.pause(lane.id, for: .seconds(5))
            let throttles: [Int] = try await fixture.column("SELECT count FROM sender_throttles")
            #expect(throttles.reduce(0, +) == 2)

            struct Down: Error {}
            await #expect(throws: Down.self) {
                _ = try await lanes.rebuild(group: lane.quotaGroup, from: 1) { _, _ in throw Down() }
            }
            #expect(try await lanes.open().first?.epoch == 1)

            let restored = Restored()
            let epochs = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...3 {
                    group.addTask {
                        try await lanes.rebuild(group: lane.quotaGroup, from: 1) { await restored.add($0, $1) }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(epochs == [2, 2, 2])
            let calls = await restored.calls
            #expect(calls.count == 1)
            #expect(calls.first?.epoch == 2)
            let rebuild = try #require(calls.first?.lanes.first)
            #expect(rebuild.sender == lane.id)
            #expect(Set(rebuild.sending.map(\.messageID)) == Set(held))
            #expect(rebuild.sending.allSatisfy { $0.lease == 5 })
            #expect(rebuild.pause > .seconds(50))
            // All due chunks are fed again, without the messages that are being sent.
            #expect(try await chunks.claim(run: run, limit: 10)?.messages.count == 197)
        }
    }

    private actor Restored {
        var calls: [(epoch: Int, lanes: [LaneRebuild])] = []

        func add(_ epoch: Int, _ lanes: [LaneRebuild]) { calls.append((epoch, lanes)) }
    }
}
