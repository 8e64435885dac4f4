import Foundation
import Store

/// The Redis keys of one lane.
///
/// All share the hash tag of the quota group, so scripts find them on one cluster node.
struct LaneKeys: Hashable, Sendable {
    /// Queue name of every key, as tools that look into Redis know it.
    static let queue = "campaign:send"
    /// Where business-initiated messages are counted by the hour, as other tools know it.
    static let quotaQueue = "wa:biz-conv"
    /// Pub/sub channel on which daemons tell each other that a lane got something to do.
    static let wakeChannel = "campaign:send:wake"

    let epoch: String
    let ready: String
    let delayed: String
    let leases: String
    let held: String
    let passes: String
    let pace: String
    let ring: String
    /// Business-initiated ids that are ready; they stand apart because they stop when the quota is used up.
    let outside: String
    let outsideDelayed: String
    /// What the names of the quota's hourly buckets begin with; shared by the group.
    let quota: String
    /// What the lanes have written into the quota's buckets, to notice when one of them is lost; shared by the group.
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
        quota = "\(Self.quotaQueue):{\(quotaGroup)}:"
    }
}

extension LaneKeys {
    /// Whether these are still the keys of the sender; it may have moved to another quota group.
    func matches(_ lane: LaneRecord) -> Bool {
        self == LaneKeys(quotaGroup: lane.quotaGroup, sender: lane.id)
    }
}
