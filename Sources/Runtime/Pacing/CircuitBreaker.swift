/// The circuit breaker: decides when no request is sent, because the API is down.
///
/// Pure: every call gets the time. Closed, it counts failures in a row. After ``Policy/threshold`` failures it opens, and nothing is sent for a delay. Then
/// one message is the probe: an answer closes the breaker, a failure opens it for twice as long. The answer of any other
/// request closes it as well.
package struct CircuitBreaker: Sendable {
    package struct Policy: Hashable, Sendable {
        /// Failures in a row that open it.
        var threshold = 10
        /// First delay.
        var firstDelay = Duration.seconds(1)
        /// Longest delay.
        var longestDelay = Duration.seconds(30)
        /// Share by which a delay may be shorter, so that daemons do not probe at the same time.
        var jitter = 0.25
    }

    enum State: Hashable, Sendable {
        case closed(failures: Int)
        case open(until: ContinuousClock.Instant, delay: Duration)
        /// The probe with that number has been under way since `since`.
        case halfOpen(probe: Int, since: ContinuousClock.Instant, delay: Duration)
    }

    enum Admission: Hashable, Sendable {
        case free
        /// One message may be sent; its end must be recorded under this number.
        case probe(Int)
        case wait(Duration)
    }

    let policy: Policy
    private(set) var state = State.closed(failures: 0)
    private var probes = 0

    init(policy: Policy = Policy()) {
        self.policy = policy
    }

    var isClosed: Bool {
        if case .closed = state { true } else { false }
    }

    /// Returns whether messages may be reserved.
    mutating func admit(at now: ContinuousClock.Instant) -> Admission {
        switch state {
        case .closed: return .free
        case .halfOpen(_, _, let delay): return .wait(delay)
        case .open(let until, _) where until > now: return .wait(until - now)
        case .open(_, let delay):
            probes += 1
            state = .halfOpen(probe: probes, since: now, delay: delay)
            return .probe(probes)
        }
    }

    /// Records the end of a request.
    ///
    /// - Parameters:
    ///   - isUp: True if the answer shows that the API works.
    ///   - probe: The number of the probe; `nil` for other requests.
    ///   - now: The current time.
    ///   - random: A number from 0 to 1.
    mutating func record(isUp: Bool, probe: Int?, at now: ContinuousClock.Instant, random: Double) {
        switch state {
        case _ where isUp: state = .closed(failures: 0)
        case .closed(let failures) where failures + 1 < policy.threshold: state = .closed(failures: failures + 1)
        case .closed: open(for: policy.firstDelay, from: now, at: now, random: random)
        // Counted from the time of the probe, which may have waited long for its answer.
        case .halfOpen(let current, let since, let delay) where current == probe:
            open(for: min(delay * 2, policy.longestDelay), from: since, at: now, random: random)
        // The request was sent before the breaker opened.
        case .open, .halfOpen: break
        }
    }

    /// Records that a probe was not sent: the next message that is admitted becomes the probe.
    mutating func abandon(probe: Int, at now: ContinuousClock.Instant) {
        if case .halfOpen(probe, _, let delay) = state { state = .open(until: now, delay: delay) }
    }

    private mutating func open(
        for delay: Duration,
        from start: ContinuousClock.Instant,
        at now: ContinuousClock.Instant,
        random: Double
    ) {
        state = .open(until: max(now, start + delay * (1 - policy.jitter * random)), delay: delay)
    }
}
