import Foundation

/// Permission to send one message at one instant.
struct TimedSlot: Hashable, Sendable {
    let messageID: UUID
    /// The instant, counted from when the reservation was made.
    let offset: Duration
    /// Whether one was taken from the 24 h quota for it.
    var isCharged = false
}

/// The answer of a lane to the wish for slots.
enum Reservation: Hashable, Sendable {
    /// `exhausted` is the time until quota returns, when business-initiated messages wait for it.
    case slots([TimedSlot], exhausted: Duration? = nil)
    /// Nothing may be sent; it is worth looking again after the time given, if there is one.
    case empty(nextRetry: Duration?, exhausted: Duration? = nil)
    /// The pace allows nothing before this time has passed.
    case wait(Duration)
    /// WhatsApp asked for silence.
    case paused(Duration)
    /// Redis holds another epoch than Postgres: its contents cannot be trusted.
    case stale
}

/// Whether reserved messages may really go out now.
enum Clearance: Hashable, Sendable {
    /// One answer per message: false when the lease is not ours any more.
    case answers([Bool])
    case paused(Duration)
    case stale
}

/// The end of a lease, by whoever holds it.
struct LeaseEnding: Hashable, Sendable {
    let messageID: UUID
    /// The lease under which the message was reserved.
    let lease: Int64
    let end: LeaseEnd
    /// Which line it goes back to; `nil` is the one it came from.
    var isBusinessInitiated: Bool?
}

/// What to do with the id of a message that was held.
enum LeaseEnd: Hashable, Sendable {
    /// WhatsApp has accepted it, or may have: what was taken from the quota is used.
    case done
    /// Nothing was accepted; forgotten all the same.
    case void
    /// Back to its place in the line.
    case release
    /// Ready again after the delay.
    case delay(Duration)
}

extension LeaseEnding {
    /// What leases that end alike have in common.
    struct Group: Hashable, Sendable {
        let lease: Int64
        let end: LeaseEnd
        let isBusinessInitiated: Bool?
    }

    var group: Group { Group(lease: lease, end: end, isBusinessInitiated: isBusinessInitiated) }
}
