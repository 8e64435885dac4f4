/// How many messages a daemon takes in hand at once, as far as its machine keeps up.
///
/// A message that was ready in time and still missed its slot waited for the processor: there are too many at once,
/// and more of them would only be prepared for nothing. So the limit falls by a third when that happens, and rises while
/// slots are met, like the window of TCP.
///
/// A value without a clock: every call says what time it is.
struct PermitLimit: Sendable {
    /// Some always go on, or nobody would find out that the load has passed.
    static let smallest = 8
    /// Messages that are late together are one sign, not many.
    private static let interval = Duration.milliseconds(250)

    let largest: Int
    private var size: Double
    private var lastShrunk: ContinuousClock.Instant?

    init(largest: Int) {
        self.largest = largest
        size = Double(largest)
    }

    var count: Int { Int(size) }

    /// Takes note of messages that met their slots.
    mutating func meet(_ messages: Int) {
        // By a twentieth for each round of as many messages as there may be.
        size = min(Double(largest), size + Double(messages) / 20)
    }

    /// Takes note of a message that missed its slot.
    mutating func miss(at now: ContinuousClock.Instant) {
        guard lastShrunk.map({ now - $0 >= Self.interval }) ?? true else { return }
        lastShrunk = now
        size = max(Double(min(Self.smallest, largest)), size * 2 / 3)
    }
}
