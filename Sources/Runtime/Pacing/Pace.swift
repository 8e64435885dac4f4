import Spec
import Synchronization

/// The pace at which a lane grants slots, computed from the sender's rate.
///
/// Slots are evenly spaced (GCRA with burst 1). Slightly less than the rate is granted (``GrantedPace``), and a slot expires
/// ``useBy`` after its time: together these keep every second within the rate.
struct Pace: Hashable, Sendable {
    /// Share of the rate that is granted.
    static let share = GrantedPace.share
    /// Above this rate there is no ring of past slots, which would be too long: even spacing alone holds the pace.
    static let largestRing = GrantedPace.largestEvenRate

    let ratePerSecond: Int

    /// Time from one slot to the next.
    var intervalMicroseconds: Double { 1_000_000 / GrantedPace.messagesPerSecond(ratePerSecond: ratePerSecond) }

    /// Time ahead for which slots are granted: long enough for a batch, short enough to lose little when a daemon
    /// crashes.
    ///
    /// It is counted from the shortest lead time: a daemon with a longer one gets slots further ahead.
    var horizon: Duration { .milliseconds(250) }

    /// Time after its instant at which a slot expires.
    ///
    /// It is longer for faster lanes: a machine that sends at its limit is always late, and would otherwise give back more
    /// slots than it uses. The granted rate is lowered to compensate.
    var useBy: Duration { .milliseconds(Int(GrantedPace.useBySeconds(ratePerSecond: ratePerSecond) * 1_000)) }

    /// Number of past slots that the lane remembers; 0 for none.
    var ringCapacity: Int { ratePerSecond <= Self.largestRing ? ratePerSecond : 0 }

    /// A number of slots that is larger than what the horizon holds.
    var mostAtOnce: Int { Int(Double(horizon.microseconds) / intervalMicroseconds) + 2 }
}

/// The lead time: how long before its slot a message is reserved, so that it is prepared when the slot comes.
///
/// It depends on how long Postgres and the machine take at the moment. If it is too short, slots expire while their
/// messages are being prepared, and under load no message is sent at all. So it follows the longest recent preparation at
/// once, and shrinks slowly.
struct LeadTime: Hashable, Sendable {
    static let shortest = Duration.milliseconds(20)
    static let longest = Duration.milliseconds(500)

    private(set) var duration = shortest
    /// True if preparation takes longer than the longest lead time.
    private(set) var isExceeded = false

    /// Records how long after its reservation a batch was ready.
    mutating func note(_ preparation: Duration) {
        // A quarter more, because the next preparation may take longer.
        let needed = preparation * 5 / 4
        duration = needed > duration ? needed : duration - (duration - needed) / 16
        isExceeded = duration > Self.longest
        duration = min(max(duration, Self.shortest), Self.longest)
    }
}

/// The lead time of a daemon, learned from all its lanes, because they share Postgres and the machine.
final class PreparationTime: Sendable {
    private let lead = Mutex(LeadTime())

    /// The current lead time.
    var current: LeadTime { lead.withLock { $0 } }

    /// Records how long after its reservation a batch was ready.
    func note(_ duration: Duration) {
        lead.withLock { $0.note(duration) }
    }
}

extension Duration {
    /// Whole microseconds, rounded down.
    var microseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }

    /// Whole milliseconds, rounded up: a delay is never shorter than asked for.
    var milliseconds: Int { (microseconds + 999) / 1_000 }
}
