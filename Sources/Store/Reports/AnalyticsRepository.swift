public import Foundation
public import Postgres

/// Sums over campaigns, from the counters of their runs: the cost does not grow with the number of messages.
public struct AnalyticsRepository: Sendable {
    /// The campaigns and messages of a tenant.
    public struct Overview: Hashable, Sendable {
        public let campaigns: Int
        /// Campaigns that are running.
        public let activeCampaigns: Int
        public let counters: RunCounters
    }

    /// The states of the messages of a campaign, and the responses to them.
    public struct Totals: Hashable, Sendable {
        /// The messages by status, each recipient once; also those that retention has deleted.
        public let counters: RunCounters
        /// The people who responded, once for each run.
        public let responses: RunResponses
        /// Messages that retention has deleted.
        public let deleted: Int
    }

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the messages of a campaign by status, and the responses to them.
    ///
    /// A recipient whose failed message a later run repeats is counted in that run only, unless one run is asked for.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - run: Only this run; `nil` for all.
    ///   - revision: Only runs that sent the revision of this number; `nil` for all.
    /// - Returns: The sums; `nil` if the campaign does not have the given run or revision.
    /// - Throws: `PostgresError`.
    public func totals(
        campaign: UUID,
        tenant: String,
        run: UUID? = nil,
        revision: Int? = nil
    ) async throws -> Totals? {
        // The tenant is a condition of the campaign that was found, so that no index of all its rows can serve.
        var condition: PostgresQuery = """
            r."campaignId" = ANY(ARRAY(
                SELECT c.id FROM (SELECT * FROM campaigns WHERE id = \(campaign) OFFSET 0) c
                WHERE c."tenantId" = \(tenant)
            ))
            """
        var revisions: PostgresQuery = ""
        if let run { condition = "\(fragment: condition) AND r.id = \(run)" }
        if let revision {
            revisions = "JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)"
            condition = "\(fragment: condition) AND v.number = \(revision)"
        }
        let rows = try await pool.query(
            """
            SELECT count(*) AS runs, \(fragment: run == nil ? Self.sums : Self.sumsOfOneRun), \(fragment: RunResponses.sums),
                coalesce(sum(r."deletedCount"), 0)::bigint AS deleted
            FROM campaign_runs r \(fragment: revisions) WHERE \(fragment: condition)
            """
        )
        let runs = try rows[0].decode("runs", as: Int.self)
        if runs == 0, run != nil || revision != nil { return nil }
        return Totals(
            counters: try RunCounters(row: rows[0]),
            responses: try RunResponses(row: rows[0]),
            deleted: try rows[0].decode("deleted")
        )
    }

    /// Returns the messages of a run and of those that it repeats by status, each recipient once.
    public func counters(withRepeated run: UUID) async throws -> RunCounters {
        let rows = try await pool.query(
            """
            WITH RECURSIVE \(fragment: RetrySource.chain(of: run))
            SELECT \(fragment: Self.sums) FROM campaign_runs r WHERE r.id IN (SELECT id FROM chain)
            """
        )
        return try RunCounters(row: rows[0])
    }

    /// Returns all campaigns of a tenant that are not archived, and all messages that it ever sent but tests.
    public func overview(tenant: String) async throws -> Overview {
        let rows = try await pool.query(
            """
            SELECT c.*, r.*
            FROM (
                SELECT count(*) AS campaigns, count(*) FILTER (WHERE status = \(campaign: .running)) AS "activeCampaigns"
                FROM campaigns WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL
            ) c, (SELECT \(fragment: Self.sums) FROM campaign_runs r WHERE r."tenantId" = \(tenant) AND NOT r."isTest") r
            """
        )
        return Overview(
            campaigns: try rows[0].decode("campaigns"),
            activeCampaigns: try rows[0].decode("activeCampaigns"),
            counters: try RunCounters(row: rows[0])
        )
    }

    /// The counters of `campaign_runs AS r` without the messages that later runs repeat.
    private static let sums = summing { status in
        switch status {
        case .failed: "r.failed - r.\"retriedFailed\""
        case .delivered: "r.delivered - r.\"retriedDelivered\""
        case .read: "r.read - r.\"retriedRead\""
        default: "r.\(status.rawValue)"
        }
    }

    private static let sumsOfOneRun = summing { "r.\($0.rawValue)" }

    private static func summing(_ count: (MessageStatus) -> String) -> PostgresQuery {
        PostgresQuery(
            sql: MessageStatus.allCases.map { "coalesce(sum(\(count($0))), 0)::bigint AS \($0.rawValue)" }
                .joined(separator: ", ") + ", coalesce(sum(r.capped), 0)::bigint AS capped"
        )
    }
}
