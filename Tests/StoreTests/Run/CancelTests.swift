import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct CancelTests {
    private static func cancel(_ fixture: Fixture) async throws -> [UUID] {
        let campaigns = try await fixture.column("SELECT id FROM campaigns", as: UUID.self)
        return try await fixture.pool.transaction { connection in
            try await RunRepository.lockOpen(ofCampaigns: campaigns, on: connection)
            return try await RunRepository.cancelOpen(ofCampaigns: campaigns, reason: "gone", on: connection)
        }
    }

    /// Cancels all remaining messages in bounded steps.
    private static func cancelRest(_ fixture: Fixture, batch: Int, limit: Int = 1_000) async throws -> [Int] {
        var steps: [Int] = []
        while let step = try await RunRepository(pool: fixture.pool).cancelRest(batch: batch) {
            steps.append(step.messages)
            try #require(steps.count <= limit)
        }
        return steps
    }

    private static func expectEqual(_ run: UUID, _ fixture: Fixture) async throws -> RunCounters {
        let counters = try await fixture.counters(of: run)
        #expect(counters.counted == counters.rows)
        return counters.rows
    }

    @Test func nothingBeginsAndTheRestIsCancelledInSteps() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 250)
            let ids = try await fixture.ids(of: run)
            let messages = MessageRepository(pool: fixture.pool)
            let begun = try await messages.begin(Array(ids[..<20]), lease: 1)
            #expect(begun.count { $0.status == .sending } == 20)
            #expect(try await Self.cancel(fixture) == [run])

            let late = try await messages.begin(Array(ids[20..<30]), lease: 2)
            #expect(late.allSatisfy { $0.status == .cancelled })
            #expect(try await Self.cancelRest(fixture, batch: 100) == [70, 100, 50])
            let counters = try await Self.expectEqual(run, fixture)
            #expect(counters[.cancelled] == 230 && counters[.sending] == 20)

            // A sent message counts, and a message that returns to the queue is cancelled in a later round.
            try await messages.record([
                MessageOutcome(messageID: ids[0], lease: 1, result: .sent(waMessageID: "wamid.1"))
            ])
            _ = try await messages.settle([ExpiredLease(messageID: ids[1], lease: 1, mayBeWritten: false)])
            #expect(try await Self.cancelRest(fixture, batch: 100) == [1])
            let after = try await Self.expectEqual(run, fixture)
            #expect(after[.cancelled] == 231 && after[.sent] == 1 && after[.queued] == 0)
            let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
            #expect(record.status == .cancelled && record.statusReason == "gone")
            let status: String = try await fixture.value("SELECT status::text FROM campaigns")
            #expect(status == "cancelled")
        }
    }

    @Test func aLaunchThatWasCutOffGoesNoFurther() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(300)
            let launches = LaunchRepository(pool: fixture.pool)
            guard case .opened(let run) = try await launches.open(campaign: "promo", tenant: "acme", now: Fixture.now)
            else { return }
            for _ in 1...2 { _ = try await launches.writeBatch(of: run.id, size: 100) }
            _ = try await Self.cancel(fixture)
            let record = try await launches.writeBatch(of: run.id, size: 100).run
            #expect(record.status == .cancelled)
            #expect(try await launches.unfinished() == [])
            _ = try await Self.cancelRest(fixture, batch: 30)
            let counters = try await Self.expectEqual(run.id, fixture)
            #expect(counters[.cancelled] == 100 && counters[.pending] == 0)
        }
    }

    @Test func manyMayCancelAtOnce() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1_000)
            let ids = try await fixture.ids(of: run)
            _ = try await Self.cancel(fixture)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 1...3 {
                    group.addTask { _ = try await Self.cancelRest(fixture, batch: 37 * worker) }
                }
                group.addTask {
                    for start in stride(from: 0, to: 1_000, by: 50) {
                        let batch = Array(ids[start..<start + 50])
                        _ = try await MessageRepository(pool: fixture.pool).begin(batch, lease: 9)
                    }
                }
                try await group.waitForAll()
            }
            let counters = try await Self.expectEqual(run, fixture)
            #expect(counters[.cancelled] == 1_000)
        }
    }

    @Test func wrongCountersDoNotKeepItBusy() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 10)
            try await fixture.pool.execute("UPDATE campaign_runs SET queued = queued + 7")
            _ = try await Self.cancel(fixture)
            #expect(try await Self.cancelRest(fixture, batch: 4, limit: 10) == [4, 4, 2])
            let counters = try await Self.expectEqual(run, fixture)
            #expect(counters[.cancelled] == 10)
        }
    }

    @Test func campaignsWithoutAnOpenRunStayAsTheyAre() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            #expect(try await Self.cancel(fixture) == [])
            let status: String = try await fixture.value("SELECT status::text FROM campaigns")
            #expect(status == "draft")
            #expect(try await Self.cancelRest(fixture, batch: 10) == [])
        }
    }
}
