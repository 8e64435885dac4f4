/// What the desk keeps per phone number: its pace and its limits.
struct SenderRecord: Sendable {
    var requests = SlidingSecond()
    var accepted = SlidingSecond()
    var quota = DailyQuota()
    var pairs: PairLimit?

    init(limits: SimulatorLimits) {
        pairs = limits.pairInterval.map { PairLimit(interval: $0.nanoseconds, burst: limits.pairBurst) }
    }

    /// The error of the first limit that a message to `recipient` would break at `now`.
    mutating func refusal(of recipient: UInt64, at now: Int64, limits: SimulatorLimits) -> GraphError? {
        if let rate = limits.ratePerSecond, accepted.count(at: now) >= rate {
            return GraphError(code: 130_429, details: "more than \(rate) messages in one second")
        }
        if let pairs, !pairs.admits(recipient, at: now) {
            return GraphError(code: 131_056, details: "too many messages to this recipient")
        }
        if let limit = limits.dailyLimit, !quota.admits(recipient, at: now, limit: limit) {
            return GraphError(code: 131_048, details: "more than \(limit) recipients in 24 hours")
        }
        return nil
    }

    /// Counts an accepted message.
    mutating func add(_ recipient: UInt64, at now: Int64, limits: SimulatorLimits) {
        accepted.add(now)
        pairs?.add(recipient, at: now)
        if limits.dailyLimit != nil { quota.add(recipient, at: now) }
    }
}
