public import Foundation
import Postgres
public import Spec

/// The messages of one lease, which are to be sent.
public struct SendClaim: Hashable, Sendable {
    public let ids: [UUID]
    /// Messages for which quota was taken; `nil` if the sender has no quota.
    public let charged: Set<UUID>?
    /// The lease that holds the messages; only it can report on them from now on.
    public let lease: Int64
    /// The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    public let windowNumber: String?
    /// True if the quiet hours of the tenant follow the clock of each contact.
    public let hasContactClocks: Bool

    public init(
        _ ids: [UUID],
        charged: Set<UUID>? = nil,
        lease: Int64,
        windowNumber: String? = nil,
        hasContactClocks: Bool = false
    ) {
        self.ids = ids
        self.charged = charged
        self.lease = lease
        self.windowNumber = windowNumber
        self.hasContactClocks = hasContactClocks
    }

    /// Returns the claim of some of its messages.
    public func part(_ ids: [UUID]) -> SendClaim {
        SendClaim(
            ids,
            charged: charged,
            lease: lease,
            windowNumber: windowNumber,
            hasContactClocks: hasContactClocks
        )
    }
}

/// A message that was checked for sending, with everything that is needed to render and send it.
public struct ClaimedMessage: Sendable {
    public let id: UUID
    public let runID: UUID
    public let revisionID: UUID
    /// `sending` if it may be sent, `queued` if it goes back to the lane, `pending` if it waits in Postgres; otherwise the status
    /// that gives the reason.
    public let status: MessageStatus
    /// The recipient's phone number as the contact has it; empty if only a user id is known.
    public let recipientPhone: String
    /// Answers received so far.
    public let attempts: Int
    /// False when the contact wrote within 24 hours.
    public let isBusinessInitiated: Bool
    public let contact: ContactFields
    /// The time that it must wait in the lane; zero for most.
    public let delay: Duration
    /// The number of daemons that crashed while preparing it.
    public let crashes: Int
    /// The lease that holds it.
    public let lease: Int64
    /// The context of the event that triggered it; a JSON object.
    public let context: String?
    /// The treatment of its texts that the provider refuses, as its tenant wants it.
    public let templateText: TemplateText
    /// The reason why its row could not be read, so that it cannot be sent; `nil` for nearly all.
    public let problem: String?

    /// The recipient's number, or its user id if only that is known.
    public var address: String {
        guard recipientPhone.isEmpty, case .text(let id)? = contact[.contactId] else { return recipientPhone }
        return id
    }

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        runID = try row.decode("runId")
        revisionID = try row.decode("revisionId")
        status = try row.decode("new")
        recipientPhone = try row.decode("recipientPhone")
        attempts = try row.decode("attempts")
        isBusinessInitiated = try row.decode("business")
        context = try row.decode("context", as: PostgresJSON?.self)?.text
        delay = .seconds(max(0, try row.decode("delay", as: Double.self)))
        crashes = try row.decode("crashes")
        lease = try row.decode("lease")
        templateText = try row.decode("isStrict") ? .strict : .mend
        contact = ContactFields(row: row)
        problem = nil
    }

    /// Makes a message of a row that could not be read, so that it ends alone: it was claimed together with others.
    init(unreadable row: PostgresRow, because error: PostgresError) throws(PostgresError) {
        id = try row.decode("id")
        lease = try row.decode("lease")
        runID = MessageID.run(of: id)
        revisionID = runID
        status = .sending
        recipientPhone = ""
        (attempts, crashes, delay) = (0, 0, .zero)
        isBusinessInitiated = true
        context = nil
        templateText = .mend
        contact = ContactFields([:])
        problem = error.description
    }
}
