public import Foundation

/// A message that is due and belongs into its lane.
public struct FedMessage: Hashable, Sendable {
    public let id: UUID
    /// How long it must wait before its next attempt; zero for most.
    public let delay: Duration
    /// Whether it costs one of the 24 h quota.
    public let isBusinessInitiated: Bool

    public init(id: UUID, delay: Duration, isBusinessInitiated: Bool = false) {
        self.id = id
        self.delay = delay
        self.isBusinessInitiated = isBusinessInitiated
    }
}
