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
    /// Messages for which one was taken from the quota.
    let charged: Set<UUID>

    init(
        slots: [TimedSlot],
        wanted: Int,
        holder: Int64,
        reservedAt: ContinuousClock.Instant,
        token: AccessToken,
        lane: LaneRecord
    ) {
        self.slots = slots
        self.wanted = wanted
        self.holder = holder
        self.reservedAt = reservedAt
        self.token = token
        self.lane = lane
        charged = Set(slots.lazy.filter(\.isCharged).map(\.messageID))
    }
}
