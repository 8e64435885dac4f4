/// How often and how fast accounts are read, within the calls that WhatsApp allows: 200 an hour for each account, or more.
enum SweepPace {
    /// The step after a call.
    enum Step: Hashable, Sendable {
        case goOn
        /// The turn ends; `isLimit` keeps webhooks from bringing the next one forward.
        case pause(Duration, isLimit: Bool)
    }

    /// The time between two sweeps.
    static let interval = Duration.seconds(600)
    /// The most pages of a turn; the next turn goes on where it ended.
    static let pagesPerTurn = 20
    /// The time between two turns of one sweep.
    static let betweenTurns = Duration.seconds(60)
    /// The share of the allowed calls, in per cent, from which no more are made: others need some as well.
    static let largestShare = 80
    /// The calls of an hour that sweeps may take, whatever WhatsApp allows.
    static let callsPerHour = 100
    private static let longestBackoff = Duration.seconds(3_600)

    /// Decides whether a turn goes on.
    ///
    /// - Parameters:
    ///   - pages: The pages that the turn has read.
    ///   - usage: The use of the allowed calls, as the last answer told it.
    /// - Returns: The step.
    static func step(afterPages pages: Int, usage: GraphUsage?) -> Step {
        if let usage, usage.percent >= largestShare || usage.regainMinutes > 0 {
            return .pause(max(.seconds(usage.regainMinutes * 60), interval), isLimit: true)
        }
        return pages < pagesPerTurn ? .goOn : .pause(betweenTurns, isLimit: false)
    }

    /// Returns the time until the next sweep of an account, longer for one with so many templates that its calls would run out.
    ///
    /// - Parameter templates: The number of its templates; `nil` if it is not known.
    /// - Returns: At least ``interval``.
    static func interval(templates: Int?) -> Duration {
        let pages = ((templates ?? 0) + AccountReader.pageSize - 1) / AccountReader.pageSize
        return max(interval, .seconds((pages + 2) * 3_600 / callsPerHour))
    }

    /// Returns the time until the next attempt after failures: a minute, then twice as long each time, up to an hour.
    ///
    /// - Parameters:
    ///   - failures: The failures in a row before this one.
    ///   - random: 0 to 1, so that accounts do not return together.
    /// - Returns: The time.
    static func backoff(failures: Int, random: Double) -> Duration {
        let longest = min(Duration.seconds(60) * (1 << min(max(failures, 0), 10)), longestBackoff)
        return longest * (0.75 + random / 4)
    }

    /// Returns the time until the next attempt after WhatsApp has refused a call for its number of calls.
    ///
    /// - Parameters:
    ///   - minutes: WhatsApp's estimate; 0 if it named none.
    ///   - failures: The failures in a row before this one.
    ///   - random: 0 to 1.
    /// - Returns: The time.
    static func pause(limitedFor minutes: Int, failures: Int, random: Double) -> Duration {
        let told = Duration.seconds(min(minutes, 24 * 60) * 60) + .seconds(Int(random * 30))
        return minutes > 0 ? told : max(.seconds(300), backoff(failures: failures, random: random))
    }
}
