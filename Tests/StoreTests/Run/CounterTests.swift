import Foundation
import Postgres
import Randomness
import TestSupport
import Testing

@testable import Store

/// Counters equal the rows after any operations in any order.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct CounterTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func countersEqualRowsAfterRandomOperations(seed: UInt64) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 30, inWindow: 15)
            var walk = RandomWalk(fixture: fixture, ids: try await fixture.ids(of: run), random: SplitMix64(seed: seed))
            for step in 1...120 {
                let what = try await walk.step()
                let counters = try await fixture.counters(of: run)
                try #require(counters.counted == counters.rows, "seed \(seed), step \(step): \(what)")
                #expect(counters.rows.total == 30)
                try await fixture.expectMinutesEqualCounters(run)
            }
        }
    }

    @Test func countersEqualRowsWhenManyWriteAtOnce() async throws {
        try await Fixture.with(connections: 8) { fixture in
            let run = try await fixture.queuedRun(contacts: 60)
            let ids = try await fixture.ids(of: run)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in 1...4 as ClosedRange<UInt64> {
                    group.addTask {
                        var walk = RandomWalk(fixture: fixture, ids: ids, random: SplitMix64(seed: seed))
                        for _ in 1...60 { _ = try await walk.step() }
                    }
                }
                try await group.waitForAll()
            }
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
            try await fixture.expectMinutesEqualCounters(run)
        }
    }
}

/// Operations on some messages, drawn at random.
private struct RandomWalk {
    let fixture: Fixture
    let ids: [UUID]
    var random: SplitMix64
    var lease: Int64 = 0

    mutating func step() async throws -> String {
        let messages = MessageRepository(pool: fixture.pool)
        let chosen = Array(ids.shuffled(using: &random).prefix(Int.random(in: 1...8, using: &random)))
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1, 2:
            lease += 1
            _ = try await messages.begin(chosen, lease: lease)
            return "begin"
        case 3, 4:
            let outcomes = chosen.map { MessageOutcome(messageID: $0, lease: anyHolder(), result: result()) }
            try await messages.record(outcomes)
            return "record \(outcomes.map(\.result))"
        case 5, 6:
            let reports = chosen.map { id in
                DeliveryStatus(
                    waMessageID: "w\(id)",
                    messageID: Bool.random(using: &random) ? id : nil,
                    rank: [.sent, .failed, .delivered, .read].randomElement(using: &random) ?? .sent,
                    at: Fixture.now
                )
            }
            try await messages.park(try await messages.apply(reports))
            return "apply \(reports.map(\.rank))"
        case 7:
            _ = try await messages.settle(
                chosen.map {
                    ExpiredLease(messageID: $0, lease: anyHolder(), mayBeWritten: Bool.random(using: &random))
                }
            )
            return "settle"
        default:
            return "parked \(try await messages.applyParked())"
        }
    }

    private mutating func anyHolder() -> Int64 { max(1, lease - Int64.random(in: 0...3, using: &random)) }

    private mutating func result() -> MessageOutcome.Result {
        let failure = MessageOutcome.Failure(code: "1", message: "no", httpStatus: 500)
        return [
            .sent(waMessageID: "w\(random.next() % 100)"), .retry(after: .seconds(1), failure), .failed(failure),
            .unconfirmed(failure), .released(after: .zero), .withdrawn,
        ].randomElement(using: &random) ?? .withdrawn
    }
}
