import Foundation
import Store

/// Slots of one reservation, and all that holds for each of them.
struct ReservedBatch: Sendable {
    let slots: [TimedSlot]
    /// How many slots were asked for.
    let wanted: Int
    /// Names the reservation, in Redis and in Postgres.
    let lease: Int64
    /// The instant from which the slots count.
    let reservedAt: ContinuousClock.Instant
    let token: AccessToken
    let lane: LaneRecord
    /// Its one message shows whether the API is back, as the probe of this number; `nil` for all other batches.
    let probe: Int?
    /// Messages for which one was taken from the quota.
    let charged: Set<UUID>

    init(
        slots: [TimedSlot],
        wanted: Int,
        lease: Int64,
        reservedAt: ContinuousClock.Instant,
        token: AccessToken,
        lane: LaneRecord,
        probe: Int? = nil
    ) {
        self.slots = slots
        self.wanted = wanted
        self.lease = lease
        self.reservedAt = reservedAt
        self.token = token
        self.lane = lane
        self.probe = probe
        charged = Set(slots.lazy.filter(\.isCharged).map(\.messageID))
    }
}
