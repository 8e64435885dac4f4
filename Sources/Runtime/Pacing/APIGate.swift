package import Logging
import Synchronization

/// The gate of a daemon to the provider's API: a circuit breaker and a send window, shared by all lanes.
///
/// Lanes share the gate because they share the API's address: a hundred lanes learn of an outage together, and one probe
/// ends it for all. A single number with problems does not open the breaker, because other lanes get answers in between;
/// its messages have their own retries. Daemons do not share a gate: each has its own network path.
package final class APIGate: Sendable {
    enum Admission: Hashable, Sendable {
        /// This many messages may be reserved, at least one.
        case open(Int)
        /// One message may be reserved, as the probe of this number.
        case probe(Int)
        case wait(Duration)
    }

    private struct State {
        var breaker: CircuitBreaker
        /// The answer that opened the breaker.
        var problem = ""
        var window: SendWindow
    }

    /// Wait for an answer, which makes room in the window.
    private static let patience = Duration.milliseconds(20)
    /// Longest wait before a lane asks again.
    private static let longestWait = Duration.milliseconds(250)

    private let state: Mutex<State>
    private let logger: Logger?
    private let now: @Sendable () -> ContinuousClock.Instant
    private let random: @Sendable () -> Double

    /// Makes a gate.
    ///
    /// - Parameters:
    ///   - limit: Most requests under way at once.
    ///   - policy: The threshold and the delays of the breaker.
    ///   - logger: Logs the beginning and the end of outages.
    ///   - now: Returns the current time.
    ///   - random: Returns numbers from 0 to 1, for the jitter.
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

    /// True if the circuit breaker is open: the API seems to be down.
    package var isShut: Bool { state.withLock { !$0.breaker.isClosed } }

    /// The state of the circuit breaker: `closed`, `open`, or `halfOpen` while a probe is under way.
    package var circuit: String {
        state.withLock { state in
            switch state.breaker.state {
            case .closed: "closed"
            case .open: "open"
            case .halfOpen: "halfOpen"
            }
        }
    }

    /// The reason why the circuit breaker is open, for people; `nil` while it is closed.
    var problem: String? { state.withLock { $0.breaker.isClosed ? nil : $0.problem } }

    /// Number of requests under way.
    package var inFlight: Int { state.withLock { $0.window.inFlight } }

    /// Returns whether messages may be reserved.
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

    /// Returns whether a request may be written now, and counts it; then ``end(_:probe:)`` must follow.
    func begin(probe: Int?) -> Bool {
        state.withLock { state in
            (probe != nil || state.breaker.isClosed) && state.window.begin(at: now())
        }
    }

    /// Counts the end of a request.
    ///
    /// - Returns: True if the circuit breaker is open.
    func end(_ answer: SendAnswer, probe: Int?) -> Bool {
        let (wasShut, isShut) = state.withLock { state in
            let wasShut = !state.breaker.isClosed
            state.window.end(isAnswered: answer.isAnswer, at: now())
            state.breaker.record(isUp: answer.showsThatAPIIsUp, probe: probe, at: now(), random: random())
            let isShut = !state.breaker.isClosed
            if isShut && !wasShut {
                state.window.reset()
                state.problem = answer.problem
            }
            return (wasShut, isShut)
        }
        if isShut && !wasShut {
            logger?.error("Circuit breaker opened, only probes are sent", metadata: ["reason": "\(answer.problem)"])
        } else if wasShut && !isShut {
            logger?.notice("Circuit breaker closed")
        }
        return isShut
    }

    /// Uncounts a request that was not written, because its slot had expired.
    func withdraw(probe: Int?) {
        state.withLock { $0.window.withdraw() }
        abandon(probe: probe)
    }

    /// Records that a probe was not sent; does nothing when it was.
    func abandon(probe: Int?) {
        guard let probe else { return }
        state.withLock { $0.breaker.abandon(probe: probe, at: now()) }
    }
}

extension SendAnswer {
    /// True if an answer came.
    var isAnswer: Bool {
        switch self {
        case .accepted, .refused: true
        case .notWritten, .lost: false
        }
    }

    /// The error, for people; empty for an accepted message.
    fileprivate var problem: String {
        switch self {
        case .accepted: ""
        case .notWritten(let problem), .lost(let problem): problem
        case .refused(let refusal):
            refusal.message.isEmpty ? "HTTP \(refusal.httpStatus)" : refusal.message
        }
    }

    /// True if the answer shows that the API works; a refusal of the message or the sender does.
    var showsThatAPIIsUp: Bool {
        switch self {
        case .accepted: true
        case .refused(let refusal):
            switch refusal.errorClass {
            case .retryable, .ambiguous: false
            case .rateLimit, .pairRateLimit, .permanent, .systemic, .optOut, .userCap: true
            }
        case .notWritten, .lost: false
        }
    }
}
