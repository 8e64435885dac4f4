/// Decides when nobody should try to reach the API, because it is down.
///
/// Closed, it counts failures in a row. After ``Policy/threshold`` of them it opens: nothing is sent for a delay. Then
/// one message is the probe; if it gets an answer the breaker closes, otherwise it opens for twice as long. An answer of
/// any request closes it, whenever that was written: whoever answers is up.
///
/// A value without a clock: every call says what time it is.
package struct CircuitBreaker: Sendable {
    package struct Policy: Hashable, Sendable {
        /// Failures in a row that open it.
        var threshold = 10
        /// How long it is open the first time.
        var firstDelay = Duration.seconds(1)
        /// How long it is open at most.
        var longestDelay = Duration.seconds(30)
        /// Share of the delay by which it may be shorter, so that daemons do not probe together.
        var jitter = 0.25
    }

    enum State: Hashable, Sendable {
        case closed(failures: Int)
        case open(until: ContinuousClock.Instant, delay: Duration)
        /// The probe of that number is under way since `since`.
        case halfOpen(probe: Int, since: ContinuousClock.Instant, delay: Duration)
    }

    enum Admission: Hashable, Sendable {
        case free
        /// One message may go; whoever was told must say how it ended, under this number.
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

    /// Asks whether messages may be taken.
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

    /// Notes how a request ended.
    ///
    /// - Parameters:
    ///   - isUp: Whether the API answered as one that works.
    ///   - probe: The number of the probe; `nil` for other requests.
    ///   - now: The time.
    ///   - random: A number from 0 to 1.
    mutating func record(isUp: Bool, probe: Int?, at now: ContinuousClock.Instant, random: Double) {
        switch state {
        case _ where isUp: state = .closed(failures: 0)
        case .closed(let failures) where failures + 1 < policy.threshold: state = .closed(failures: failures + 1)
        case .closed: open(for: policy.firstDelay, from: now, at: now, random: random)
        // Counted from when the probe went out: one that had no answer for long has waited already.
        case .halfOpen(let current, let since, let delay) where current == probe:
            open(for: min(delay * 2, policy.longestDelay), from: since, at: now, random: random)
        // Requests from before it opened tell nothing new.
        case .open, .halfOpen: break
        }
    }

    /// Notes that a probe was not sent: the next one who asks becomes the probe.
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
