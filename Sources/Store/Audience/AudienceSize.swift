/// How many contacts an audience reaches right now.
public struct AudienceSize: Hashable, Sendable {
    public let total: Int
    /// Contacts who wrote within 24 hours: free, and not counted against the quota.
    public let inWindow: Int

    public init(total: Int, inWindow: Int) {
        self.total = total
        self.inWindow = inWindow
    }

    /// Contacts who each cost a slot of the daily quota.
    public var outOfWindow: Int { total - inWindow }
}
