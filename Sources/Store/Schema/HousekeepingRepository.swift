public import Postgres

/// Deletes expired rows in batches that are too small to block other statements.
public struct HousekeepingRepository: Sendable {
    /// Rows that are deleted after a time.
    public enum Leftover: String, CaseIterable, Sendable {
        /// Each failed attempt.
        case failures = "message_failures"
        /// Events with their answers; an event that is repeated later counts as a new one.
        case events = "trigger_events"
        /// The ids of messages that were counted; WhatsApp repeats a webhook for seven days at most.
        case inbound = "inbound_messages"
        /// Changes of numbers.
        case moves = "contact_moves"
        /// The outcomes of the times of schedules.
        case occurrences = "schedule_occurrences"
        /// Events that tenants were told of, or are still to be told of.
        case notifications
        /// The counters of runs by the minute.
        case minutes = "run_minutes"
        /// Rate limits of senders.
        case throttles = "sender_throttles"
        /// Daemons that have ended.
        case daemons = "former_daemons"

        /// The retention in days.
        public var days: Int {
            switch self {
            case .failures, .events, .notifications: 30
            case .inbound, .moves: 8
            case .occurrences, .minutes, .throttles, .daemons: 90
            }
        }

        /// The column with the time from which on it counts.
        var column: String {
            switch self {
            case .failures, .events, .inbound, .moves, .occurrences, .notifications: "createdAt"
            case .minutes, .throttles: "minute"
            case .daemons: "lastSeen"
            }
        }
    }

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Deletes a batch of rows that are past their retention.
    ///
    /// - Returns: The number of rows; fewer than `limit` when nothing is left.
    public func remove(_ leftover: Leftover, limit: Int = 5_000) async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            DELETE FROM \(identifier: leftover.rawValue) WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM \(identifier: leftover.rawValue)
                WHERE \(identifier: leftover.column) < now() - \(Double(leftover.days)) * interval '1 day' LIMIT \(limit)
            ))
            """
        )
    }

    /// Deletes a batch of chunks of standing runs whose messages are all settled.
    ///
    /// A standing run gets a chunk for each batch of events for years, and the feeder and rebuilds read all of them.
    ///
    /// - Returns: The number of chunks.
    public func removeChunks(limit: Int = 5_000) async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            DELETE FROM campaign_chunks d USING (
                SELECT c."runId", c."startPosition" FROM campaign_runs r
                JOIN campaign_chunks c ON \(key: #"c."runId""#, of: "r.id") AND c.status = \(chunk: .fed)
                WHERE r."isTriggered" AND r.status IN \(anyOf: RunStatus.launched) AND NOT EXISTS (
                    SELECT FROM campaign_messages m
                    WHERE m.id >= message_id(r.id, c."startPosition") AND m.id < message_id(r.id, c."endPosition")
                        AND m.status IN \(anyOf: MessageStatus.unsettled)
                )
                LIMIT \(limit)
            ) over
            WHERE \(key: #"d."runId""#, of: #"over."runId""#)
                AND d."startPosition" = over."startPosition" AND d.status = \(chunk: .fed)
            """
        )
    }
}
