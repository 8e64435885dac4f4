package import Logging
import Synchronization

/// The one door of a daemon to the API: shut while the API is down, and narrow until it has answered.
///
/// All lanes share it, because they share the address: a hundred lanes find out once that it is down, and one probe
/// tells them all that it is back. A lane whose own number is in trouble does not shut it, since the answers of the
/// others come in between; for such trouble messages have their attempts. Daemons do not share it: each has its own way
/// to the API.
package final class APIGate: Sendable {
    enum Admission: Hashable, Sendable {
        /// So many messages may be taken, at least one.
        case open(Int)
        /// One message may be taken, to see whether the API is back.
        case probe(Int)
        case wait(Duration)
    }

    private struct State {
        var breaker: CircuitBreaker
        var window: SendWindow
    }

    /// How long to wait for an answer to make room.
    private static let patience = Duration.milliseconds(20)
    /// Nobody waits longer before asking again.
    private static let longestWait = Duration.milliseconds(250)

    private let state: Mutex<State>
    private let logger: Logger?
    private let now: @Sendable () -> ContinuousClock.Instant
    private let random: @Sendable () -> Double

    /// Makes a gate.
    ///
    /// - Parameters:
    ///   - limit: Most requests under way at once.
    ///   - policy: When the breaker opens, and for how long.
    ///   - logger: Hears when the API goes away and comes back.
    ///   - now: The time.
    ///   - random: Numbers from 0 to 1, for the jitter.
    package init(
        limit: Int,
        policy: CircuitBreaker.Policy = .init(),
        logger: Logger? = nil,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        random: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        state = Mutex(State(breaker: CircuitBreaker(policy: policy), window: SendWindow(largest: limit)))
        self.logger = logger
        self.now = now
        self.random = random
    }

    /// Whether the API is believed to be down.
    package var isShut: Bool { state.withLock { !$0.breaker.isClosed } }

    /// Requests that are under way.
    package var inFlight: Int { state.withLock { $0.window.inFlight } }

    /// Asks whether messages may be taken from a lane.
    func admit() -> Admission {
        state.withLock { state in
            let room = state.window.room
            guard state.breaker.isClosed || room > 0 else { return .wait(Self.longestWait) }
            switch state.breaker.admit(at: now()) {
            case .free: return room > 0 ? .open(room) : .wait(Self.patience)
            case .probe(let number): return .probe(number)
            case .wait(let duration): return .wait(min(duration, Self.longestWait))
            }
        }
    }

    /// Asks whether a request may be written now, and counts it; ``end(_:probe:)`` must follow if it may.
    func begin(probe: Int?) -> Bool {
        state.withLock { state in
            (probe != nil || state.breaker.isClosed) && state.window.begin(at: now())
        }
    }

    /// Counts the end of a request.
    ///
    /// - Returns: Whether the API is believed to be down.
    func end(_ answer: SendAnswer, probe: Int?) -> Bool {
        let (wasShut, isShut) = state.withLock { state in
            let wasShut = !state.breaker.isClosed
            state.window.end(isAnswered: answer.isAnswer, at: now())
            state.breaker.record(isUp: answer.showsThatAPIIsUp, probe: probe, at: now(), random: random())
            let isShut = !state.breaker.isClosed
            if isShut && !wasShut { state.window.reset() }
            return (wasShut, isShut)
        }
        if isShut && !wasShut {
            logger?.error("WhatsApp is down, only probes are sent", metadata: ["reason": "\(answer)"])
        } else if wasShut && !isShut {
            logger?.notice("WhatsApp is back")
        }
        return isShut
    }

    /// Uncounts a request that was not written after all, as its time was over.
    func withdraw(probe: Int?) {
        state.withLock { $0.window.withdraw() }
        abandon(probe: probe)
    }

    /// Says that a probe was not sent after all; changes nothing when it was.
    func abandon(probe: Int?) {
        guard let probe else { return }
        state.withLock { $0.breaker.abandon(probe: probe, at: now()) }
    }
}

extension SendAnswer {
    /// Whether anything came back.
    var isAnswer: Bool {
        switch self {
        case .accepted, .refused: true
        case .notWritten, .lost: false
        }
    }

    /// Whether the API works; a refusal for the sake of the message or the sender shows that it does.
    var showsThatAPIIsUp: Bool {
        switch self {
        case .accepted: true
        case .refused(let status, let code, _, _):
            switch code.flatMap(ErrorClass.init(code:)) ?? ErrorClass(httpStatus: status) {
            case .retryable, .ambiguous: false
            case .rateLimit, .pairRateLimit, .permanent, .systemic: true
            }
        case .notWritten, .lost: false
        }
    }
}
