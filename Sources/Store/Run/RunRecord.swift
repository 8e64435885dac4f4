public import Foundation
import Postgres

/// One execution of a campaign, with its progress.
public struct RunRecord: Sendable {
    public let id: UUID
    public let tenantID: String
    public let campaignID: UUID
    public let campaignName: String
    public let senderID: UUID
    public let senderName: String
    public let ratePerSecond: Int
    public let status: RunStatus
    /// Why it is paused or failed.
    public let statusReason: String?
    /// Recipients counted before the launch; messages may be fewer while it is under way.
    public let expectedCount: Int
    public let recipientCount: Int
    public let inWindowCount: Int
    public let counters: RunCounters
    /// Whether it is the standing run of a trigger, whose messages come one by one.
    public let isTriggered: Bool
    public let startedAt: Date?
    public let completedAt: Date?
    public let estimatedCompletionAt: Date?

    /// Recipients who have not written within 24 hours: each costs a slot of the daily quota.
    public var outOfWindowCount: Int { recipientCount - inWindowCount }

    static let selection: PostgresQuery = """
        SELECT r.id, r."tenantId", r."campaignId", c.name AS "campaignName", r."senderId", s.name AS "senderName",
            s."ratePerSecond", r.status, r."statusReason", r."expectedCount", r."recipientCount", r."inWindowCount",
            r."isTriggered", r."startedAt", r."completedAt", r."estimatedCompletionAt", \(fragment: RunCounters.columns)
        FROM campaign_runs r
        JOIN campaigns c ON c.id = r."campaignId"
        JOIN senders s ON s.id = r."senderId"
        """

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        campaignID = try row.decode("campaignId")
        campaignName = try row.decode("campaignName")
        senderID = try row.decode("senderId")
        senderName = try row.decode("senderName")
        ratePerSecond = try row.decode("ratePerSecond")
        status = try row.decode("status")
        statusReason = try row.decode("statusReason")
        expectedCount = try row.decode("expectedCount")
        recipientCount = try row.decode("recipientCount")
        inWindowCount = try row.decode("inWindowCount")
        startedAt = try row.decode("startedAt")
        completedAt = try row.decode("completedAt")
        estimatedCompletionAt = try row.decode("estimatedCompletionAt")
        isTriggered = try row.decode("isTriggered")
        counters = try RunCounters(row: row)
    }
}
