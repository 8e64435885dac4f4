import Dispatch
import Foundation

/// The limits of the real service that a simulator enforces; each is off while it is `nil`.
public struct SimulatorLimits: Hashable, Sendable {
    /// Messages accepted per phone number in any sliding second; above it error 130429.
    public var ratePerSecond: Int?
    /// One message per phone number and recipient in this time, really 6 seconds; above it error 131056.
    public var pairInterval: Duration?
    /// Number of messages that one recipient may get at once before ``pairInterval`` applies.
    public var pairBurst = 45
    /// Distinct recipients per phone number in a moving 24 hours; above it error 131048.
    public var dailyLimit: Int?

    /// Makes limits that are all off.
    public init() {}

    func validate() throws(SimulatorError) {
        if let ratePerSecond {
            try Check.that(ratePerSecond > 0, "limits.ratePerSecond", "must be at least 1, not \(ratePerSecond)")
        }
        if let pairInterval {
            try Check.that(pairInterval > .zero, "limits.pairInterval", "must be more than 0 seconds")
        }
        try Check.that(pairBurst > 0, "limits.pairBurst", "must be at least 1, not \(pairBurst)")
        if let dailyLimit {
            try Check.that(dailyLimit > 0, "limits.dailyLimit", "must be at least 1, not \(dailyLimit)")
        }
    }
}

/// Counts the distinct recipients of a phone number in a moving 24 hours.
struct DailyQuota: Sendable {
    private static let length: Int64 = 86_400_000_000_000

    private var latest: [UInt64: Int64] = [:]
    private var order: [(time: Int64, recipient: UInt64)] = []
    private var head = 0

    /// Returns true if a message to `recipient` stays within `limit` at `now`, in nanoseconds.
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

/// Limits messages of one phone number to one recipient: a burst at first, then a steady rate.
struct PairLimit: Sendable {
    private let interval: Int64
    private let credit: Int64
    /// Per pair: the time at which its burst is whole again.
    private var settled: [UInt64: Int64] = [:]
    private var sweepAt = 65_536

    init(interval: Int64, burst: Int) {
        self.interval = interval
        credit = interval * Int64(burst - 1)
    }

    /// Returns true if a message to this pair may go at `now`, in nanoseconds.
    func admits(_ pair: UInt64, at now: Int64) -> Bool {
        (settled[pair] ?? now) - now <= credit
    }

    /// Counts a message to this pair.
    mutating func add(_ pair: UInt64, at now: Int64) {
        settled[pair] = max(settled[pair] ?? now, now) + interval
        guard settled.count >= sweepAt else { return }
        // Pairs with a full burst need no entry; they are removed when the table has doubled, which costs little per
        // message.
        settled = settled.filter { $0.value > now }
        sweepAt = max(65_536, settled.count * 2)
    }
}

/// Counts events in the second that ends now, and remembers the fullest second so far.
///
/// The second is open at its beginning: events exactly one second apart never share one.
public struct SlidingSecond: Sendable {
    static let length: Int64 = 1_000_000_000

    private var times: [Int64] = []
    private var head = 0
    /// The most events in any sliding second so far.
    public private(set) var most = 0

    public init() {}

    /// Returns the number of events in the second that ends at `now`, in nanoseconds; `now` never goes back.
    mutating func count(at now: Int64) -> Int {
        while head < times.count, times[head] <= now - Self.length { head += 1 }
        // Old events are removed only when they are more than half, so that each event is moved at most once.
        if head > 64, head * 2 > times.count {
            times.removeFirst(head)
            head = 0
        }
        return times.count - head
    }

    /// Counts an event at `now`, in nanoseconds.
    ///
    /// - Returns: The number of events in the second that ends with it.
    @discardableResult
    public mutating func add(_ now: Int64) -> Int {
        let count = count(at: now) + 1
        times.append(now)
        most = max(most, count)
        return count
    }
}

/// The two clocks of the ledger.
enum MonotonicTime {
    /// Returns the nanoseconds of `CLOCK_MONOTONIC`, which all processes of one machine share.
    static func now() -> Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }

    /// Returns the milliseconds since 1970 of the wall clock.
    static func wall() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
}

extension Duration {
    /// The whole nanoseconds of a duration, which covers 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
