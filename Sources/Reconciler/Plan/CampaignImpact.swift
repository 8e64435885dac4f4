/// What a launch of a campaign would mean right now.
public struct CampaignImpact: Hashable, Sendable {
    /// Contacts that would get the message: opted in, active, and within the audience.
    public let recipients: Int
    /// Those who wrote within 24 hours: free, and not counted against the limit.
    public let inWindow: Int
    /// Of the campaign's sender.
    public let ratePerSecond: Int
    /// Business-initiated messages of the sender in 24 hours; `nil` is unlimited.
    public let dailyLimit: Int?
    /// What is left of the daily limit now, as far as it is known; `nil` is unlimited.
    public let quotaLeft: Int?
    /// Whether the campaign is launched to its whole audience, rather than by events to some of it.
    public let isBroadcast: Bool

    /// Each costs a slot of the daily limit.
    public var outOfWindow: Int { recipients - inWindow }

    /// How long the sender needs if it does nothing else.
    public var estimatedSeconds: Double { Double(recipients) / Double(max(1, ratePerSecond)) }

    /// Why the launch would stop on its way; `nil` when nothing stands against it.
    public var warning: String? {
        guard isBroadcast, let dailyLimit, outOfWindow > dailyLimit else { return nil }
        let days = (outOfWindow + dailyLimit - 1) / dailyLimit
        return "\(NumberText.grouped(outOfWindow)) recipients outside of their window exceed the sender's daily limit "
            + "of \(NumberText.grouped(dailyLimit)): at least \(days) days"
    }
}
