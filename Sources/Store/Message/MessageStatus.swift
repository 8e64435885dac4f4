public import Postgres

/// Where a message stands; the values of `campaign_message_status_enum`.
public enum MessageStatus: String, PostgresScalar, CaseIterable, Sendable {
    /// Written, and not yet due.
    case pending
    /// Its id is in the lane of its sender, or about to be.
    case queued
    /// A daemon holds it; the request may have been written.
    case sending
    /// WhatsApp accepted it.
    case sent
    case delivered
    case read
    case failed
    case cancelled
    /// The answer was lost: WhatsApp may or may not have accepted it. A status webhook or the sender's policy settles it.
    case unconfirmed
}
