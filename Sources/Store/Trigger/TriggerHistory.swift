public import Foundation
public import Postgres

/// The outcome of an event in one word.
public enum TriggerEventOutcome: String, CaseIterable, Sendable {
    /// It led to at least one message.
    case matched
    /// It led to no message, and there is a reason.
    case refused
    /// No campaign waits for it.
    case unmatched
}

/// An event that came in, as lists show it.
public struct TriggerEventRecord: Hashable, Sendable {
    public let at: Date
    public let event: String
    /// The contact as the sender of the event named it.
    public let contactID: String
    public let outcome: TriggerEventOutcome
    /// The first reason why a message was refused, as in ``TriggerRefusal``.
    public let reason: String?
}

/// Events of one minute with the same outcome and reason.
public struct TriggerEventCount: Hashable, Sendable {
    public let at: Date
    public let outcome: TriggerEventOutcome
    /// The first reason of refused events.
    public let reason: String?
    public let count: Int
}

/// Reads which events came in, and what became of them.
public struct TriggerHistoryRepository: Sendable {
    /// The maximum number of events that can be listed; the latest count.
    public static let listLimit = 10_000
    /// The maximum number of events that are counted; the latest count.
    static let countLimit = 100_000

    private static let outcome: PostgresQuery = """
        CASE
            WHEN jsonb_array_length(answer -> 'matched') > 0 THEN \(TriggerEventOutcome.matched.rawValue)::text
            WHEN jsonb_array_length(answer -> 'refused') > 0 THEN \(TriggerEventOutcome.refused.rawValue)::text
            ELSE \(TriggerEventOutcome.unmatched.rawValue)::text
        END
        """
    private static let reason: PostgresQuery = "answer -> 'refused' -> 0 ->> 'reason'"

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns a page of the last events, latest first, and how many can be listed in all.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the events.
    ///   - event: Only events of this name, among the last ``listLimit``; `nil` for all.
    ///   - page: The number of the page, from 1.
    ///   - limit: The items of a page.
    /// - Returns: The page, and the number of all events that can be listed.
    /// - Throws: `PostgresError`.
    public func events(
        tenant: String,
        event: String? = nil,
        page: Int,
        limit: Int
    ) async throws -> (items: [TriggerEventRecord], total: Int) {
        let last: PostgresQuery = """
            SELECT * FROM (
                SELECT id, event, "contactId", answer, "createdAt" FROM trigger_events WHERE "tenantId" = \(tenant)
                ORDER BY "createdAt" DESC, id DESC LIMIT \(Self.listLimit)
            ) e WHERE \(event)::text IS NULL OR event = \(event)::text
            """
        let total = try await pool.query("SELECT count(*) FROM (\(fragment: last)) e", deadline: .seconds(10))
        let rows = try await pool.query(
            """
            SELECT "createdAt" AS at, event, "contactId", \(fragment: Self.outcome) AS outcome, \(fragment: Self.reason) AS reason
            FROM (\(fragment: last)) e ORDER BY "createdAt" DESC, id DESC LIMIT \(limit) OFFSET \((page - 1) * limit)
            """,
            deadline: .seconds(10)
        )
        let items = try rows.compactMap { row -> TriggerEventRecord? in
            guard let outcome = TriggerEventOutcome(rawValue: try row.decode("outcome")) else { return nil }
            return TriggerEventRecord(
                at: try row.decode("at"),
                event: try row.decode("event"),
                contactID: try row.decode("contactId"),
                outcome: outcome,
                reason: outcome == .matched ? nil : try row.decode("reason")
            )
        }
        return (items, try total[0].decode(0))
    }

    /// Counts the events of the last minutes by minute, outcome and reason.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the events.
    ///   - minutes: The length of the period.
    /// - Returns: The counts, oldest first, and the beginning of the period: later than asked for if there were more than
    ///   100,000 events.
    /// - Throws: `PostgresError`.
    public func counts(tenant: String, minutes: Int) async throws -> (points: [TriggerEventCount], from: Date) {
        let rows = try await pool.query(
            """
            WITH last AS MATERIALIZED (
                SELECT "createdAt", answer FROM trigger_events
                WHERE "tenantId" = \(tenant) AND "createdAt" >= date_trunc('minute', now()) - \(Double(minutes)) * interval '1 minute'
                ORDER BY "createdAt" DESC LIMIT \(Self.countLimit)
            ), period AS (
                -- The oldest minute may be cut.
                SELECT CASE WHEN count(*) = \(Self.countLimit)
                    THEN date_trunc('minute', min("createdAt")) + interval '1 minute'
                    ELSE date_trunc('minute', now()) - \(Double(minutes)) * interval '1 minute' END AS start
                FROM last
            )
            SELECT start, at, outcome, reason, count FROM period LEFT JOIN (
                SELECT date_trunc('minute', "createdAt") AS at, \(fragment: Self.outcome) AS outcome,
                    CASE WHEN jsonb_array_length(answer -> 'matched') = 0 THEN \(fragment: Self.reason) END AS reason,
                    count(*) AS count
                FROM last GROUP BY 1, 2, 3
            ) c ON c.at >= period.start ORDER BY at, outcome, reason
            """,
            deadline: .seconds(10)
        )
        let points = try rows.compactMap { row -> TriggerEventCount? in
            guard let at = try row.decode("at", as: Date?.self),
                let outcome = TriggerEventOutcome(rawValue: try row.decode("outcome"))
            else { return nil }
            return TriggerEventCount(
                at: at,
                outcome: outcome,
                reason: try row.decode("reason"),
                count: try row.decode("count")
            )
        }
        return (points, try rows[0].decode("start"))
    }
}
