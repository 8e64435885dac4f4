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
    /// The time of each response of the person; `nil` if another message of the run to the same person was answered before.
    public let responses: [ResponseKind: Date]

    static let columns: PostgresQuery = """
        m.id, m."runId", m.position, m."contactId", m."recipientPhone", m.status, m."isBusinessInitiated", m.attempts,
        m."waMessageId", m."messageStatus", m."errorCode", m."errorMessage", m."sentAt", m."deliveredAt", m."readAt", m."failedAt",
        m."createdAt", \(fragment: responses)
        """

    private static let responses = PostgresQuery.joined(
        ResponseKind.allCases.map { kind in
            """
            (
                SELECT s.at FROM run_responses s
                WHERE s."contactId" = m."contactId" AND s."runId" = m."runId" AND s.kind = \(kind.rawValue)
                    AND s."messageId" = m.id
            ) AS \(identifier: kind.rawValue)
            """
        },
        separator: ", "
    )

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
        var responses: [ResponseKind: Date] = [:]
        for kind in ResponseKind.allCases { responses[kind] = try row.decode(kind.rawValue, as: Date?.self) }
        self.responses = responses
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
    ///
    /// - Parameters:
    ///   - runs: All positions of each run; empty if the first is after the last.
    ///   - offset: The number of positions to skip.
    ///   - count: The number of positions to return.
    /// - Returns: At most one range of each run.
    public static func ranges(of runs: [PositionRange], offset: Int, count: Int) -> [PositionRange] {
        var ranges: [PositionRange] = []
        var (skip, left) = (offset, count)
        for run in runs where left > 0 {
            let length = max(0, run.last - run.first + 1)
            let taken = min(left, length - skip)
            if taken > 0 {
                let first = run.first + skip
                ranges.append(PositionRange(run: run.run, first: first, last: first + taken - 1))
            }
            left -= max(0, taken)
            skip = max(0, skip - length)
        }
        return ranges
    }
}
