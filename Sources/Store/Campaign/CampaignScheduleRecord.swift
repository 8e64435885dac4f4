public import Foundation
import Postgres

/// When a campaign is sent again, and how far that has come.
public struct CampaignScheduleRecord: Hashable, Sendable {
    public let id: UUID
    /// `nil` for a single time.
    public let cronExpression: String?
    /// The single time on the wall.
    public let at: String?
    public let timeZone: String
    /// `nil` when no time is left.
    public let nextRunAt: Date?
    public let lastRunAt: Date?
    public let maxRuns: Int?
    public let runCount: Int

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        cronExpression = try row.decode("cronExpression")
        at = try row.decode("at")
        timeZone = try row.decode("timeZone")
        nextRunAt = try row.decode("nextRunAt")
        lastRunAt = try row.decode("lastRunAt")
        maxRuns = try row.decode("maxRuns")
        runCount = try row.decode("runCount")
    }
}
