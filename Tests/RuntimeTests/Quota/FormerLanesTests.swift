import Foundation
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// Quota groups that were renamed: what Redis counted under the former name still counts.
@Suite(.enabled(if: TestRedis.isAvailable))
struct FormerLanesTests {
    @Test func theQuotaIsCarriedAndTheFormerLaneEmptied() async throws {
        try await LaneFixture.with { fixture in
            let hours = try await fixture.hours().prefix(25).reversed()
            let current = try #require(hours.last)
            _ = try await fixture.redis.send(RedisCommand("SET", .text(fixture.lane.keys.quota + current), "9"))
            try await fixture.push(3)
            try await TestRedis.withGroup(ofTenant: "acme") { redis, group in
                let quota = hours.map { QuotaBucket(hour: $0, count: $0 == current ? 4 : 1) }
                let lost = LaneRebuild(
                    sender: fixture.sender,
                    sending: [],
                    pause: .zero,
                    quota: quota,
                    formerGroup: fixture.group
                )
                // Twice, as after a crash.
                _ = try await FormerLanes.carried([lost], on: redis)
                let carried = try #require(try await FormerLanes.carried([lost], on: redis).first)
                #expect(carried.quota.last?.count == 9 && carried.quota.first?.count == 1)
                let renamed = LaneQueue(redis: redis, quotaGroup: group, sender: fixture.sender)
                try await renamed.rebuild(carried, epoch: 2)
                let key = renamed.keys.quota + current
                #expect(try await redis.send(RedisCommand("GET", .text(key))).asInt() == 9)
                #expect(try await fixture.lane.depth() == LaneDepth(epoch: nil, ready: 0, delayed: 0, held: 0))
            }
        }
    }

    /// A sender that moves to another group sends nothing more from its former lane; the others of that group go on.
    @Test func aLaneThatItsSenderHasLeftIsEmptied() async throws {
        try await LaneFixture.with { fixture in
            try await fixture.push(3)
            let other = LaneQueue(redis: fixture.redis, quotaGroup: fixture.group, sender: UUID())
            _ = try await other.push(
                [FedMessage(id: UUID(), delay: .zero, isBusinessInitiated: false)],
                run: UUID(),
                epoch: 1
            )
            let quota = [QuotaBucket(hour: "2026120109", count: 4)]
            let moved = LaneRebuild(
                sender: fixture.sender,
                sending: [],
                pause: .zero,
                quota: quota,
                leftGroup: fixture.group
            )
            for _ in 0..<2 {
                let carried = try await FormerLanes.carried([moved], on: fixture.redis)
                #expect(carried.map(\.quota) == [quota])
            }
            #expect(try await fixture.lane.depth() == LaneDepth(epoch: 1, ready: 0, delayed: 0, held: 0))
            #expect(try await other.depth().ready == 1)
        }
    }

    /// The time until enough of the oldest hours have left the quota.
    @Test func quotaReturnsWhenEnoughHoursAreADayOld() async throws {
        try await LaneFixture.with { fixture in
            let hours = try await fixture.hours()
            for (age, count) in [(24, 2), (20, 3), (3, 5)] {
                let key = fixture.lane.keys.quota + hours[age]
                _ = try await fixture.redis.send(RedisCommand("SET", .text(key), .integer(count)))
            }
            try await fixture.pushOutside(1)
            try await fixture.warmUp()
            // The limit was lowered to 8: after the oldest hour 8 are left, so another one has to leave.
            guard case .empty(nil, let exhausted?) = try await fixture.reserve(1, quota: 8) else {
                Issue.record("the quota is used up")
                return
            }
            #expect(exhausted > .seconds(4 * 3600) && exhausted <= .seconds(5 * 3600))
        }
    }
}
