import Foundation
public import Postgres

/// Estimates how many rows a retention deletes, for plans.
public enum RetentionEstimate {
    /// The rows that are looked at; more are estimated from their share.
    private static let sample = 20_000

    /// Returns about how many rows of a tenant are from before a time and would be deleted.
    ///
    /// - Parameters:
    ///   - kind: The kind of rows.
    ///   - tenant: The owner of the rows.
    ///   - age: How old they are at least, in seconds.
    ///   - connection: The connection of a transaction that reads only.
    /// - Returns: The number, exact for small tables; messages of standing runs count in proportion to their time. `nil` if the
    ///   role may not read the rows.
    /// - Throws: `PostgresError`.
    public static func rows(
        _ kind: RetentionRepository.Kind,
        of tenant: String,
        olderThan age: Int,
        on connection: PostgresConnection
    ) async throws -> Int? {
        let tables: [String] =
            switch kind {
            case .messages: ["campaign_runs"]
            case .events: ["trigger_events"]
            case .contacts: ["contacts", "campaign_messages"]
            case .consents: ["consent_changes"]
            }
        let mayRead = try await connection.query(
            "SELECT bool_and(has_table_privilege(n, 'SELECT')) FROM unnest(\(tables)::text[]) AS t(n)"
        )
        guard try mayRead[0].decode(0) else { return nil }
        let clock = try await connection.query("SELECT now() - \(Double(age)) * interval '1 second'")
        let before = try clock[0].decode(0, as: Date.self)
        let rows = try await connection.query(query(kind, tenant, before), deadline: .seconds(60))
        return try rows[0].decode(0)
    }

    private static func query(
        _ kind: RetentionRepository.Kind,
        _ tenant: String,
        _ before: Date
    ) -> PostgresQuery {
        switch kind {
        case .messages:
            """
            SELECT coalesce(round(sum((r."recipientCount" - r."deletedCount") * CASE
                WHEN r."isTriggered" THEN least(1, extract(epoch FROM \(before)::timestamptz - r."createdAt")
                    / greatest(1, extract(epoch FROM coalesce(r."completedAt", now()) - r."createdAt")))
                ELSE 1
            END)), 0)::bigint
            FROM campaign_runs r
            WHERE r."tenantId" = \(tenant) AND r."createdAt" < \(before)
                AND \(fragment: RetentionRepository.isDeletable)
            """
        case .events:
            "SELECT count(*) FROM trigger_events WHERE \"tenantId\" = \(tenant) AND \"createdAt\" < \(before)"
        case .contacts:
            share(
                of: "SELECT * FROM contacts c WHERE c.\"tenantId\" = \(tenant)",
                order: "c.\"contactId\"",
                where: RetentionRepository.isOutOfTouch(since: before)
            )
        case .consents:
            share(
                of: "SELECT * FROM consent_changes c WHERE c.\"tenantId\" = \(tenant)",
                order: "c.key",
                where: RetentionRepository.isReplaced(before: before)
            )
        }
    }

    /// Counts the rows of a selection, as `c`, that fulfil a condition: all of them, or their share among the first ones.
    private static func share(
        of selection: PostgresQuery,
        order: PostgresQuery,
        where condition: PostgresQuery
    ) -> PostgresQuery {
        """
        SELECT coalesce(round(s.found * (SELECT count(*) FROM (\(fragment: selection)) a)::numeric / nullif(s.seen, 0)), 0)::bigint
        FROM (
            SELECT count(*) FILTER (WHERE \(fragment: condition)) AS found, count(*) AS seen
            FROM (\(fragment: selection) ORDER BY \(fragment: order) LIMIT \(sample)) c
        ) s
        """
    }
}
