public import Foundation
public import Postgres

/// What was taken from the 24 h quotas.
public struct QuotaRepository: Sendable {
    public init() {}

    /// The business-initiated messages of the last 24 hours, counted like the buckets: this hour and 23 before.
    ///
    /// - Returns: The numbers by quota group; a group that sent nothing is left out.
    public func used(
        by groups: [String],
        now: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [String: Int] {
        guard !groups.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT "quotaGroup", sum(count)::bigint FROM quota_hours
            WHERE "quotaGroup" = ANY(\(groups)::text[])
                AND hour > \(now)::timestamptz - interval '24 hours' AND hour <= \(now)
            GROUP BY "quotaGroup"
            """
        )
        var used: [String: Int] = [:]
        for row in rows { used[try row.decode(0)] = try row.decode(1) }
        return used
    }
}
