public import Foundation

/// A lane in which nothing is to be sent.
public struct IdleLane: Hashable, Sendable {
    public let sender: UUID
    public let quotaGroup: String
    /// The epoch of the group.
    public let epoch: Int
}
