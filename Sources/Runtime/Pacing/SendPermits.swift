import Synchronization

/// The permits of a daemon: the bound on messages that it processes at once, over all its lanes (backpressure).
///
/// A permit is taken before a slot is reserved, so no slot is granted that cannot be used. Their number follows the speed
/// of the machine; see ``PermitLimit``.
package final class SendPermits: Sendable {
    private struct State {
        var limit: PermitLimit
        var taken = 0
        var waiters: [(minimum: Int, maximum: Int, continuation: CheckedContinuation<Int, Never>)] = []

        /// Negative while more permits are taken than the limit now allows.
        var free: Int { limit.count - taken }
    }

    private let state: Mutex<State>

    package init(count: Int) {
        state = Mutex(State(limit: PermitLimit(largest: count)))
    }

    /// Takes between one and `maximum` permits, waiting for `minimum` to be free.
    ///
    /// Waiters are served in order. Permits are given back when requests end, so the wait is bounded by the request
    /// timeout.
    func take(upTo maximum: Int, minimum: Int = 1) async -> Int {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.waiters.append((min(minimum, maximum), maximum, continuation))
                Self.serve(&state)
            }
        }
    }

    /// Gives permits back.
    func give(back count: Int) {
        guard count > 0 else { return }
        state.withLock { state in
            state.taken -= count
            precondition(state.taken >= 0, "more permits were given back than taken: a message was counted twice")
            Self.serve(&state)
        }
    }

    /// Records messages that were sent at their slots.
    func meet(_ messages: Int) {
        state.withLock { state in
            state.limit.meet(messages)
            Self.serve(&state)
        }
    }

    /// Records that messages were ready but missed their slots.
    func miss(at now: ContinuousClock.Instant) {
        state.withLock { $0.limit.miss(at: now) }
    }

    /// Number of waiters.
    var waiting: Int { state.withLock { $0.waiters.count } }

    /// Number of permits at the moment, taken and free.
    var count: Int { state.withLock { $0.limit.count } }

    private static func serve(_ state: inout State) {
        // A waiter that wants more than there are now gets all of them.
        while let first = state.waiters.first, state.free >= min(first.minimum, state.limit.count) {
            state.waiters.removeFirst()
            let granted = min(first.maximum, state.free)
            state.taken += granted
            first.continuation.resume(returning: granted)
        }
    }
}

/// The limit of messages that a daemon processes at once: pure, without a clock.
///
/// A message that was ready in time and still missed its slot waited for the processor: too many are processed at once.
/// So the limit falls by a third when that happens, and rises while slots are met, like TCP's congestion window.
struct PermitLimit: Sendable {
    /// Some messages are always allowed, to find out when the load has passed.
    static let smallest = 8
    /// Messages that are late within this time count as one miss.
    private static let interval = Duration.milliseconds(250)

    let largest: Int
    private var size: Double
    private var lastShrunk: ContinuousClock.Instant?

    init(largest: Int) {
        self.largest = largest
        size = Double(largest)
    }

    var count: Int { Int(size) }

    /// Records messages that met their slots.
    mutating func meet(_ messages: Int) {
        // The limit grows by a twentieth per full round of messages.
        size = min(Double(largest), size + Double(messages) / 20)
    }

    /// Records a message that missed its slot.
    mutating func miss(at now: ContinuousClock.Instant) {
        guard lastShrunk.map({ now - $0 >= Self.interval }) ?? true else { return }
        lastShrunk = now
        size = max(Double(min(Self.smallest, largest)), size * 2 / 3)
    }
}
