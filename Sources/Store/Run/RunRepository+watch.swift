public import Foundation
import Postgres

/// The runs that a person watches.
public enum WatchedRuns: Hashable, Sendable {
    /// The latest run of each of these campaigns.
    case latest(of: [UUID])
    /// All open runs of a tenant, or of all tenants, without tests; the standing runs of triggers only while they have something to send.
    case open(tenant: String?)
}

extension RunRepository {
    /// Returns watched runs, oldest first.
    ///
    /// - Parameters:
    ///   - watched: The runs.
    ///   - seen: Runs that were returned before; with ``WatchedRuns/open(tenant:)`` they are returned again, so that one
    ///     sees how they end.
    /// - Returns: The runs.
    /// - Throws: `PostgresError`.
    public func watched(_ watched: WatchedRuns, seen: [UUID] = []) async throws -> [CampaignRunRecord] {
        let ids: PostgresQuery
        switch watched {
        case .latest(let campaigns):
            ids = """
                SELECT l.id FROM unnest(\(campaigns)::uuid[]) AS c(id) CROSS JOIN LATERAL (
                    SELECT r.id FROM campaign_runs r WHERE r."campaignId" = c.id ORDER BY r."createdAt" DESC LIMIT 1
                ) l
                """
        case .open(let tenant):
            ids = """
                SELECT r.id FROM campaign_runs r
                WHERE r.status IN \(anyOf: RunStatus.open) AND (\(tenant)::text IS NULL OR r."tenantId" = \(tenant)::text)
                    AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0) AND NOT r."isTest"
                UNION SELECT * FROM unnest(\(seen)::uuid[])
                """
        }
        let rows = try await pool.query(
            """
            \(fragment: CampaignRunRecord.selection) WHERE x.id IN (\(fragment: ids))
            ORDER BY x."createdAt", x.id LIMIT 200
            """
        )
        return try rows.map(CampaignRunRecord.init(row:))
    }

    /// Returns the failed messages of runs by code, most frequent first.
    ///
    /// They come from an index of the failed messages, whatever the size of the runs.
    public func failureCodes(of runs: [UUID]) async throws -> [UUID: [(code: String, count: Int)]] {
        guard !runs.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT m."runId", coalesce(m."errorCode", '') AS code, count(*) FROM campaign_messages m
            WHERE m."runId" = ANY(\(runs)::uuid[]) AND m."failedAt" IS NOT NULL AND m.status = \(message: .failed)
            GROUP BY 1, 2 ORDER BY 3 DESC, 2
            """,
            deadline: .seconds(60)
        )
        var codes: [UUID: [(code: String, count: Int)]] = [:]
        for row in rows {
            codes[try row.decode("runId", as: UUID.self), default: []].append(
                (try row.decode("code"), try row.decode("count"))
            )
        }
        return codes
    }
}
