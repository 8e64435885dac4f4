/// When something is tried again: a failed attempt after 30 and 60 seconds (twice as long each time), three attempts in
/// all; a lane after 60 seconds of silence; one recipient after six.
package struct RetryPolicy: Hashable, Sendable {
    var maximumAttempts = 3
    var baseDelay = Duration.seconds(30)
    /// Share of the delay by which it varies, so that what failed together does not come back together.
    var jitter = 0.1
    /// How long a lane is silent after a rate limit.
    var lanePause = Duration.seconds(60)
    /// One recipient may get a message every six seconds.
    var pairDelay = Duration.seconds(6)

    package init(
        maximumAttempts: Int = 3,
        baseDelay: Duration = Duration.seconds(30),
        jitter: Double = 0.1,
        lanePause: Duration = Duration.seconds(60),
        pairDelay: Duration = Duration.seconds(6)
    ) {
        self.maximumAttempts = maximumAttempts
        self.baseDelay = baseDelay
        self.jitter = jitter
        self.lanePause = lanePause
        self.pairDelay = pairDelay
    }

    /// The delay before the next attempt.
    ///
    /// - Parameters:
    ///   - attempts: Attempts made, including the one that has just failed.
    ///   - random: A number from 0 to 1.
    /// - Returns: `nil` when there is no other attempt.
    func delay(afterAttempts attempts: Int, random: Double) -> Duration? {
        guard attempts >= 1, attempts < maximumAttempts else { return nil }
        let factor = Double(1 << (attempts - 1)) * (1 + jitter * (2 * random - 1))
        return baseDelay * factor
    }
}
