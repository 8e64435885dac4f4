public import Foundation

/// A message that is due and belongs into its lane.
public struct FedMessage: Hashable, Sendable {
    public let id: UUID
    /// How long it must wait before its next attempt; zero for most.
    public let delay: Duration

    public init(id: UUID, delay: Duration) {
        self.id = id
        self.delay = delay
    }
}
