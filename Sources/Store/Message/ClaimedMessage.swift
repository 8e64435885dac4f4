public import Foundation
import Postgres

/// A message that was looked at for sending, with all that is needed to render and send it.
public struct ClaimedMessage: Sendable {
    public let id: UUID
    public let runID: UUID
    public let revisionID: UUID
    /// `sending` when it may go out, `queued` when it goes back to the line; otherwise the status it was given instead.
    public let status: MessageStatus
    /// The recipient's phone number as the contact has it.
    public let recipientPhone: String
    /// Answers received so far.
    public let attempts: Int
    /// False when the contact wrote within 24 hours.
    public let isBusinessInitiated: Bool
    public let contact: ContactFields
    /// How long it must wait in the line; zero for most.
    public let delay: Duration
    /// How many daemons died while they prepared it.
    public let crashes: Int
    /// The reservation that has it.
    public let lease: Int64
    /// What the event that triggered it brought along; a JSON object.
    public let context: String?

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode(0)
        runID = try row.decode(1)
        revisionID = try row.decode(2)
        status = try row.decode(3)
        recipientPhone = try row.decode(4)
        attempts = try row.decode(5)
        isBusinessInitiated = try row.decode(6)
        context = try row.decode(7, as: PostgresJSON?.self)?.text
        delay = .seconds(max(0, try row.decode(8, as: Double.self)))
        crashes = try row.decode(9)
        lease = try row.decode(10)
        contact = try ContactFields(row: row, from: 11)
    }
}
