/// What becomes of fire times when the clocks change; `nil` is the rule of cron.
///
/// The rule of Debian's cron: an expression is *fixed-time* when neither its minute nor its hour starts with `*`. A fixed
/// time that falls into a gap fires at the end of the gap, one that comes twice fires the first time. All others follow
/// the clock on the wall.
public struct DSTPolicy: Hashable, Sendable {
    /// What becomes of a time that the clocks leave out.
    public enum Gap: String, Hashable, Sendable, CaseIterable {
        /// It fires at the end of the gap, together with all others of the same gap.
        case next
        case skip
    }

    /// What becomes of a time that the clocks show twice.
    public enum Fold: String, Hashable, Sendable, CaseIterable {
        case first, both
    }

    public let gap: Gap?
    public let fold: Fold?

    /// Makes a policy.
    public init(gap: Gap? = nil, fold: Fold? = nil) {
        (self.gap, self.fold) = (gap, fold)
    }
}
