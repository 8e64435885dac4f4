import Foundation
import Redis
import Store
import TestSupport

@testable import Runtime

/// A lane in a quota group of its own, with epoch 1.
struct LaneFixture: Sendable {
    static let lease: Int64 = 7

    let redis: RedisClient
    let group: String
    let sender: UUID
    let lane: LaneQueue
    let run = UUID()

    /// The same lane with leases of the usual length.
    var heir: LaneQueue { LaneQueue(redis: redis, quotaGroup: group, sender: sender) }

    static func with(leases: LaneLeases = LaneLeases(), _ body: (LaneFixture) async throws -> Void) async throws {
        try await TestRedis.withGroup { redis, group in
            let sender = UUID()
            let lane = LaneQueue(redis: redis, quotaGroup: group, sender: sender, leases: leases)
            let fixture = LaneFixture(redis: redis, group: group, sender: sender, lane: lane)
            _ = try await redis.send(RedisCommand("SET", .text(lane.keys.epoch), "1"))
            try await body(fixture)
        }
    }

    /// Sets the time of the lane's last slot to `silence` ago; by default to now, so that the cold start causes no
    /// wait.
    func warmUp(silent silence: Duration = .zero) async throws {
        let time = try await redis.send(RedisCommand("TIME")).asArray()
        let now = try time[0].asInt() * 1_000_000 + (try time[1].asInt())
        let last = now - silence.microseconds
        _ = try await redis.send(RedisCommand("HSET", .text(lane.keys.pace), "next", .integer(last)))
    }

    /// Pushes new messages; those at the indices `charged` are business-initiated.
    @discardableResult
    func push(_ count: Int, charged: Set<Int> = [], run: UUID? = nil) async throws -> [UUID] {
        let ids = (0..<count).map { _ in UUID() }
        let messages = ids.indices.map {
            FedMessage(id: ids[$0], delay: .zero, isBusinessInitiated: charged.contains($0))
        }
        _ = try await lane.push(messages, run: run ?? self.run, epoch: 1)
        return ids
    }

    func reserve(
        _ count: Int,
        rate: Int = 80,
        epoch: Int = 1,
        lease: Int64 = LaneFixture.lease
    ) async throws -> Reservation {
        try await lane.reserve(count, pace: Pace(ratePerSecond: rate), epoch: epoch, lease: lease)
    }

    /// Reserves until `count` ids were granted, in the order in which they were.
    func take(_ count: Int, rate: Int, lease: Int64 = LaneFixture.lease) async throws -> [UUID] {
        var taken: [UUID] = []
        try await eventually("\(count) ids are granted") {
            taken += try await reserve(min(500, count - taken.count), rate: rate, lease: lease).ids
            return taken.count >= count
        }
        return taken
    }

    func settle(_ ids: [UUID], _ end: LeaseEnd, lease: Int64 = LaneFixture.lease) async throws {
        try await lane.settle(ids.map { LeaseEnding(messageID: $0, lease: lease, end: end) })
    }

    /// The suffixes of the lane's keys, sorted.
    func kinds() async throws -> [String] {
        try await TestRedis.keys(of: group, on: redis).compactMap { $0.split(separator: ":").last.map(String.init) }
            .sorted()
    }

    func call(_ script: RedisScript, _ keys: [String], _ arguments: [RedisArgument]) async throws -> RedisReply {
        try await redis.run(script, keys: keys, arguments: arguments)
    }
}

extension Reservation {
    var slots: [TimedSlot]? { if case .slots(let slots, _) = self { slots } else { nil } }
    var ids: [UUID] { slots?.map(\.messageID) ?? [] }
}
