import Foundation
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// Charges of a lane to the 24 h quota, and their return.
@Suite(.enabled(if: TestRedis.isAvailable))
struct LaneQuotaTests {
    @Test func reservesNoMoreThanTheQuotaAndLetsInWindowMessagesPass() async throws {
        try await LaneFixture.with { fixture in
            let outside = try await fixture.pushOutside(10)
            let inside = try await fixture.push(5)
            try await fixture.warmUp()
            let taken = try await fixture.takeAll(quota: 3)
            #expect(taken.count(where: \.isCharged) == 3)
            #expect(Set(taken.filter(\.isCharged).map(\.messageID)) == Set(outside.prefix(3)))
            #expect(Set(taken.filter { !$0.isCharged }.map(\.messageID)) == Set(inside))
            #expect(try await fixture.used() == 3)
            #expect(try await fixture.lane.waitingForQuota() == Array(outside.dropFirst(3)))
        }
    }

    @Test func theQuotaIsUsedUpOnlyWhenNoChargeCanBeGivenBack() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.pushOutside(3)
            try await fixture.warmUp()
            let taken = try await fixture.takeAll(quota: 2).map(\.messageID)
            #expect(taken.count == 2)
            guard case .empty(let next, nil) = try await fixture.reserve(5, quota: 2) else {
                Issue.record("told while two are on their way")
                return
            }
            #expect(next.map { $0 <= .milliseconds(100) } == true)
            try await fixture.settle([taken[0]], .done)
            try await fixture.settle([taken[1]], .void)
            // One charge was given back, so the third message may be sent.
            let rest = try await fixture.takeAll(quota: 2)
            #expect(rest.count == 1)
            try await fixture.settle(rest.map(\.messageID), .done)
            try await fixture.pushOutside(1)
            guard case .empty(nil, let exhausted?) = try await fixture.reserve(5, quota: 2) else {
                Issue.record("not told")
                return
            }
            // Taken in this hour, it returns when all of this hour is 24 hours old.
            #expect(exhausted > .seconds(24 * 3600) && exhausted <= .seconds(25 * 3600))
        }
    }

    @Test(arguments: [(LeaseEnd.done, 1), (.void, 0), (.release, 0), (.delay(.seconds(60)), 0)])
    func givesBackChargesOfMessagesThatWereNotAccepted(end: LeaseEnd, expected: Int) async throws {
        try await LaneFixture.with { fixture in
            try await fixture.pushOutside(1)
            try await fixture.warmUp()
            let taken = try await fixture.takeAll(quota: 5).map(\.messageID)
            #expect(try await fixture.used() == 1)
            for _ in 1...2 { try await fixture.settle(taken, end) }
            #expect(try await fixture.used() == expected)
        }
    }

    @Test func sendersOfOneGroupShareTheQuotaAndEachHourIsABucketOfADay() async throws {
        try await LaneFixture.with { fixture in
            let other = LaneQueue(redis: fixture.redis, quotaGroup: fixture.group, sender: UUID())
            let hours = try await fixture.hours()
            for (age, count) in [(0, 1), (24, 4), (25, 100)] {
                _ = try await fixture.redis.send(
                    RedisCommand("SET", .text(fixture.lane.keys.quota + hours[age]), .integer(count))
                )
            }
            try await fixture.pushOutside(4)
            let messages = (0..<4).map { _ in FedMessage(id: UUID(), delay: .zero, isBusinessInitiated: true) }
            _ = try await other.push(messages, run: UUID(), epoch: 1)
            try await fixture.warmUp()
            #expect(try await fixture.takeAll(quota: 8).count == 3)
            guard
                case .empty(nil, let exhausted?) = try await other.reserve(
                    5,
                    pace: Pace(ratePerSecond: 80),
                    quota: 8,
                    epoch: 1,
                    lease: 8
                )
            else {
                Issue.record("the other sender has a quota of its own")
                return
            }
            // The oldest bucket leaves within the hour.
            #expect(exhausted <= .seconds(3600))
            let ttl = try await fixture.redis.send(RedisCommand("TTL", .text(fixture.lane.keys.quota + hours[0])))
            #expect(try ttl.asInt() > 24 * 3600)
        }
    }

    @Test func aBucketThatIsLostAloneIsNoticedBeforeAnythingElseIsTaken() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.pushOutside(10)
            try await fixture.warmUp()
            let taken = try await fixture.takeUntil(4, quota: 100)
            try await fixture.settle([taken[0]], .void)
            #expect(try await fixture.used() == 3)
            // A returned charge does not look like a lost bucket, and neither does a charge that another program adds.
            let current = fixture.lane.keys.quota + (try await fixture.hours()[0])
            _ = try await fixture.redis.send(RedisCommand("INCRBY", .text(current), "2"))
            #expect(try await fixture.takeUntil(1, quota: 100).count == 1)

            _ = try await fixture.redis.send(RedisCommand("DEL", .text(current)))
            #expect(try await fixture.reserve(5, quota: 100) == .stale)
            // The keeper sees a group without an epoch, and rebuilds it.
            #expect(try await fixture.lane.depth().epoch == nil)
            let quota = [QuotaBucket(hour: try await fixture.hours()[0], count: 4)]
            let lost = LaneRebuild(sender: fixture.sender, sending: [], pause: .zero, quota: quota)
            try await fixture.lane.rebuild(lost, epoch: 1)
            try await fixture.pushOutside(3)
            #expect(try await fixture.takeUntil(1, quota: 100).count == 1)
            #expect(try await fixture.used() == 5)
        }
    }

    @Test func messagesWithdrawnForTheQuotaLeaveNothingBehind() async throws {
        try await LaneFixture.with { fixture in
            let waiting = try await fixture.pushOutside(3)
            try await fixture.warmUp()
            #expect(try await fixture.kinds().contains("passes"))
            try await fixture.lane.withdraw(waiting)
            #expect(try await fixture.reserve(5, quota: 100) == .empty(nextRetry: nil))
            #expect(try await fixture.kinds() == ["epoch", "pace"])
        }
    }

    @Test func countsAreDroppedWithTheirHour() async throws {
        try await LaneFixture.with { fixture in
            let hours = try await fixture.hours()
            _ = try await fixture.redis.send(
                RedisCommand("HSET", .text(fixture.lane.keys.counts), .text(hours[25]), "7", "2001010100", "3")
            )
            try await fixture.pushOutside(2)
            try await fixture.warmUp()
            #expect(try await fixture.takeUntil(2, quota: 100).count == 2)
            let fields = try await fixture.redis.send(RedisCommand("HKEYS", .text(fixture.lane.keys.counts))).asArray()
            #expect(fields.compactMap(\.text) == [hours[0]])
        }
    }

    @Test func aRebuildWritesTheCountsOfPostgres() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.pushOutside(5)
            try await fixture.warmUp()
            _ = try await fixture.takeAll(quota: 5)
            let hours = try await fixture.hours()
            let held = LaneRebuild.Held(messageID: UUID(), lease: 7, isBusinessInitiated: true)
            let quota = hours.prefix(25).reversed().enumerated().map { QuotaBucket(hour: $1, count: $0 == 24 ? 2 : 0) }
            let lost = LaneRebuild(sender: fixture.sender, sending: [held], pause: .zero, quota: quota)
            try await fixture.lane.rebuild(lost, epoch: 2)
            #expect(try await fixture.used() == 2)
            try await fixture.settle([held.messageID], .void)
            #expect(try await fixture.used() == 1)
        }
    }
}

extension LaneFixture {
    @discardableResult
    func pushOutside(_ count: Int) async throws -> [UUID] {
        let messages = (0..<count).map { _ in FedMessage(id: UUID(), delay: .zero, isBusinessInitiated: true) }
        _ = try await lane.push(messages, run: run, epoch: 1)
        return messages.map(\.id)
    }

    func reserve(_ count: Int, quota: Int?) async throws -> Reservation {
        try await lane.reserve(count, pace: Pace(ratePerSecond: 400), quota: quota, epoch: 1, lease: Self.lease)
    }

    /// Reserves until nothing is granted any more.
    func takeAll(quota: Int) async throws -> [TimedSlot] {
        var taken: [TimedSlot] = []
        try await eventually("nothing more is granted") {
            let reservation = try await reserve(20, quota: quota)
            taken += reservation.slots ?? []
            if case .empty = reservation { return true }
            return false
        }
        return taken
    }

    /// Reserves until `count` ids were granted.
    func takeUntil(_ count: Int, quota: Int) async throws -> [UUID] {
        var taken: [UUID] = []
        try await eventually("\(count) ids are granted") {
            taken += try await reserve(count - taken.count, quota: quota).ids
            return taken.count >= count
        }
        return taken
    }

    /// The names of the last 25 hours' buckets; the current one first.
    func hours() async throws -> [String] {
        let seconds = try await redis.send(RedisCommand("TIME")).asArray()[0].asInt()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return (0...25).map { age in
            let date = Date(timeIntervalSince1970: Double(seconds - age * 3600))
            let parts = calendar.dateComponents([.year, .month, .day, .hour], from: date)
            let numbers = [parts.month, parts.day, parts.hour].map { String(format: "%02d", $0 ?? 0) }
            return "\(parts.year ?? 0)" + numbers.joined()
        }
    }

    /// The sum of the buckets of the last 24 hours.
    func used() async throws -> Int {
        var sum = 0
        for hour in try await hours().prefix(24) {
            sum += try await redis.send(RedisCommand("GET", .text(lane.keys.quota + hour))).asOptionalInt() ?? 0
        }
        return sum
    }
}
