/// How many requests may be without an answer at once.
///
/// It begins small and follows what the link has shown to answer: it grows by one per answer while at least half of it
/// is in use, which doubles it per round trip; it is halved when an answer does not come; and it shrinks slowly towards
/// twice of what is used. So a link that goes silent costs a few times the requests that are normally under way, and
/// never the whole limit of a daemon.
///
/// A value without a clock: every call says what time it is.
struct SendWindow: Sendable {
    /// Enough for 300 messages a second over a round trip of 100 ms.
    static let smallest = 32
    private static let interval = Duration.seconds(1)

    let largest: Int
    private(set) var size: Int
    private(set) var inFlight = 0
    /// The most that were under way, or wanted to be, in the interval.
    private var peak = 0
    private var lastShrunk: ContinuousClock.Instant?
    private var intervalEnd: ContinuousClock.Instant?

    init(largest: Int) {
        self.largest = largest
        size = min(Self.smallest, largest)
    }

    var room: Int { max(0, size - inFlight) }

    /// Counts a request that is about to be written.
    ///
    /// - Returns: False when there is no room for it.
    mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        peak = max(peak, inFlight + 1)
        guard inFlight < size else { return false }
        inFlight += 1
        age(at: now)
        return true
    }

    /// Counts the end of a request.
    mutating func end(isAnswered: Bool, at now: ContinuousClock.Instant) {
        let isInUse = peak * 2 >= size
        inFlight -= 1
        if isAnswered {
            if isInUse { size = min(size + 1, largest) }
        } else if lastShrunk.map({ now - $0 >= Self.interval }) ?? true {
            // Once per interval: requests that are lost together are one sign, not many.
            lastShrunk = now
            size = max(min(Self.smallest, largest), size / 2)
        }
    }

    /// Uncounts a request that was not written: it says nothing about the link.
    mutating func withdraw() {
        inFlight -= 1
    }

    /// Begins anew, after an outage; what is under way stays counted.
    mutating func reset() {
        size = min(Self.smallest, largest)
    }

    private mutating func age(at now: ContinuousClock.Instant) {
        guard let end = intervalEnd else { return intervalEnd = now + Self.interval }
        guard now >= end else { return }
        size = max(min(Self.smallest, largest), min(size, max(peak * 2, size * 3 / 4)))
        peak = inFlight
        intervalEnd = now + Self.interval
    }
}
