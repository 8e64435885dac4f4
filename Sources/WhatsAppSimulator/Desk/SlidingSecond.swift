/// Counts events in the second that ends now, and remembers the fullest second so far.
///
/// The second is open at its beginning: events exactly one second apart never share one.
struct SlidingSecond: Sendable {
    static let length: Int64 = 1_000_000_000

    private var times: [Int64] = []
    private var head = 0
    /// The most events in any sliding second so far.
    private(set) var most = 0

    /// The number of events in the second that ends at `now`, in nanoseconds; `now` never goes back.
    mutating func count(at now: Int64) -> Int {
        while head < times.count, times[head] <= now - Self.length { head += 1 }
        // Cut only when more than half is past, so that each event is moved at most once.
        if head > 64, head * 2 > times.count {
            times.removeFirst(head)
            head = 0
        }
        return times.count - head
    }

    /// Counts an event at `now`, in nanoseconds.
    mutating func add(_ now: Int64) {
        let others = count(at: now)
        times.append(now)
        most = max(most, others + 1)
    }
}
