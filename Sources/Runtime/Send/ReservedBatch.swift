import Foundation
import Store

/// Slots of one reservation, and all that holds for each of them.
struct ReservedBatch: Sendable {
    let slots: [TimedSlot]
    /// How many slots were asked for.
    let wanted: Int
    /// Names the reservation, in Redis and in Postgres.
    let holder: Int64
    /// The instant from which the slots count.
    let reservedAt: ContinuousClock.Instant
    let token: AccessToken
    let lane: LaneRecord
}
