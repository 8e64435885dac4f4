public import Foundation
import Postgres

/// One recipient of one run, with the status of the message.
public struct MessageRecord: Hashable, Sendable {
    public let id: UUID
    public let runID: UUID
    public let position: Int
    public let contactID: UUID
    public let recipientPhone: String
    public let status: MessageStatus
    public let isBusinessInitiated: Bool
    public let attempts: Int
    public let waMessageID: String?
    /// The status that WhatsApp gave the message when it accepted it; `nil` for `accepted`.
    public let messageStatus: String?
    public let errorCode: String?
    public let errorMessage: String?
    public let sentAt: Date?
    public let deliveredAt: Date?
    public let readAt: Date?
    public let failedAt: Date?
    public let createdAt: Date

    static let columns: PostgresQuery = """
        m.id, m."runId", m.position, m."contactId", m."recipientPhone", m.status, m."isBusinessInitiated", m.attempts,
        m."waMessageId", m."messageStatus", m."errorCode", m."errorMessage", m."sentAt", m."deliveredAt", m."readAt", m."failedAt",
        m."createdAt"
        """

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        runID = try row.decode("runId")
        position = try row.decode("position")
        contactID = try row.decode("contactId")
        recipientPhone = try row.decode("recipientPhone")
        status = try row.decode("status")
        isBusinessInitiated = try row.decode("isBusinessInitiated")
        attempts = try row.decode("attempts")
        waMessageID = try row.decode("waMessageId")
        messageStatus = try row.decode("messageStatus")
        errorCode = try row.decode("errorCode")
        errorMessage = try row.decode("errorMessage")
        sentAt = try row.decode("sentAt")
        deliveredAt = try row.decode("deliveredAt")
        readAt = try row.decode("readAt")
        failedAt = try row.decode("failedAt")
        createdAt = try row.decode("createdAt")
    }
}

/// Some positions of one run, both ends included.
public struct PositionRange: Hashable, Sendable {
    public let run: UUID
    public let first: Int
    public let last: Int

    public init(run: UUID, first: Int, last: Int) {
        self.run = run
        self.first = first
        self.last = last
    }

    /// Returns the positions from an offset on, counted over all runs in sequence.
    public static func ranges(of runs: [(run: UUID, length: Int)], offset: Int, count: Int) -> [PositionRange] {
        var ranges: [PositionRange] = []
        var (skip, left) = (offset, count)
        for (run, length) in runs where left > 0 {
            let taken = min(left, length - skip)
            if taken > 0 { ranges.append(PositionRange(run: run, first: skip + 1, last: skip + taken)) }
            left -= max(0, taken)
            skip = max(0, skip - length)
        }
        return ranges
    }
}
