import Foundation
public import Postgres

extension MessageRepository {
    /// Applies reports of WhatsApp to their messages; each message may occur once (`foldedByMessage()`).
    ///
    /// Statuses only move forward: sent, delivered, read. `failed` ends a message unless delivered or read follows. A
    /// report with our id also settles a message whose answer is outstanding or was lost.
    ///
    /// - Returns: The reports whose message is unknown, both by our id and by WhatsApp's.
    public func apply(_ statuses: [DeliveryStatus]) async throws(PostgresError) -> [DeliveryStatus] {
        guard !statuses.isEmpty else { return [] }
        let rows = try await pool.query(
            """
            WITH report AS MATERIALIZED (
                SELECT * FROM unnest(
                    \(statuses.map(\.waMessageID))::text[],
                    \(statuses.map(\.messageID))::uuid[],
                    \(statuses.map(\.status))::campaign_message_status_enum[],
                    \(statuses.map(\.sentAt))::timestamptz[],
                    \(statuses.map(\.deliveredAt))::timestamptz[],
                    \(statuses.map(\.readAt))::timestamptz[],
                    \(statuses.map(\.failedAt))::timestamptz[],
                    \(statuses.map { $0.failure?.code })::text[],
                    \(statuses.map { $0.failure?.message })::text[]
                ) WITH ORDINALITY
                    AS s("waMessageId", id, status, "sentAt", "deliveredAt", "readAt", "failedAt", code, message, number)
            ), target AS MATERIALIZED (
                -- Two reports of one message would move its counters twice: the second comes back to be parked.
                SELECT DISTINCT ON (t.id) t.id, t.number FROM (
                    SELECT r.number, r.id FROM report r WHERE r.id IS NOT NULL
                    UNION ALL
                    SELECT r.number, m.id FROM report r
                    JOIN campaign_messages m ON m."waMessageId" = r."waMessageId" WHERE r.id IS NULL
                ) t ORDER BY t.id, t.number
            ), changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.status AS old,
                    CASE
                        WHEN m.status IN \(anyOf: MessageStatus.accepted)
                            THEN CASE
                                WHEN r.status = \(message: .failed) THEN
                                    CASE WHEN m.status = \(message: .sent) THEN \(message: .failed) ELSE m.status END
                                ELSE greatest(m.status, r.status)
                            END
                        WHEN m.status = \(message: .failed) AND r.status NOT IN \(anyOf: [MessageStatus.delivered, .read])
                            THEN m.status
                        ELSE r.status
                    END AS new,
                    r."waMessageId", r."sentAt", r."deliveredAt", r."readAt", r."failedAt", r.code, r.message, r.number
                FROM target t
                JOIN report r ON r.number = t.number
                JOIN campaign_messages m ON m.id = t.id
                ORDER BY m.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    "waMessageId" = coalesce(m."waMessageId", changed."waMessageId"),
                    "sentAt" = coalesce(m."sentAt", changed."sentAt", changed."deliveredAt", changed."readAt"),
                    "deliveredAt" = coalesce(m."deliveredAt", changed."deliveredAt", changed."readAt"),
                    "readAt" = coalesce(m."readAt", changed."readAt"),
                    "failedAt" = CASE WHEN changed.new = \(message: .failed) THEN coalesce(m."failedAt", changed."failedAt") END,
                    "unconfirmedAt" = NULL,
                    "errorCode" = CASE WHEN changed.new = \(message: .failed) THEN coalesce(changed.code, m."errorCode") END,
                    "errorMessage" =
                        CASE WHEN changed.new = \(message: .failed) THEN coalesce(changed.message, m."errorMessage") END
                FROM changed WHERE m.id = changed.id
            ), \(fragment: RunCounters.counted)
            SELECT number FROM changed
            """
        )
        var known: Set<Int> = []
        for row in rows { known.insert(try row.decode(0, as: Int.self) - 1) }
        return statuses.indices.filter { !known.contains($0) }.map { statuses[$0] }
    }

    /// Keeps reports whose message is not known yet; ``applyParked()`` tries them again.
    public func park(_ statuses: [DeliveryStatus]) async throws(PostgresError) {
        guard !statuses.isEmpty else { return }
        try await pool.execute(
            """
            INSERT INTO webhook_inbox ("waMessageId", status, "occurredAt", "errorCode", "errorMessage")
            SELECT * FROM unnest(
                \(statuses.map(\.waMessageID))::text[],
                \(statuses.map(\.status.rawValue))::text[],
                \(statuses.map(\.lastReport))::timestamptz[],
                \(statuses.map { $0.failure?.code })::text[],
                \(statuses.map { $0.failure?.message })::text[]
            )
            ON CONFLICT ("waMessageId", status) DO NOTHING
            """
        )
    }

    /// Applies the parked reports whose message is known by now, and drops those older than a week: WhatsApp repeats a
    /// report for seven days at most.
    ///
    /// A report that Postgres refuses stays parked, and the others are applied.
    ///
    /// - Returns: The number of applied reports.
    @discardableResult
    public func applyParked() async throws(PostgresError) -> Int {
        let rows = try await pool.query(
            """
            SELECT i.id, i."waMessageId", m.id, i.status, i."occurredAt", i."errorCode", i."errorMessage"
            FROM webhook_inbox i JOIN campaign_messages m ON m."waMessageId" = i."waMessageId"
            ORDER BY i.id LIMIT 500
            """
        )
        var inbox: [Int] = []
        var names: [String] = []
        var statuses: [DeliveryStatus] = []
        for row in rows {
            inbox.append(try row.decode(0))
            names.append(try row.decode(1))
            guard let rank = DeliveryStatus.Rank(name: try row.decode(3, as: String.self)) else { continue }
            let code = try row.decode(5, as: String?.self)
            let message = try row.decode(6, as: String?.self)
            statuses.append(
                DeliveryStatus(
                    waMessageID: try row.decode(1),
                    messageID: try row.decode(2),
                    rank: rank,
                    at: try row.decode(4),
                    failure: code.map { MessageOutcome.Failure(code: $0, message: message ?? "") }
                )
            )
        }
        // Reports are applied before they are dropped: a crash in between applies them again, which changes nothing.
        do throws(PostgresError) {
            _ = try await apply(statuses.foldedByMessage())
        } catch  where error.isAboutValues && statuses.count > 1 {
            var refused: Set<String> = []
            for status in statuses.foldedByMessage() {
                do throws(PostgresError) {
                    _ = try await apply([status])
                } catch  where error.isAboutValues {
                    refused.insert(status.waMessageID)
                }
            }
            inbox = rows.indices.compactMap { refused.contains(names[$0]) ? nil : inbox[$0] }
        }
        try await pool.execute(
            """
            DELETE FROM webhook_inbox
            WHERE id = ANY(\(inbox)::bigint[]) OR "createdAt" < now() - interval '8 days'
            """
        )
        return inbox.count
    }
}

extension DeliveryStatus.Rank {
    /// The status with the name that WhatsApp uses; `nil` for those that say nothing about delivery.
    public init?(name: String) {
        switch name {
        case "sent": self = .sent
        case "delivered": self = .delivered
        case "read", "played": self = .read
        case "failed": self = .failed
        default: return nil
        }
    }
}

extension DeliveryStatus {
    fileprivate var lastReport: Date {
        readAt ?? deliveredAt ?? failedAt ?? sentAt ?? Date()
    }
}
