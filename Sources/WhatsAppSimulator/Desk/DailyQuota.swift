/// Counts the distinct recipients of a phone number in a moving 24 hours.
struct DailyQuota: Sendable {
    private static let length: Int64 = 86_400_000_000_000

    private var latest: [UInt64: Int64] = [:]
    private var order: [(time: Int64, recipient: UInt64)] = []
    private var head = 0

    /// Whether a message to `recipient` stays within `limit` at `now`, in nanoseconds.
    mutating func admits(_ recipient: UInt64, at now: Int64, limit: Int) -> Bool {
        expire(at: now)
        return latest[recipient] != nil || latest.count < limit
    }

    /// Counts a message to `recipient`.
    mutating func add(_ recipient: UInt64, at now: Int64) {
        latest[recipient] = now
        order.append((now, recipient))
    }

    private mutating func expire(at now: Int64) {
        while head < order.count, order[head].time <= now - Self.length {
            // A later message to the same recipient has a later entry, which keeps it counted.
            if latest[order[head].recipient] == order[head].time { latest[order[head].recipient] = nil }
            head += 1
        }
        if head > 1_024, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
    }
}
