import Synchronization

/// How many requests this daemon may have under way at once, over all its lanes.
///
/// Permits are taken before anything is reserved, so that no slot is granted which nobody can use.
final class SendPermits: Sendable {
    private struct State {
        var free: Int
        var waiters: [(minimum: Int, maximum: Int, continuation: CheckedContinuation<Int, Never>)] = []
    }

    private let state: Mutex<State>

    init(count: Int) {
        state = Mutex(State(free: count))
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
            state.free += count
            Self.serve(&state)
        }
    }

    /// How many wait for permits.
    var waiting: Int { state.withLock { $0.waiters.count } }

    private static func serve(_ state: inout State) {
        while let first = state.waiters.first, state.free >= first.minimum {
            state.waiters.removeFirst()
            let granted = min(first.maximum, state.free)
            state.free -= granted
            first.continuation.resume(returning: granted)
        }
    }
}
