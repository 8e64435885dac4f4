public import Foundation

/// A lease that ran out: somebody held the message and did not come back.
public struct ExpiredLease: Hashable, Sendable {
    public let messageID: UUID
    /// The reservation that ran out; `nil` when Redis has forgotten it.
    public let lease: Int64?
    /// False when it is certain that no request was written for it.
    public let mayBeWritten: Bool
    /// Whether its lease was preparing the request when it was heard of last: if it died, then perhaps of this message.
    public let wasBeingPrepared: Bool

    public init(messageID: UUID, lease: Int64?, mayBeWritten: Bool, wasBeingPrepared: Bool = false) {
        self.messageID = messageID
        self.lease = lease
        self.mayBeWritten = mayBeWritten
        self.wasBeingPrepared = wasBeingPrepared
    }
}

/// What the lane should do with the id of a message whose lease ran out.
public enum LeaseVerdict: Hashable, Sendable {
    /// Nothing more to send.
    case forget
    /// Nothing more to send, and nothing was accepted.
    case discard
    /// Back into the line, after the delay.
    case requeue(after: Duration)
}
