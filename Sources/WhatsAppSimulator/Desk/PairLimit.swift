/// Holds messages of one phone number to one recipient to a steady pace with a burst in advance.
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

    /// Whether a message to this pair may go at `now`, in nanoseconds.
    func admits(_ pair: UInt64, at now: Int64) -> Bool {
        (settled[pair] ?? now) - now <= credit
    }

    /// Counts a message to this pair.
    mutating func add(_ pair: UInt64, at now: Int64) {
        settled[pair] = max(settled[pair] ?? now, now) + interval
        guard settled.count >= sweepAt else { return }
        // Pairs that owe nothing need no entry; sweeping at double size costs each message little.
        settled = settled.filter { $0.value > now }
        sweepAt = max(65_536, settled.count * 2)
    }
}
