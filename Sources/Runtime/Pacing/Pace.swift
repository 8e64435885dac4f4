/// How fast a lane grants slots, worked out from the sender's rate.
///
/// Slots are evenly spaced (GCRA with burst 1), which allows at most `rate × (1 + jitter)` requests in one second at
/// the receiver, when the way there takes up to `jitter` seconds longer for one than for another. So a little less than
/// the rate is granted, and a slot that could not be used within ``useBy`` is given back: both together keep every
/// second within the rate.
struct Pace: Hashable, Sendable {
    /// Share of the rate that is granted; leaves room for 40 ms of jitter: 0.96 × 1.04 < 1.
    static let share = 0.96
    /// Above this rate the ring of past slots would outgrow its use: even spacing alone holds the pace.
    static let largestRing = 2_000
    /// For how much slots may be used late at rates that only the machine limits.
    private static let longestUseBy = 0.2
    private static let shortestUseBy = 0.02

    let ratePerSecond: Int

    /// From one slot to the next.
    var intervalMicroseconds: Double {
        1_000_000 / (Double(ratePerSecond) * Self.share * (1 + Self.shortestUseBy) / (1 + useBySeconds))
    }

    /// How far ahead slots are granted: long enough for a batch, short enough to lose little when a daemon dies.
    ///
    /// It counts from the shortest lead: whoever needs longer to prepare is granted slots that are further away.
    var horizon: Duration { .milliseconds(250) }

    /// A slot is void this long after its instant.
    ///
    /// The faster the lane, the longer: a machine that sends as fast as it can is late all the time, and would spend
    /// more on slots that it gives back than on messages. What is granted shrinks in return.
    var useBy: Duration { .milliseconds(Int(useBySeconds * 1_000)) }

    private var useBySeconds: Double {
        let share = Double(ratePerSecond) / Double(Self.largestRing)
        return min(max(Self.shortestUseBy, Self.shortestUseBy * share), Self.longestUseBy)
    }

    /// Past slots to remember; 0 for none.
    var ringCapacity: Int { ratePerSecond <= Self.largestRing ? ratePerSecond : 0 }

    /// More slots than there are within the horizon: whoever asks for so many gets all that can be had.
    var mostAtOnce: Int { Int(Double(horizon.microseconds) / intervalMicroseconds) + 2 }
}
