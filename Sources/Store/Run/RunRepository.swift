public import Foundation
public import Postgres

/// The runs: their progress, and how they are paused, resumed, cancelled and completed.
public struct RunRepository: Sendable {
    /// NOTIFY channel that tells daemons that a run became ready, was paused, resumed or ended.
    public static let channel = "campaign_runs"

    /// The condition for runs, as `r`, that may send messages: running ones, and those that only wait for the quota.
    static let live: PostgresQuery = """
        (r.status = \(run: .running) OR (r.status = \(run: .paused) AND r."quotaUntil" IS NOT NULL))
        """

    /// The condition for runs, as `r`, that were stopped while some of their messages were being sent.
    static let stopped: PostgresQuery = """
        (r.sending > 0 AND (r.status = \(run: .cancelled) OR (r.status = \(run: .paused) AND r."quotaUntil" IS NULL)))
        """

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    public func find(_ id: UUID) async throws -> RunRecord? {
        let rows = try await pool.query("\(fragment: RunRecord.selection) WHERE r.id = \(id)")
        return try rows.first.map(RunRecord.init(row:))
    }

    /// Returns the launch whose messages a run repeats, directly or through other runs; the run itself if it repeats
    /// none.
    public func launch(of run: UUID) async throws -> RunRecord? {
        let rows = try await pool.query(
            """
            WITH RECURSIVE \(fragment: RetrySource.chain(of: run))
            \(fragment: RunRecord.selection) WHERE r.id IN (SELECT id FROM chain WHERE "retryOf" IS NULL)
            """
        )
        return try rows.first.map(RunRecord.init(row:))
    }

    /// Returns the latest runs, newest first, without tests.
    ///
    /// - Parameters:
    ///   - tenant: Only this tenant's; `nil` for all.
    ///   - campaigns: Only runs of these campaigns; `nil` for all.
    ///   - limit: The maximum number of runs.
    /// - Returns: The runs, each with its counters.
    /// - Throws: `PostgresError`.
    public func latest(
        tenant: String? = nil,
        campaigns: [UUID]? = nil,
        limit: Int = 20
    ) async throws -> [RunRecord] {
        let rows = try await pool.query(
            """
            \(fragment: RunRecord.selection)
            WHERE (\(tenant)::text IS NULL OR r."tenantId" = \(tenant)::text)
                AND (\(campaigns)::uuid[] IS NULL OR r."campaignId" = ANY(\(campaigns)::uuid[]))
                AND NOT r."isTest"
            ORDER BY r."createdAt" DESC LIMIT \(limit)
            """
        )
        return try rows.map(RunRecord.init(row:))
    }

    /// Runs that may have something to send; those of triggers only while messages of them are open.
    public func running() async throws -> [RunRecord] {
        let rows = try await pool.query(
            """
            \(fragment: RunRecord.selection) WHERE \(fragment: Self.live)
                AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
            ORDER BY r."createdAt"
            """
        )
        return try rows.map(RunRecord.init(row:))
    }

    /// Returns the payload of a revision, to be rendered for each message.
    public func content(ofRevision id: UUID) async throws -> String? {
        let rows = try await pool.query("SELECT content FROM campaign_revisions WHERE id = \(id)")
        return try rows.first?.decode(0, as: PostgresJSON.self).text
    }

    /// Returns failed and unconfirmed messages of a run by reason, most frequent first, and those that were left out
    /// for a reason of their own; the rest of a cancelled run was not.
    ///
    /// Messages that retention has deleted are counted, too.
    public func failures(of run: UUID) async throws -> [FailureCount] {
        let first = MessageID.make(run: run, position: 0)
        let last = MessageID.make(run: run, position: MessageID.maximumPosition)
        let rows = try await pool.query(
            """
            SELECT code, message, sum(messages)::bigint FROM (
                SELECT coalesce("errorCode", '') AS code, coalesce("errorMessage", '') AS message, count(*) AS messages
                FROM campaign_messages
                WHERE id BETWEEN \(first) AND \(last)
                    AND status IN \(anyOf: [MessageStatus.failed, .unconfirmed, .cancelled])
                    AND (status <> \(message: .cancelled) OR "errorCode" IS NOT NULL)
                GROUP BY 1, 2
                UNION ALL
                SELECT "errorCode", "errorMessage", count FROM deleted_messages
                WHERE "runId" = \(run) AND status IN \(anyOf: [MessageStatus.failed, .unconfirmed, .cancelled])
                    AND (status <> \(message: .cancelled) OR "errorCode" <> '')
            ) m
            GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50
            """,
            deadline: .seconds(120)
        )
        return try rows.map { row in
            FailureCount(code: try row.decode(0), message: try row.decode(1), count: try row.decode(2))
        }
    }
}

/// The number of messages of a run that ended for one reason.
public struct FailureCount: Hashable, Sendable {
    public let code: String
    public let message: String
    public let count: Int
}

extension RunRepository {
    /// Returns a page of the runs of a campaign, newest first, and how many there are in all.
    public func runs(
        ofCampaign id: UUID,
        tenant: String,
        page: Int,
        limit: Int
    ) async throws -> (runs: [CampaignRunRecord], total: Int) {
        try await pool.withConnection { connection in
            let total = try await connection.query(
                "SELECT count(*) FROM campaign_runs WHERE \"campaignId\" = \(id) AND \"tenantId\" = \(tenant)"
            )
            let rows = try await connection.query(
                """
                \(fragment: CampaignRunRecord.selection)
                WHERE x."campaignId" = \(id) AND x."tenantId" = \(tenant)
                ORDER BY x."createdAt" DESC, x.id DESC LIMIT \(limit) OFFSET \((page - 1) * limit)
                """
            )
            return (try rows.map(CampaignRunRecord.init(row:)), try total[0].decode(0))
        }
    }

    /// Returns one run of a tenant; `nil` if the tenant has no run with the id.
    public func campaignRun(_ id: UUID, tenant: String) async throws -> CampaignRunRecord? {
        let rows = try await pool.query(
            "\(fragment: CampaignRunRecord.selection) WHERE x.id = \(id) AND x.\"tenantId\" = \(tenant)"
        )
        return try rows.first.map(CampaignRunRecord.init(row:))
    }

    /// Returns the run of a campaign that is launching, running or paused; `nil` if no run is.
    public func openRun(ofCampaign id: UUID, tenant: String) async throws -> CampaignRunRecord? {
        let rows = try await pool.query(
            """
            \(fragment: CampaignRunRecord.selection)
            WHERE x."campaignId" = \(id) AND x."tenantId" = \(tenant)
                AND x.status IN \(anyOf: RunStatus.open)
            """
        )
        return try rows.first.map(CampaignRunRecord.init(row:))
    }
}
