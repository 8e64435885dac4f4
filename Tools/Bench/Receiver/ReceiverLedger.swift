import Foundation

/// What the receiver has taken: who sent how much and when, and whether anybody got it twice.
struct ReceiverLedger {
    /// What the ledger amounts to.
    struct Summary: Codable, Sendable {
        /// All messages that were accepted.
        var count = 0
        /// Pairs of sender and recipient among them.
        var distinct = 0
        /// Seconds of the monotonic clock; 0 when nothing came.
        var first = 0.0
        var last = 0.0
        /// Connections that are open now, and the most at once.
        var connections = 0
        var mostConnections = 0
        /// Sliding seconds of any sender with more requests than the rate that was asked about, and the busiest of all.
        var secondsOver = 0
        var mostInOneSecond = 0
    }

    private struct Delivery: Hashable {
        let sender: UInt64
        let recipient: UInt64
    }

    private static let second: Int64 = 1_000_000_000

    private(set) var count = 0
    private var seen: Set<Delivery> = []
    private var times: [UInt64: [Int64]] = [:]
    private var first: Int64 = 0
    private var last: Int64 = 0

    mutating func add(sender: UInt64, recipient: UInt64, at time: Int64) {
        count += 1
        seen.insert(Delivery(sender: sender, recipient: recipient))
        times[sender, default: []].append(time)
        if first == 0 { first = time }
        last = time
    }

    mutating func reset() { self = ReceiverLedger() }

    /// What has come so far.
    ///
    /// - Parameter rate: Requests of one sender that one second may hold; `nil` does not look.
    /// - Returns: All but the connections.
    func summary(rate: Int?) -> Summary {
        var summary = Summary()
        summary.count = count
        summary.distinct = seen.count
        summary.first = Double(first) / 1e9
        summary.last = Double(last) / 1e9
        guard let rate else { return summary }
        for times in times.values {
            var start = 0
            for end in times.indices {
                while times[end] - times[start] >= Self.second { start += 1 }
                summary.mostInOneSecond = max(summary.mostInOneSecond, end - start + 1)
                if end - start + 1 > rate { summary.secondsOver += 1 }
            }
        }
        return summary
    }
}
