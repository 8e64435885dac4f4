/// When to try the connection again: at once after the first loss, then 50 ms doubling to 2 s, each cut by chance.
struct RedisBackoff {
    private var failures = 0
    /// The earliest moment for the next attempt; `nil` is at once.
    private(set) var retryAt: ContinuousClock.Instant?

    mutating func succeeded() {
        failures = 0
        retryAt = nil
    }

    mutating func failed(at now: ContinuousClock.Instant) {
        let ceiling = min(2_000, 50 << min(failures, 10))
        failures += 1
        // By chance, so that many daemons do not come back in step.
        retryAt = now + .milliseconds(Int.random(in: ceiling / 2...ceiling))
    }

    /// Notes that a working connection broke: the first new attempt needs no pause.
    mutating func lost(at now: ContinuousClock.Instant) {
        guard failures > 0 else {
            failures = 1
            return
        }
        failed(at: now)
    }
}
