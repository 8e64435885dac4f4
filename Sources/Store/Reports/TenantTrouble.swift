public import Foundation
public import Postgres

/// Something of a tenant that did not happen as planned, as its tables show it.
public struct TenantTrouble: Hashable, Sendable {
    public enum Kind: String, Sendable {
        /// A start of a schedule that failed within the last hour.
        case startFailed
        /// A start of a schedule within the last hour that came late.
        case startLate
        /// A notification whose receiver did not take it.
        case notification
        /// Webhooks that are passed on to another system, which did not take them.
        case forward
    }

    public let tenantID: String
    public let kind: Kind
    /// The campaign of a start, or the reason of a notification; empty for webhooks.
    public let name: String
    /// The cause, for people; `nil` if none is known.
    public let cause: String?
    /// The planned time of a start; of the others the first attempt, if that is known.
    public let since: Date?
}

extension LiveRepository {
    /// Seconds after its time from which a start is late.
    private static let lateness = 30

    /// Returns what went wrong lately.
    ///
    /// - Parameters:
    ///   - tenants: The owners.
    ///   - deadline: The longest time that the statement may take.
    /// - Returns: At most 100 of each tenant and kind, latest first.
    /// - Throws: `PostgresError`.
    public func troubles(of tenants: [String], deadline: Duration) async throws(PostgresError) -> [TenantTrouble] {
        let rows = try await pool.query(
            """
            SELECT t.id AS tenant, o.kind, o.name, o.cause, o.since FROM unnest(\(tenants)::text[]) AS t(id)
            CROSS JOIN LATERAL (
                SELECT DISTINCT ON (c.name, l.outcome)
                    CASE WHEN l.outcome = 'failed' THEN 'startFailed' ELSE 'startLate' END AS kind, c.name,
                    l.reason AS cause, l."scheduledFor" AS since
                FROM (
                    SELECT * FROM schedule_occurrences o
                    WHERE o."tenantId" = t.id AND o."scheduledFor" > now() - interval '1 hour' AND (
                        o.outcome = 'failed' OR (o.outcome = 'started'
                            AND o."createdAt" > o."scheduledFor" + \(Self.lateness) * interval '1 second')
                    )
                    ORDER BY o."scheduledFor" DESC LIMIT 100
                ) l
                JOIN campaign_schedules s ON s.id = l."scheduleId" JOIN campaigns c ON c.id = s."campaignId"
                ORDER BY c.name, l.outcome, l."scheduledFor" DESC
            ) o
            UNION ALL
            SELECT p."tenantId", 'notification', p.reason, p.failure, p."firstAt" FROM notification_posts p
            WHERE p."tenantId" = ANY(\(tenants)::text[]) AND p."postId" IS NOT NULL AND p.failure IS NOT NULL
            UNION ALL
            SELECT r."tenantId", 'forward', '', r.failure, NULL FROM webhook_receivers r
            WHERE r."tenantId" = ANY(\(tenants)::text[]) AND r.attempts > 0 AND r.failure IS NOT NULL
            """,
            deadline: deadline
        )
        var troubles: [TenantTrouble] = []
        for row in rows {
            guard let kind = TenantTrouble.Kind(rawValue: try row.decode("kind", as: String.self)) else { continue }
            troubles.append(
                TenantTrouble(
                    tenantID: try row.decode("tenant"),
                    kind: kind,
                    name: try row.decode("name"),
                    cause: try row.decode("cause"),
                    since: try row.decode("since")
                )
            )
        }
        return troubles
    }
}
