public import Foundation
public import JSON
import Postgres
public import Spec

/// A campaign as it is stored, from a spec or from the API.
public struct CampaignRecord: Sendable {
    public let id: UUID
    public let tenantID: String
    public let name: String
    public let title: String?
    public let type: CampaignType
    public let status: CampaignStatus
    /// The reason why it is paused or failed.
    public let statusReason: String?
    public let sourceModule: String?
    public let sourceReferenceID: String?
    public let senderID: UUID?
    public let senderName: String?
    /// The WhatsApp payload without recipient.
    public let message: JSONValue
    public let templateID: UUID?
    public let templateParams: JSONValue?
    public let audienceFilter: JSONValue?
    public let recipientCount: Int
    public let scheduledAt: Date?
    public let startedAt: Date?
    public let completedAt: Date?
    public let estimatedCompletionAt: Date?
    public let triggerType: String?
    public let triggerConfig: JSONValue?
    /// The reaction when WhatsApp caps a person; `nil` is that of the tenant.
    public let onUserCap: JSONValue?
    public let protect: Bool
    /// The file that it comes from; `nil` for a campaign that no spec owns.
    public let sourceFile: String?
    public let isManagedBySpec: Bool
    public let createdBy: UUID?
    public let createdAt: Date
    public let updatedAt: Date

    /// True if events start it, contact by contact; a campaign of a module may be one of these too.
    public var waitsForEvent: Bool {
        type == .eventTriggered || (type == .moduleInitiated && triggerType != nil && audienceFilter == nil)
    }

    static let selection: PostgresQuery = """
        SELECT c.id, c."tenantId", c.name, c.title, c.type::text AS type, c.status, c."statusReason", c."sourceModule",
            c."sourceReferenceId", c."senderId", s.name AS "senderName", c."messageTemplate", c."templateId",
            c."templateParams", c."audienceFilter", c."recipientCount", c."scheduledAt", c."startedAt", c."completedAt",
            c."estimatedCompletionAt", c."triggerType", c."triggerConfig", c.protect, c."sourceFile", c."managedBy",
            c."createdBy", c."createdAt", c."updatedAt", c."onUserCap"
        FROM campaigns c LEFT JOIN senders s ON s.id = c."senderId"
        """

    init(row: PostgresRow) throws {
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        name = try row.decode("name")
        title = try row.decode("title")
        type = CampaignType(rawValue: try row.decode("type")) ?? .manual
        status = try row.decode("status")
        statusReason = try row.decode("statusReason")
        sourceModule = try row.decode("sourceModule")
        sourceReferenceID = try row.decode("sourceReferenceId")
        senderID = try row.decode("senderId")
        senderName = try row.decode("senderName")
        message = try row.json("messageTemplate") ?? .null
        templateID = try row.decode("templateId")
        templateParams = try row.json("templateParams")
        audienceFilter = try row.json("audienceFilter")
        recipientCount = try row.decode("recipientCount")
        scheduledAt = try row.decode("scheduledAt")
        startedAt = try row.decode("startedAt")
        completedAt = try row.decode("completedAt")
        estimatedCompletionAt = try row.decode("estimatedCompletionAt")
        triggerType = try row.decode("triggerType")
        triggerConfig = try row.json("triggerConfig")
        onUserCap = try row.json("onUserCap")
        protect = try row.decode("protect")
        sourceFile = try row.decode("sourceFile")
        isManagedBySpec = try row.decode("managedBy", as: String?.self) == "spec"
        createdBy = try row.decode("createdBy")
        createdAt = try row.decode("createdAt")
        updatedAt = try row.decode("updatedAt")
    }
}

/// A schedule of a campaign, with its progress.
public struct CampaignScheduleRecord: Hashable, Sendable {
    public let id: UUID
    /// `nil` for a single time.
    public let cronExpression: String?
    /// The single local time.
    public let at: String?
    public let timeZone: String
    /// True if its times are those of the clock of each contact.
    public let localTime: Bool
    /// The next time; `nil` if no time is left.
    public let nextRunAt: Date?
    public let lastRunAt: Date?
    public let maxRuns: Int?
    public let runCount: Int

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        cronExpression = try row.decode("cronExpression")
        at = try row.decode("at")
        timeZone = try row.decode("timeZone")
        localTime = try row.decode("localTime")
        nextRunAt = try row.decode("nextRunAt")
        lastRunAt = try row.decode("lastRunAt")
        maxRuns = try row.decode("maxRuns")
        runCount = try row.decode("runCount")
    }
}
