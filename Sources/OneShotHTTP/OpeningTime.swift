import NIOCore

/// How long connections have taken to open of late.
///
/// The shortest of the last few counts: a machine that is busy makes some of them take longer, but a long way makes all.
struct OpeningTime: Sendable {
    /// Whoever waits for less than this is hardly late.
    private static let negligible = TimeAmount.milliseconds(10)
    /// What is believed before the first one is open, as one that is far away would show too late.
    private static let assumed = TimeAmount.milliseconds(250)
    private static let memory = 8

    private var recent = CircularBuffer<TimeAmount>(initialCapacity: memory)

    /// Takes note of one that is open.
    mutating func note(_ time: TimeAmount) {
        if recent.count == Self.memory { recent.removeFirst() }
        recent.append(time)
    }

    /// How long the next one may take; zero when it hardly matters.
    var expected: TimeAmount {
        guard let shortest = recent.min() else { return Self.assumed }
        // A quarter more, as not all are as quick as the quickest.
        return shortest < Self.negligible ? .zero : .nanoseconds(shortest.nanoseconds / 4 * 5)
    }
}
