public import Foundation

/// The messages of one reservation, which want to be sent.
public struct SendClaim: Hashable, Sendable {
    public let ids: [UUID]
    /// Those for which one of the 24 h quota is taken; `nil` when nobody counts.
    public let charged: Set<UUID>?
    /// The reservation; only its lease can report on the messages from now on.
    public let lease: Int64

    public init(_ ids: [UUID], charged: Set<UUID>? = nil, lease: Int64) {
        self.ids = ids
        self.charged = charged
        self.lease = lease
    }
}
