public import Foundation

/// What became of one time of a schedule.
public struct Firing: Sendable {
    public enum Outcome: Hashable, Sendable {
        /// A run was opened; its messages are still to be written.
        case started(run: UUID)
        /// Nothing started, by the rules of the schedule.
        case skipped(reason: String)
        /// Nothing started, though it should have.
        case failed(reason: String)
        /// The schedule has started as often as it may.
        case ended
    }

    /// `nil` for a campaign that starts once, at a time of its own.
    public let schedule: UUID?
    public let tenantID: String
    public let campaignID: UUID
    public let scheduledFor: Date
    public let outcome: Outcome
    /// How long after its time it was looked at, in seconds.
    public let lag: TimeInterval
}
