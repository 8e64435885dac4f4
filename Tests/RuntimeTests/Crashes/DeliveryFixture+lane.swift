import Foundation
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// The steps of a daemon on its lane, for tests in which it dies between two of them.
extension DeliveryFixture {
    /// The lane of a run, as if it had just been built.
    func lane(of run: UUID, leases: LaneLeases) async throws -> LaneQueue {
        let sender = try await self.run(run).senderID
        let lane = LaneQueue(redis: redis, quotaGroup: group, sender: sender, leases: leases)
        _ = try await LaneRepository(pool: pool).open()
        _ = try await redis.send(RedisCommand("SET", .text(lane.keys.epoch), "1"))
        return lane
    }

    /// Feeds all messages of a run.
    ///
    /// - Returns: Their ids, in the order of the lane.
    func feed(_ run: UUID, into lane: LaneQueue) async throws -> [UUID] {
        let chunks = ChunkRepository(pool: pool)
        var messages: [FedMessage] = []
        while let claim = try await chunks.claim(run: run, limit: 10) {
            #expect(try await lane.push(claim.messages, run: run, epoch: 1))
            try await chunks.finish(claim)
            messages += claim.messages
        }
        return messages.map(\.id)
    }

    /// Reserves messages under one lease, in as many calls as that takes.
    func reserveAll(
        _ count: Int,
        from lane: LaneQueue,
        lease: Int64 = .random(in: 1...Int64.max)
    ) async throws -> (ids: [UUID], token: Int64) {
        var ids: [UUID] = []
        try await eventually("everything is reserved") {
            ids += try await lane.reserve(count - ids.count, pace: Pace(ratePerSecond: 5_000), epoch: 1, lease: lease)
                .ids
            return ids.count == count
        }
        return (ids, lease)
    }
}
