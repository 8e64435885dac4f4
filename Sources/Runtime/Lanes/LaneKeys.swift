import Foundation
import JSON
import Redis

/// The Redis keys of one lane: no other code makes keys, and scripts get them as arguments.
///
/// All share the hash tag of the quota group, so a script finds them on one cluster node. Before each stands the prefix of
/// the installation (`REDIS_PREFIX`), so that several can share a Redis.
struct LaneKeys: Hashable, Sendable {
    /// Queue name in every key, which tools that inspect Redis know.
    static let queue = "campaign:send"
    /// Name of the hourly counts of business-initiated messages, which other tools know.
    static let quotaQueue = "wa:biz-conv"

    let epoch: String
    let ready: String
    let delayed: String
    let leases: String
    let held: String
    let passes: String
    let pace: String
    let ring: String
    /// Business-initiated ids that are ready; a queue of their own, because they stop when the quota is used up.
    let outside: String
    let outsideDelayed: String
    /// Prefix of the quota's hourly buckets; shared by the group.
    let quota: String
    /// A copy of the quota's buckets, to notice when Redis has lost one; shared by the group.
    let counts: String

    init(prefix: String, quotaGroup: String, sender: UUID) {
        let group = "\(prefix)\(Self.queue):{\(quotaGroup)}"
        let lane = "\(group):\(sender.uuidString.lowercased())"
        epoch = "\(group):epoch"
        counts = "\(group):counts"
        ready = "\(lane):ready"
        delayed = "\(lane):delayed"
        leases = "\(lane):leases"
        held = "\(lane):held"
        passes = "\(lane):passes"
        pace = "\(lane):pace"
        ring = "\(lane):ring"
        outside = "\(lane):outside"
        outsideDelayed = "\(lane):outside-delayed"
        quota = "\(prefix)\(Self.quotaQueue):{\(quotaGroup)}:"
    }

    /// The keys that no other lane of the group shares.
    var ofLane: [String] { [ready, delayed, leases, held, passes, pace, ring, outside, outsideDelayed] }

    /// Returns the pub/sub channel on which daemons of an installation wake each other's workers.
    static func wakeChannel(prefix: String) -> String { "\(prefix)\(queue):wake" }
}

/// The epoch of a quota group, as Redis holds it.
///
/// With sentinels it belongs to one history of writes: after a failover the new primary lacks the last writes, such as
/// marks of messages that were sent, so the lanes count as lost and are rebuilt from Postgres.
enum LaneEpoch {
    /// Returns the text that scripts compare: the number, with sentinels also the id of the history.
    static func text(_ epoch: Int, on redis: RedisClient) -> String {
        redis.replicationID.map { "\(epoch)@\($0)" } ?? "\(epoch)"
    }

    /// Returns the number of a text; `nil` if there is none, or if it belongs to another history.
    static func number(_ text: String?, on redis: RedisClient) -> Int? {
        guard let parts = text?.split(separator: "@", maxSplits: 1), let number = parts.first.flatMap({ Int($0) }),
            parts.dropFirst().first.map(String.init) == redis.replicationID
        else { return nil }
        return number
    }
}

/// The id of a message in a lane: `cm-<messageId>`.
enum JobID {
    private static let prefix = "cm-"

    static func text(_ message: UUID) -> String { prefix + message.apiText }

    static func argument(_ message: UUID) -> RedisArgument { .text(text(message)) }

    /// Returns the message of an id; `nil` for an id that another program put there.
    static func message(_ text: String) -> UUID? {
        guard text.hasPrefix(prefix) else { return nil }
        return UUID(apiText: text.dropFirst(prefix.count))
    }
}
