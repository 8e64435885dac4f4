import Foundation
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// The slots that a lane grants, and their times.
@Suite(.timing, .enabled(if: TestRedis.isAvailable))
struct LaneReserveTests {
    @Test(arguments: [
        // count, interval, horizon, lead, lease, cap
        ["0", "1000", "250000", "0", "1000", "0"], ["501", "1000", "250000", "0", "1000", "0"],
        ["1", "0", "250000", "0", "1000", "0"], ["1", "1000", "0", "0", "1000", "0"],
        ["1", "1000", "250000", "-1", "1000", "0"], ["1", "1000", "250000", "0", "0", "0"],
        ["1", "1000", "250000", "0", "1000", "-1"], ["many", "1000", "250000", "0", "1000", "0"],
        ["1", "", "250000", "0", "1000", "0"],
    ])
    func refusesSenselessArgumentsBeforeItTouchesAnything(_ arguments: [String]) async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(1)
            try await fixture.warmUp()
            let keys = fixture.lane.keys
            await #expect(throws: RedisError.self) {
                _ = try await fixture.call(
                    LaneScripts.reserve,
                    [
                        keys.epoch, keys.pace, keys.ring, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes,
                        keys.outside, keys.outsideDelayed, keys.quota,
                    ],
                    ["1", "7"] + arguments.map { .text($0) } + ["-1"]
                )
            }
            let depth = try await fixture.lane.depth()
            #expect(depth == LaneDepth(epoch: 1, ready: 1, delayed: 0, held: 0))
        }
    }

    @Test func waitsASecondWithoutAPastSlot() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(1)
            let started = ContinuousClock.now
            #expect(try await fixture.reserve(1) == .wait(.seconds(1)))
            // The lane has no past slots: the first slot is a second away, outside of the horizon until 750 ms have
            // passed.
            guard case .wait(let rest) = try await fixture.reserve(1) else {
                Issue.record("a slot within the first second")
                return
            }
            #expect(rest > .milliseconds(500) && rest <= .milliseconds(750))
            var offset = Duration.zero
            try await eventually("a slot is granted") {
                offset = try await fixture.reserve(1).slots?.first?.offset ?? .zero
                return offset > .zero
            }
            #expect(ContinuousClock.now - started + offset > .milliseconds(950))
        }
    }

    @Test func dropsASlotThatIsImpossiblyFarAhead() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(1)
            _ = try await fixture.redis.send(
                RedisCommand("HSET", .text(fixture.lane.keys.pace), "next", "9000000000000000")
            )
            #expect(try await fixture.reserve(1) == .wait(.seconds(1)))
            let clamped = try await fixture.redis.send(RedisCommand("HGET", .text(fixture.lane.keys.pace), "clamped"))
            #expect(clamped.text == "1")
        }
    }

    @Test func spacesSlotsEvenlyUpToTheHorizon() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(100)
            try await fixture.warmUp()
            let slots = try #require(try await fixture.reserve(100).slots)
            let offsets = slots.map(\.offset.microseconds)
            let interval = Pace(ratePerSecond: 80).intervalMicroseconds
            #expect(offsets.allSatisfy { $0 >= 19_999 && $0 <= 250_000 })
            for (one, next) in zip(offsets, offsets.dropFirst()) { #expect(abs(Double(next - one) - interval) <= 2) }
            #expect(slots.count == Int(230_000 / interval) + 1)
            // The next slots are beyond the horizon of the first call.
            switch try await fixture.reserve(100) {
            case .wait(let rest): #expect(rest <= .milliseconds(14))
            case .slots(let next, _): #expect((next.first?.offset ?? .zero) > .milliseconds(230) || next.count < 18)
            case let other: Issue.record("\(other)")
            }
        }
    }

    /// The first requests open connections, which delays them; `nil` is a lane without a past slot.
    @Test(arguments: [Duration.seconds(4), nil])
    func grantsATenthLessInTheSecondAfterSilence(_ silence: Duration?) async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(300)
            if let silence { try await fixture.warmUp(silent: silence) }
            let started = ContinuousClock.now
            var slots: [Int] = []
            try await eventually("slots of more than two seconds are granted") {
                let asked = ContinuousClock.now
                slots += try await fixture.reserve(100).slots?.map { (asked - started + $0.offset).microseconds } ?? []
                return (slots.last ?? 0) - (slots.first ?? 0) > 2_200_000
            }
            let first = try #require(slots.first)
            let usual = 1_000_000 / Pace(ratePerSecond: 80).intervalMicroseconds
            let cold = slots.count { $0 < first + 1_000_000 }
            let warm = slots.count { (1_100_000..<2_100_000).contains($0 - first) }
            #expect(abs(Double(cold) - usual / 1.1) <= 2)
            #expect(abs(Double(warm) - usual) <= 2)
        }
    }

    @Test func neverGrantsMoreThanTheRingAllowsWhenTheRateIsLowered() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(300)
            try await fixture.warmUp()
            let fast = try #require(try await fixture.reserve(100, rate: 400).slots)
            #expect(fast.count > 80)
            // The second that ends with the fast slots is full for the next 10: the slow ones start a second later.
            let started = ContinuousClock.now
            var granted: (offset: Duration, at: ContinuousClock.Instant)?
            try await eventually("a slow slot") {
                let slots = try await fixture.reserve(10, rate: 10).slots
                granted = (slots?.first).map { ($0.offset, .now) }
                return granted != nil
            }
            let (offset, at) = try #require(granted)
            #expect(at - started + offset >= .seconds(1))
        }
    }

    @Test func grantsNothingDuringAPauseAndGoesOnAfterIt() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(5)
            try await fixture.warmUp()
            try await fixture.lane.pause(for: .milliseconds(400))
            // A shorter pause does not end the longer one.
            try await fixture.lane.pause(for: .milliseconds(1))
            guard case .paused(let rest) = try await fixture.reserve(5) else {
                Issue.record("granted during a pause")
                return
            }
            #expect(rest > .milliseconds(200) && rest <= .milliseconds(400))
            try await eventually("the pause ends") { try await fixture.reserve(5).slots != nil }
        }
    }

    @Test func rampsUpAfterAPause() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(50)
            try await fixture.warmUp()
            try await fixture.lane.pause(for: .milliseconds(50))
            var slots: [TimedSlot] = []
            try await eventually("two slots are granted after the pause") {
                slots = try await fixture.reserve(5).slots ?? []
                return slots.count >= 2
            }
            // A quarter of the pace at first, and still less than half of it three seconds later.
            let usual = Duration.microseconds(Int(Pace(ratePerSecond: 80).intervalMicroseconds))
            #expect(slots[1].offset - slots[0].offset > usual * 2)
        }
    }

    @Test func keepsAPauseThatIsLongerThanAnHour() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.lane.pause(for: .seconds(7_200))
            let expiry = try await fixture.redis.send(RedisCommand("TTL", .text(fixture.lane.keys.pace))).asInt()
            #expect(expiry >= 7_200)
        }
    }

    @Test func isStaleForAnotherEpoch() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(1)
            #expect(try await fixture.reserve(1, epoch: 2) == .stale)
            #expect(try await fixture.lane.push([FedMessage(id: UUID(), delay: .zero)], run: UUID(), epoch: 2) == false)
            _ = try await fixture.redis.send(RedisCommand("DEL", .text(fixture.lane.keys.epoch)))
            #expect(try await fixture.reserve(1) == .stale)
            #expect(try await fixture.lane.depth().epoch == nil)
        }
    }

    @Test func promotesDelayedMessagesWhenTheirTimeHasCome() async throws {
        try await LaneFixture.with { fixture in
            let late = FedMessage(id: UUID(), delay: .milliseconds(300))
            #expect(try await fixture.lane.push([late], run: fixture.run, epoch: 1))
            try await fixture.warmUp()
            guard case .empty(let next?, _) = try await fixture.reserve(1) else {
                Issue.record("expected an empty line with a retry to come")
                return
            }
            // Both the due time and what is left until then are rounded to whole milliseconds, the latter upwards.
            #expect(next <= .milliseconds(301))
            #expect(try await fixture.take(1, rate: 80) == [late.id])
            #expect(try await fixture.reserve(1) == .empty(nextRetry: nil))
        }
    }

    @Test func dueRetriesGoFirst() async throws {
        try await LaneFixture.with { fixture in
            let line = try await fixture.push(10)
            try await fixture.warmUp()
            #expect(try await fixture.take(2, rate: 80) == Array(line.prefix(2)))
            try await fixture.settle([line[0]], .delay(.milliseconds(1)))
            try await eventually("the retry is due") {
                let score = try await fixture.redis.send(
                    RedisCommand("ZSCORE", .text(fixture.lane.keys.delayed), .text(JobID.text(line[0])))
                )
                let time = try await fixture.redis.send(RedisCommand("TIME")).asArray()
                return try (score.text.flatMap(Double.init) ?? 0) < Double(time[0].asInt() * 1000)
                    + Double(time[1].asInt()) / 1000
            }
            #expect(try await fixture.take(1, rate: 80) == [line[0]])
        }
    }
}
