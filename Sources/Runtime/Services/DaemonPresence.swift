package import Store
import Synchronization

/// One daemon as the others see it: the number with which its leases begin, and the session that shows that it lives.
package final class DaemonPresence: Sendable {
    private struct Session {
        /// True if the last session that was opened holds the lock of the number.
        var isHeld = false
        var isFirst = true
        /// From when on the connections of other daemons had the time to come back, too.
        var judgesFrom = ContinuousClock.now
    }

    /// Time in which other daemons connect again if their connections broke together with this one.
    private static let returnTime = Duration.seconds(6)

    package let number = DaemonNumber()
    /// Notified when it is known whether the lock is held; the heartbeat is its only waiter.
    let opened = WakeSignal()
    /// Notified with it; the watch over other daemons is its only waiter.
    let mayJudge = WakeSignal()
    /// Notified when the first heartbeat is in Postgres; the lane keeper is its only waiter.
    let announced = WakeSignal()
    private let serial = Atomic<Int64>(0)
    private let session = Mutex(Session())

    /// Makes the presence of a daemon, with a new number.
    ///
    /// - Parameter isAnnounced: True for lanes without a listener and a heartbeat, which need not wait for these.
    package init(isAnnounced: Bool = false) {
        if isAnnounced { announced.notify() }
    }

    /// Draws a lease: positive, different from all others of the last billion, and with the number in front.
    func lease() -> Int64 {
        number.lease(serial.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// Notes that a session was opened, the first one or after the former one broke.
    ///
    /// - Parameters:
    ///   - isHeld: True if it holds the lock of the number.
    ///   - now: The time.
    func noteSession(isHeld: Bool, at now: ContinuousClock.Instant = .now) {
        session.withLock { session in
            if !session.isFirst { session.judgesFrom = now + Self.returnTime }
            session.isFirst = false
            session.isHeld = isHeld
        }
        opened.notify()
        mayJudge.notify()
    }

    /// The number, once others may judge by its lock; `nil` before, and behind a pooler where no session can hold it.
    var shownNumber: DaemonNumber? { session.withLock { $0.isHeld ? number : nil } }

    /// Returns whether this daemon can tell which others have died.
    func canJudge(at now: ContinuousClock.Instant = .now) -> Bool {
        session.withLock { $0.isHeld && now >= $0.judgesFrom }
    }
}
