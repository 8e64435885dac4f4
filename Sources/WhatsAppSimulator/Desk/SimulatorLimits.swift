/// The limits of the real service that a simulator enforces; each is off while it is `nil`.
public struct SimulatorLimits: Hashable, Sendable {
    /// Messages accepted per phone number in any sliding second; above it error 130429.
    public var ratePerSecond: Int?
    /// One message per phone number and recipient in this time, really 6 seconds; above it error 131056.
    public var pairInterval: Duration?
    /// How many messages one recipient may get at once before ``pairInterval`` counts.
    public var pairBurst = 45
    /// Distinct recipients per phone number in a moving 24 hours; above it error 131048.
    public var dailyLimit: Int?

    /// Makes limits with none of them on.
    public init() {}

    func validate() throws(SimulatorError) {
        if let ratePerSecond {
            try Check.that(ratePerSecond > 0, "limits.ratePerSecond", "must be at least 1, not \(ratePerSecond)")
        }
        if let pairInterval {
            try Check.that(pairInterval > .zero, "limits.pairInterval", "must be more than 0 seconds")
        }
        try Check.that(pairBurst > 0, "limits.pairBurst", "must be at least 1, not \(pairBurst)")
        if let dailyLimit {
            try Check.that(dailyLimit > 0, "limits.dailyLimit", "must be at least 1, not \(dailyLimit)")
        }
    }
}
