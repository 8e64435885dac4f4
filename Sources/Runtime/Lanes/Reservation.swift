import Foundation

/// Permission to send one message at one instant.
struct TimedSlot: Hashable, Sendable {
    let messageID: UUID
    /// The instant, counted from the reservation.
    let offset: Duration
    /// True if it was charged to the 24 h quota.
    var isCharged = false
}

/// The answer of a lane to a request for slots.
enum Reservation: Hashable, Sendable {
    /// `exhausted` is the time until quota returns, when business-initiated messages wait for it.
    case slots([TimedSlot], exhausted: Duration? = nil)
    /// Nothing is ready; `nextRetry` is the time until a delayed message becomes ready, if there is one.
    case empty(nextRetry: Duration?, exhausted: Duration? = nil)
    /// The pace allows nothing before this time has passed.
    case wait(Duration)
    /// The lane is paused after a rate limit, for this much longer.
    case paused(Duration)
    /// Redis has another epoch than Postgres: the contents of the lane cannot be trusted.
    case stale
}

/// The answer of Redis at the slot: whether reserved messages may be sent now.
enum Clearance: Hashable, Sendable {
    /// One answer per message: false when another daemon has taken over its lease.
    case answers([Bool])
    case paused(Duration)
    case stale
}

/// The end of one message's lease.
struct LeaseEnding: Hashable, Sendable {
    let messageID: UUID
    /// The lease under which the message was reserved.
    let lease: Int64
    let end: LeaseEnd
    /// The queue that it returns to, business-initiated or in-window; `nil` is the one it came from.
    var isBusinessInitiated: Bool?
}

/// The fate of the id of a message when its lease ends.
enum LeaseEnd: Hashable, Sendable {
    /// Removed; the message was accepted or may have been, so its quota charge stays.
    case done
    /// Removed; the message was not accepted, so its quota charge is given back.
    case void
    /// Back to its place in the queue.
    case release
    /// Ready again after the delay.
    case delay(Duration)
}

extension LeaseEnding {
    /// The properties by which ended leases are grouped.
    struct Group: Hashable, Sendable {
        let lease: Int64
        let end: LeaseEnd
        let isBusinessInitiated: Bool?
    }

    var group: Group { Group(lease: lease, end: end, isBusinessInitiated: isBusinessInitiated) }
}
