import Foundation
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// The order of messages in a lane.
@Suite(.enabled(if: TestRedis.isAvailable))
struct LaneOrderTests {
    @Test func aSmallRunIsNotStuckBehindABigOne() async throws {
        try await LaneFixture.with { fixture in
            let small = UUID()
            try await fixture.push(10_000)
            try await fixture.warmUp()
            _ = try await fixture.take(50, rate: 5_000)
            let late = Set(try await fixture.push(1_000, run: small))
            let next = try await fixture.take(2_000, rate: 20_000)
            #expect(next.count { late.contains($0) } >= 999)
            // The runs take turns throughout, instead of following each other in two blocks.
            for part in next.chunked(by: 200) { #expect((90...110).contains(part.count { late.contains($0) })) }
        }
    }

    @Test func triggeredMessagesStandBeforeAllBulk() async throws {
        try await LaneFixture.with { fixture in
            let keys = fixture.lane.keys
            try await fixture.push(20)
            let triggered = [UUID(), UUID(), UUID()]
            _ = try await fixture.call(
                LaneScripts.push,
                [
                    keys.epoch, keys.ready, keys.delayed, keys.held, keys.passes, keys.outside, keys.outsideDelayed,
                ],
                ["1", .text(UUID().uuidString), "triggered"] + triggered.flatMap { [.text(JobID.text($0)), "0", "in"] }
            )
            try await fixture.warmUp()
            #expect(try await fixture.take(4, rate: 200).prefix(3) == triggered[...])
        }
    }

    @Test func anIdPushedTwiceIsThereOnce() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(10)
            let again = ids.map { FedMessage(id: $0, delay: .zero) }
            #expect(try await fixture.lane.push(again, run: fixture.run, epoch: 1))
            #expect(try await fixture.lane.push(again, run: UUID(), epoch: 1))
            #expect(try await fixture.lane.depth().ready == 10)
            try await fixture.warmUp()
            let taken = try await fixture.take(4, rate: 80)
            try await fixture.settle([taken[0]], .delay(.seconds(60)))
            // Some ids are held, one is delayed, the rest are ready; none of them is added twice.
            #expect(try await fixture.lane.push(again, run: fixture.run, epoch: 1))
            #expect(try await fixture.lane.depth() == LaneDepth(epoch: 1, ready: 6, delayed: 1, held: 3))
        }
    }

    @Test func nothingIsLeftAfterADrain() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(40)
            try await fixture.warmUp()
            let taken = try await fixture.take(40, rate: 400)
            #expect(taken == ids)
            // All ids are fed again while they are held; this must not leave a turn counter behind either.
            let again = ids.map { FedMessage(id: $0, delay: .zero) }
            #expect(try await fixture.lane.push(again, run: fixture.run, epoch: 1))
            try await fixture.settle(taken, .done)
            #expect(try await fixture.kinds() == ["epoch", "pace", "ring"])
            #expect(try await fixture.reserve(1) == .empty(nextRetry: nil))
        }
    }

    @Test(.timing) func pacesAllDaemonsTogether() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(500)
            try await fixture.warmUp()
            let started = ContinuousClock.now
            let ending = started + .seconds(3)
            let instants = try await withThrowingTaskGroup(of: [Duration].self) { group in
                for daemon in 1...3 {
                    group.addTask { try await Self.reserveLoop(fixture, lease: Int64(daemon), until: ending) }
                }
                return try await group.reduce(into: []) { $0 += $1 }.sorted()
            }
            for (index, start) in instants.enumerated() {
                let inSecond = instants[index...].prefix { $0 < start + .seconds(1) }.count
                #expect(inSecond <= 80)
            }
            let first = try #require(instants.first)
            let last = try #require(instants.last)
            let seconds = (last - first) / .seconds(1)
            #expect(Double(instants.count - 1) / seconds >= 0.95 * 80 * Pace.share)
        }
    }

    /// The times of the slots that one daemon got, by the server's clock.
    private static func reserveLoop(
        _ fixture: LaneFixture,
        lease: Int64,
        until end: ContinuousClock.Instant
    ) async throws -> [Duration] {
        var instants: [Duration] = []
        while ContinuousClock.now < end {
            switch try await fixture.reserve(128, lease: lease) {
            case .slots(let slots, _):
                instants += try await Self.instants(of: slots, in: fixture)
                try await fixture.settle(slots.map(\.messageID), .done, lease: lease)
            case .wait(let rest):
                try await Task.sleep(for: min(rest, .milliseconds(50)))
            case .empty, .paused, .stale:
                Issue.record("the line should not end")
                return instants
            }
        }
        return instants
    }

    /// The leases say when the slots are: each ends a fixed time after its slot.
    private static func instants(of slots: [TimedSlot], in fixture: LaneFixture) async throws -> [Duration] {
        let command = RedisCommand(
            "ZMSCORE",
            arguments: [.text(fixture.lane.keys.leases)] + slots.map { .text(JobID.text($0.messageID)) }
        )
        return try await fixture.redis.send(command).asArray().map { score in
            .microseconds(Int((Double(try score.asText()) ?? 0) * 1_000))
        }
    }
}
