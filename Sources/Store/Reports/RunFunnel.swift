public import Foundation
public import Postgres

/// The way from the audience of a run to those who answered, with a name for each loss.
///
/// Each step is the one before without the losses after that one.
public struct RunFunnel: Sendable {
    public enum Step: String, CaseIterable, Sendable {
        case audience, recipients, accepted, delivered, read, replied
    }

    /// Messages or contacts that are in one step and not in the next one.
    public struct Loss: Hashable, Sendable {
        /// The last step that they are in.
        public let after: Step
        /// A reason of ``LeftOut``, the state of messages, or the code of an error.
        public let reason: String
        public let count: Int
        /// WhatsApp's text for an error, or our words.
        public let detail: String?
        /// True if the reason is the code of an error.
        public let isError: Bool

        init(_ after: Step, _ reason: String, _ count: Int, _ detail: String? = nil, isError: Bool = false) {
            (self.after, self.reason, self.count, self.detail) = (after, reason, count, detail)
            self.isError = isError
        }
    }

    public let run: UUID
    public let steps: [(step: Step, count: Int)]
    /// Only those above zero.
    public let losses: [Loss]
}

extension RunFunnel {
    /// Messages of one state that ended with one error code.
    struct Ended: Hashable {
        let status: MessageStatus
        let code: String
        let message: String
        let count: Int
    }

    /// Makes the funnel of a run.
    ///
    /// - Parameters:
    ///   - record: The run.
    ///   - ended: Its failed and cancelled messages by error code; those that are missing count as without a code.
    init(_ record: RunRecord, ended: [Ended]) {
        let counters = record.counters
        run = record.id
        let delivered = counters[.delivered] + counters[.read]
        steps = [
            (.audience, counters.total + record.leftOut.total), (.recipients, counters.total),
            (.accepted, counters.accepted), (.delivered, delivered), (.read, counters[.read]),
            (.replied, record.responses[.replied]),
        ]
        var losses = LeftOut.Reason.allCases.map { Loss(.audience, $0.rawValue, record.leftOut[$0], $0.words) }
        for status in [MessageStatus.failed, .cancelled] {
            var rest = counters[status]
            for group in ended where group.status == status && !group.code.isEmpty && rest > 0 {
                let count = min(group.count, rest)
                losses.append(Loss(.recipients, group.code, count, group.message, isError: true))
                rest -= count
            }
            losses.append(Loss(.recipients, status.rawValue, rest, status.meaning))
        }
        for status in [MessageStatus.unconfirmed, .pending, .queued, .sending] {
            losses.append(Loss(.recipients, status.rawValue, counters[status], status.meaning))
        }
        losses.append(
            Loss(.accepted, "notDelivered", counters[.sent], "WhatsApp accepted it and has not delivered it yet")
        )
        losses.append(Loss(.delivered, "notRead", counters[.delivered], "delivered, and no report that it was read"))
        self.losses = losses.filter { $0.count > 0 }
    }
}

/// Reads funnels.
public struct RunFunnelRepository: Sendable {
    /// The number of messages of a run up to which its cancelled ones are counted by reason: no index has them.
    private static let countedMessages = 200_000
    /// The maximum number of error codes.
    private static let codeLimit = 100

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the funnel of a run.
    ///
    /// All numbers are of one instant, so that they add up while the run sends.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - run: The run; `nil` is the last one.
    /// - Returns: The funnel; `nil` if the campaign has no such run, or none.
    /// - Throws: `PostgresError`.
    public func funnel(of campaign: UUID, tenant: String, run: UUID? = nil) async throws -> RunFunnel? {
        try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            let chosen: PostgresQuery = run.map { "AND r.id = \($0)" } ?? ""
            let rows = try await connection.query(
                """
                \(fragment: RunRecord.selection)
                WHERE r."campaignId" = \(campaign) AND r."tenantId" = \(tenant) \(fragment: chosen)
                ORDER BY r."createdAt" DESC, r.id DESC LIMIT 1
                """
            )
            guard let row = rows.first else { return nil }
            let record = try RunRecord(row: row)
            return RunFunnel(record, ended: try await Self.ended(of: record, on: connection))
        }
    }

    private static func ended(
        of record: RunRecord,
        on connection: PostgresConnection
    ) async throws -> [RunFunnel.Ended] {
        let counters = record.counters
        guard counters[.failed] + counters[.cancelled] > 0 else { return [] }
        let countsCancelled = counters[.cancelled] > 0 && counters.total <= countedMessages
        let cancelled: PostgresQuery = """
            SELECT m.status, m."errorCode", m."errorMessage" FROM campaign_messages m
            WHERE m.id BETWEEN message_id(\(record.id), 0) AND message_id(\(record.id), \(MessageID.maximumPosition))
                AND m.status = \(message: .cancelled)
            UNION ALL
            """
        let rows = try await connection.query(
            """
            SELECT status, code, (array_agg(text ORDER BY count DESC, text))[1], sum(count)::bigint FROM (
                SELECT m.status, coalesce(m."errorCode", '') AS code,
                    -- Texts of WhatsApp may name a number.
                    left(regexp_replace(coalesce(m."errorMessage", ''), '[0-9]{7,}', '…', 'g'), 300) AS text, count(*) AS count
                FROM (
                    \(fragment: countsCancelled ? cancelled : "")
                    SELECT m.status, m."errorCode", m."errorMessage" FROM campaign_messages m
                    WHERE m."runId" = \(record.id) AND m."failedAt" IS NOT NULL AND m.status = \(message: .failed)
                ) m GROUP BY 1, 2, 3
                UNION ALL
                SELECT d.status, d."errorCode", d."errorMessage", d.count FROM deleted_messages d
                WHERE d."runId" = \(record.id) AND d.status IN \(anyOf: [MessageStatus.failed, .cancelled])
            ) e
            GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2 LIMIT \(codeLimit)
            """,
            deadline: .seconds(60)
        )
        return try rows.map { row in
            RunFunnel.Ended(
                status: try row.decode(0),
                code: try row.decode(1),
                message: try row.decode(2),
                count: try row.decode(3)
            )
        }
    }
}
