public import Postgres

/// Removes what nobody needs any more, in portions that hold nobody up.
public struct HousekeepingRepository: Sendable {
    /// What is removed after a time.
    public enum Leftover: String, CaseIterable, Sendable {
        /// Each failed attempt.
        case failures = "message_failures"
        /// Events and the answers they got; who repeats one later sends it anew.
        case events = "trigger_events"
        /// The ids of messages that were counted; WhatsApp repeats a webhook for seven days at most.
        case inbound = "inbound_messages"
        /// What became of the times of schedules.
        case occurrences = "schedule_occurrences"

        /// How long it is kept, in days.
        public var days: Int {
            switch self {
            case .failures, .events: 30
            case .inbound: 8
            case .occurrences: 90
            }
        }
    }

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Removes a portion of what is older than it is kept.
    ///
    /// - Returns: How many rows; fewer than `limit` when nothing is left.
    public func remove(_ leftover: Leftover, limit: Int = 5_000) async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            DELETE FROM \(identifier: leftover.rawValue) WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM \(identifier: leftover.rawValue)
                WHERE "createdAt" < now() - \(Double(leftover.days)) * interval '1 day' LIMIT \(limit)
            ))
            """
        )
    }

    /// Removes a portion of the chunks of standing runs whose messages have all come to an end.
    ///
    /// A standing run gets a chunk for each batch of events, for ever; whoever feeds or rebuilds it looks at all of them.
    ///
    /// - Returns: How many chunks.
    public func removeChunks(limit: Int = 5_000) async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            DELETE FROM campaign_chunks d USING (
                SELECT c."runId", c."startPosition" FROM campaign_runs r
                JOIN campaign_chunks c ON c."runId" = r.id AND c.status = 'fed'
                WHERE r."isTriggered" AND r.status IN ('running', 'paused') AND NOT EXISTS (
                    SELECT FROM campaign_messages m
                    WHERE m.id >= message_id(r.id, c."startPosition") AND m.id < message_id(r.id, c."endPosition")
                        AND m.status IN ('pending', 'queued', 'sending', 'unconfirmed')
                )
                LIMIT \(limit)
            ) over
            WHERE d."runId" = over."runId" AND d."startPosition" = over."startPosition" AND d.status = 'fed'
            """
        )
    }
}
