import Synchronization

/// How many messages this daemon may have in hand at once, over all its lanes.
///
/// Permits are taken before anything is reserved, so that no slot is granted which nobody can use. Their number follows
/// what the machine can do; see ``PermitLimit``.
package final class SendPermits: Sendable {
    private struct State {
        var limit: PermitLimit
        var taken = 0
        var waiters: [(minimum: Int, maximum: Int, continuation: CheckedContinuation<Int, Never>)] = []

        /// Negative while more are out than there are by now.
        var free: Int { limit.count - taken }
    }

    private let state: Mutex<State>

    package init(count: Int) {
        state = Mutex(State(limit: PermitLimit(largest: count)))
    }

    /// Takes between one and `maximum` permits, waiting for `minimum` to be free.
    ///
    /// Waiters are served in turn. Permits come back when requests end, and every request ends, so waiting is bounded
    /// by the request timeout.
    func take(upTo maximum: Int, minimum: Int = 1) async -> Int {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.waiters.append((min(minimum, maximum), maximum, continuation))
                Self.serve(&state)
            }
        }
    }

    func give(back count: Int) {
        guard count > 0 else { return }
        state.withLock { state in
            state.taken -= count
            Self.serve(&state)
        }
    }

    /// Takes note of messages that went out at their slots.
    func meet(_ messages: Int) {
        state.withLock { state in
            state.limit.meet(messages)
            Self.serve(&state)
        }
    }

    /// Takes note that messages were ready, and yet missed their slots.
    func miss(at now: ContinuousClock.Instant) {
        state.withLock { $0.limit.miss(at: now) }
    }

    /// How many wait for permits.
    var waiting: Int { state.withLock { $0.waiters.count } }

    /// How many there are at the moment.
    var count: Int { state.withLock { $0.limit.count } }

    private static func serve(_ state: inout State) {
        // When there are fewer than somebody waits for, all of them are enough.
        while let first = state.waiters.first, state.free >= min(first.minimum, state.limit.count) {
            state.waiters.removeFirst()
            let granted = min(first.maximum, state.free)
            state.taken += granted
            first.continuation.resume(returning: granted)
        }
    }
}
