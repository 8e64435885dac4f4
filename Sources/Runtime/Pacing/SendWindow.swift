/// The send window: the limit of requests without an answer.
///
/// Pure: every call gets the time. It starts small and follows the answers: it grows by one per answer while at least half of it is in use, which doubles
/// it per round trip; it is halved when an answer is lost; and it shrinks slowly towards twice the use. So when the network
/// goes silent, only a few times the usual number of requests is lost, never the whole limit of a daemon.
struct SendWindow: Sendable {
    /// Enough for 300 messages a second over a round trip of 100 ms.
    static let smallest = 32
    private static let interval = Duration.seconds(1)

    let largest: Int
    private(set) var size: Int
    private(set) var inFlight = 0
    /// Most requests that were under way, or wanted to be, in the interval.
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
        precondition(inFlight > 0, "a request ended that was not begun")
        inFlight -= 1
        if isAnswered {
            if isInUse { size = min(size + 1, largest) }
        } else if lastShrunk.map({ now - $0 >= Self.interval }) ?? true {
            // Once per interval: requests that are lost together count as one loss.
            lastShrunk = now
            size = max(min(Self.smallest, largest), size / 2)
        }
    }

    /// Uncounts a request that was not written, because it gives no information about the network.
    mutating func withdraw() {
        inFlight -= 1
    }

    /// Starts small again, after an outage; requests under way stay counted.
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
