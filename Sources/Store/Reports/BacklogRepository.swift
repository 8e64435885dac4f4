public import Foundation
public import Postgres

/// Messages that wait to be sent or settled, over all tenants, for metrics.
public struct BacklogRepository: Sendable {
    /// The open work of one tenant.
    public struct Backlog: Hashable, Sendable {
        public let tenantID: String
        /// Runs that are not over; those of triggers only while messages of them are open.
        public let openRuns: Int
        /// Messages that wait for an attempt or its outcome.
        public let openMessages: Int
        /// Messages whose answer was lost and that no report has settled, without those that retention has deleted.
        public let unconfirmed: Int
    }

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the tenants that have open runs or unconfirmed messages, from the counters of the runs.
    ///
    /// - Parameter deadline: The longest time that the query may take, not counting the wait for a connection.
    /// - Returns: One element per tenant, in no order.
    /// - Throws: `PostgresError`.
    public func tenants(deadline: Duration) async throws(PostgresError) -> [Backlog] {
        let rows = try await pool.query(
            """
            SELECT "tenantId",
                count(*) FILTER (WHERE "isOpen" AND (NOT "isTriggered" OR messages > 0)) AS runs,
                coalesce(sum(messages) FILTER (WHERE "isOpen"), 0)::bigint AS messages,
                sum(unconfirmed)::bigint AS unconfirmed
            FROM (
                SELECT "tenantId", status IN \(anyOf: RunStatus.open) AS "isOpen", "isTriggered",
                    pending + queued + sending AS messages,
                    unconfirmed - \(fragment: DeletedMessages.count(of: "r.id", [.unconfirmed])) AS unconfirmed
                FROM campaign_runs r WHERE status IN \(anyOf: RunStatus.open) OR unconfirmed > 0
            ) r
            GROUP BY 1
            """,
            deadline: deadline
        )
        return try rows.map { (row) throws(PostgresError) in
            Backlog(
                tenantID: try row.decode("tenantId"),
                openRuns: try row.decode("runs"),
                openMessages: try row.decode("messages"),
                unconfirmed: try row.decode("unconfirmed")
            )
        }
    }

    /// Returns how long messages have been due: since their chunk, their next attempt, or their creation.
    ///
    /// - Parameters:
    ///   - messages: A few ids.
    ///   - deadline: The longest time that the query may take, not counting the wait for a connection.
    /// - Returns: The times of those that still wait.
    /// - Throws: `PostgresError`.
    public func dueFor(_ messages: [UUID], deadline: Duration) async throws(PostgresError) -> [UUID: Duration] {
        let rows = try await pool.query(
            """
            SELECT m.id,
                extract(epoch FROM now() - greatest(m."createdAt", m."nextAttemptAt", c."notBefore"))::float8 AS age
            FROM campaign_messages m
            LEFT JOIN LATERAL (
                SELECT c."notBefore" FROM campaign_chunks c
                WHERE c."runId" = m."runId" AND c."startPosition" <= m.position
                ORDER BY c."startPosition" DESC LIMIT 1
            ) c ON true
            WHERE m.id = ANY(\(messages)::uuid[]) AND m.status = \(message: .queued)
            """,
            deadline: deadline
        )
        var ages: [UUID: Duration] = [:]
        for row in rows { ages[try row.decode("id")] = .seconds(max(0, try row.decode("age", as: Double.self))) }
        return ages
    }
}
