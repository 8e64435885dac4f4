public import Foundation
import JSON
import Postgres
public import Spec

/// One execution of a campaign, with its progress.
public struct RunRecord: Sendable {
    public let id: UUID
    public let tenantID: String
    public let campaignID: UUID
    public let campaignName: String
    /// The content that it sends.
    public let revisionID: UUID
    public let senderID: UUID
    public let senderName: String
    public let ratePerSecond: Int
    public let status: RunStatus
    /// The reason why it is paused or failed.
    public let statusReason: String?
    /// Recipients counted before the launch; messages may be fewer while it is under way.
    public let expectedCount: Int
    public let recipientCount: Int
    public let inWindowCount: Int
    /// Contacts of the audience that are no recipients, because free text could not reach them.
    public let unreachableCount: Int
    /// Contacts of the audience that were no recipients at the launch.
    public let leftOut: LeftOut
    public let counters: RunCounters
    /// The people who responded.
    public let responses: RunResponses
    /// Messages that retention has deleted; the counters still count them.
    public let deletedCount: Int
    /// Messages among the sent ones that WhatsApp holds back, to assess the quality of their template for example.
    public let held: Int
    /// True for the standing run of a trigger, whose messages come with events.
    public let isTriggered: Bool
    /// The run whose failed messages it repeats; `nil` for all others.
    public let retryOf: UUID?
    /// The time on the clock of each contact at which it sends, such as `2026-12-01T09:00`; `nil` if it sends at once.
    public let localTime: String?
    /// True if it knows the zones of its contacts, by whose clocks it sends or leaves them in peace.
    public let hasZones: Bool
    public let startedAt: Date?
    public let completedAt: Date?
    public let estimatedCompletionAt: Date?
    /// The costs as they were estimated at the launch; `nil` without prices.
    public let estimatedCost: CostEstimate?

    /// The campaign as output names it: `acme/offer`.
    public var path: String { "\(tenantID)/\(campaignName)" }

    /// Recipients out of their 24 h window: each costs quota.
    public var outOfWindowCount: Int { recipientCount - inWindowCount }

    static let selection: PostgresQuery = """
        SELECT r.id, r."tenantId", r."campaignId", c.name AS "campaignName", r."revisionId", r."senderId",
            s.name AS "senderName", s."ratePerSecond", r.status, r."statusReason", r."expectedCount", r."recipientCount", r."inWindowCount",
            r."unreachableCount", r."leftOut", r."localTime", r."localZone" IS NOT NULL AS "hasZones", r."isTriggered",
            r."retryOf", r."startedAt", r."completedAt", r."estimatedCompletionAt", r."estimatedCost", r.held,
            r."deletedCount", \(fragment: RunCounters.columns),
            \(fragment: RunResponses.columns)
        FROM campaign_runs r
        JOIN campaigns c ON \(key: "c.id", of: #"r."campaignId""#)
        JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
        """

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        campaignID = try row.decode("campaignId")
        campaignName = try row.decode("campaignName")
        revisionID = try row.decode("revisionId")
        senderID = try row.decode("senderId")
        senderName = try row.decode("senderName")
        ratePerSecond = try row.decode("ratePerSecond")
        status = try row.decode("status")
        statusReason = try row.decode("statusReason")
        expectedCount = try row.decode("expectedCount")
        recipientCount = try row.decode("recipientCount")
        inWindowCount = try row.decode("inWindowCount")
        unreachableCount = try row.decode("unreachableCount")
        leftOut = try LeftOut(row.decode("leftOut", as: PostgresJSON?.self)?.text)
        startedAt = try row.decode("startedAt")
        completedAt = try row.decode("completedAt")
        estimatedCompletionAt = try row.decode("estimatedCompletionAt")
        estimatedCost = try Self.cost(row.decode("estimatedCost", as: PostgresJSON?.self)?.text)
        isTriggered = try row.decode("isTriggered")
        retryOf = try row.decode("retryOf")
        localTime = try row.decode("localTime")
        hasZones = try row.decode("hasZones")
        held = try row.decode("held")
        counters = try RunCounters(row: row)
        responses = try RunResponses(row: row)
        deletedCount = try row.decode("deletedCount")
    }

    private static func cost(_ text: String?) throws(PostgresError) -> CostEstimate? {
        guard let text else { return nil }
        do { return CostEstimate(json: try JSONValue(parsing: text)) } catch {
            throw PostgresError.decoding("the estimated cost of a run: \(error)")
        }
    }
}

/// A run as part of its campaign's history.
public struct CampaignRunRecord: Sendable {
    public let run: RunRecord
    /// The number of the revision that it sends.
    public let revision: Int
    /// The time of the schedule that it was made for; `nil` for a launch by hand.
    public let scheduledFor: Date?
    public let createdAt: Date

    static let selection: PostgresQuery = """
        SELECT q.*, v.number AS revision, x."scheduledFor", x."createdAt"
        FROM (\(fragment: RunRecord.selection)) q
        JOIN campaign_runs x ON x.id = q.id
        JOIN campaign_revisions v ON v.id = x."revisionId"
        """

    init(row: PostgresRow) throws(PostgresError) {
        run = try RunRecord(row: row)
        revision = try row.decode("revision")
        scheduledFor = try row.decode("scheduledFor")
        createdAt = try row.decode("createdAt")
    }
}
