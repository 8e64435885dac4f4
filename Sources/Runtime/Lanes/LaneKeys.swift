import Foundation
import JSON
import Redis
import Store

/// The Redis keys of one lane.
///
/// All share the hash tag of the quota group, so a script finds them on one cluster node.
struct LaneKeys: Hashable, Sendable {
    /// Queue name in every key, which tools that inspect Redis know.
    static let queue = "campaign:send"
    /// Prefix of the hourly counts of business-initiated messages, which other tools know.
    static let quotaQueue = "wa:biz-conv"
    /// Pub/sub channel on which daemons wake each other's workers.
    static let wakeChannel = "campaign:send:wake"

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

    init(quotaGroup: String, sender: UUID) {
        let group = "\(Self.queue):{\(quotaGroup)}"
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
        quota = Self.bucketPrefix(of: quotaGroup)
    }

    /// The keys that no other lane of the group shares.
    var ofLane: [String] { [ready, delayed, leases, held, passes, pace, ring, outside, outsideDelayed] }

    /// Returns the prefix of the hourly buckets of a quota group.
    static func bucketPrefix(of group: String) -> String { "\(quotaQueue):{\(group)}:" }
}

extension LaneKeys {
    /// Returns true if these are still the keys of the sender; it may have moved to another quota group.
    func matches(_ lane: LaneRecord) -> Bool {
        self == LaneKeys(quotaGroup: lane.quotaGroup, sender: lane.id)
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
