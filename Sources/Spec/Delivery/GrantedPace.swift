/// The share of a sender's rate that its lane grants, which slots are spaced by and estimates count with.
///
/// If the network delays one request by `jitter` seconds more than another, the receiver sees at most
/// `rate × (1 + jitter)` requests in one second. Therefore slightly less than the rate is granted.
public enum GrantedPace {
    /// Share of the rate that is granted; leaves room for 40 ms of jitter: 0.96 × 1.04 < 1.
    public static let share = 0.96
    /// The rate from which on slots live longer, because a machine that sends at its limit is always late.
    public static let largestEvenRate = 2_000
    private static let shortestUseBy = 0.02
    private static let longestUseBy = 0.2

    /// Returns the seconds after its instant at which a slot expires.
    ///
    /// - Parameter ratePerSecond: The sender's rate.
    /// - Returns: 0.02, and up to 0.2 for very high rates.
    public static func useBySeconds(ratePerSecond: Int) -> Double {
        let share = Double(ratePerSecond) / Double(largestEvenRate)
        return min(max(shortestUseBy, shortestUseBy * share), longestUseBy)
    }

    /// Returns the messages that a lane grants in one second; longer-lived slots lower it to compensate.
    public static func messagesPerSecond(ratePerSecond: Int) -> Double {
        Double(max(1, ratePerSecond)) * share * (1 + shortestUseBy) / (1 + useBySeconds(ratePerSecond: ratePerSecond))
    }
}
