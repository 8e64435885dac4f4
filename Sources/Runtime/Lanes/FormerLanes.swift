import Foundation
import Redis
import Store

/// The keys that Redis has of lanes under other quota groups: those that a sender has left, and the names that groups had
/// before they were the tenant's own.
///
/// A plan moves a sender to another group in Postgres, which counts what it has sent; Redis cannot be reached from there. The
/// first rebuild under the new group removes the former lane, so that nothing more is reserved from it, while the messages that
/// it held are fed into the new one. A group that a migration renamed also carries its quota over: each hour counts what
/// Postgres or the former bucket says, whichever is more.
enum FormerLanes {
    /// Returns the lanes with the former buckets of their group, and removes what is left of the lanes.
    ///
    /// - Throws: `RedisError`; repeating the call does no harm, because the buckets stay until they expire.
    static func carried(_ lanes: [LaneRebuild], on redis: RedisClient) async throws(RedisError) -> [LaneRebuild] {
        let prefix = redis.configuration.keyPrefix
        for lane in lanes {
            // Other senders may still be in the group, so its epoch stays.
            guard let left = lane.leftGroup else { continue }
            let keys = LaneKeys(prefix: prefix, quotaGroup: left, sender: lane.sender)
            _ = try await redis.send(RedisCommand("DEL", arguments: keys.ofLane.map { .text($0) }))
        }
        guard let former = lanes.first?.formerGroup, let quota = lanes.first?.quota else { return lanes }
        let bucketNames = LaneKeys(prefix: prefix, quotaGroup: former, sender: lanes[0].sender).quota
        let buckets = try await buckets(bucketNames, hours: quota.map(\.hour), on: redis)
        let carried = quota.map { QuotaBucket(hour: $0.hour, count: max($0.count, buckets[$0.hour] ?? 0)) }
        for lane in lanes {
            let keys = LaneKeys(prefix: prefix, quotaGroup: former, sender: lane.sender)
            // Without its epoch nothing more is reserved from the former lane.
            let left = [keys.epoch] + keys.ofLane
            _ = try await redis.send(RedisCommand("DEL", arguments: left.map { .text($0) }))
        }
        return lanes.map { $0.with(quota: carried) }
    }

    private static func buckets(
        _ prefix: String,
        hours: [String],
        on redis: RedisClient
    ) async throws(RedisError) -> [String: Int] {
        let commands = hours.map { RedisCommand("GET", .text(prefix + $0)) }
        var counts: [String: Int] = [:]
        for (hour, reply) in zip(hours, await redis.send(pipeline: commands)) {
            counts[hour] = try reply.get().asOptionalInt()
        }
        return counts
    }
}
