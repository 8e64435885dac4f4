public import Foundation
import Postgres

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
