public import Foundation
import Postgres

/// A test of a campaign: its message, sent to named people.
public struct TestSend: Sendable {
    /// One person of a test.
    public struct Recipient: Sendable {
        /// The number with a plus sign.
        public let number: String
        public let status: MessageStatus
        /// The code and the reason, if it failed or was not sent.
        public let errorCode: String?
        public let errorMessage: String?
        public let sentAt: Date?
        public let deliveredAt: Date?
        public let readAt: Date?
    }

    /// The run of the test; its campaign is a copy made for it.
    public let run: RunRecord
    /// The person who sent it, and the reason.
    public let action: RunAction?
    public let createdAt: Date
    public let recipients: [Recipient]
}

extension TestSendRepository {
    /// Returns the latest tests of a campaign, newest first.
    public func tests(ofCampaign campaign: UUID, tenant: String, limit: Int = 20) async throws -> [TestSend] {
        try await pool.withConnection { connection in
            try await Self.tests(
                """
                r."campaignId" IN (SELECT c.id FROM campaigns c WHERE c."testOf" = \(campaign)) AND r."tenantId" = \(tenant)
                """,
                limit: limit,
                on: connection
            )
        }
    }

    /// Cancels a test that is under way, as `RunRepository` cancels a run.
    ///
    /// - Parameters:
    ///   - id: The test.
    ///   - campaign: The campaign that it tests.
    ///   - tenant: The owner of the campaign.
    ///   - reason: The reason, for people.
    ///   - actor: Who cancels it.
    /// - Returns: The test, and false if it was over; `nil` if the campaign has no such test.
    /// - Throws: `PostgresError`.
    public func cancel(
        _ id: UUID,
        ofCampaign campaign: UUID,
        tenant: String,
        reason: String,
        by actor: RunActor
    ) async throws -> (test: TestSend, isChanged: Bool)? {
        let condition: PostgresQuery = """
            r.id = \(id) AND r."tenantId" = \(tenant)
                AND r."campaignId" IN (SELECT c.id FROM campaigns c WHERE c."testOf" = \(campaign))
            """
        let known = try await pool.withConnection { try await Self.tests(condition, limit: 1, on: $0) }
        guard !known.isEmpty else { return nil }
        let isChanged = try await RunRepository(pool: pool).cancel(id, reason: reason, by: actor)
        let found = try await pool.withConnection { try await Self.tests(condition, limit: 1, on: $0) }
        return found.first.map { (test: $0, isChanged: isChanged) }
    }

    /// Returns the tests whose runs, as `r`, meet a condition, newest first.
    static func tests(
        _ condition: PostgresQuery,
        limit: Int,
        on connection: PostgresConnection
    ) async throws -> [TestSend] {
        let runs = try await connection.query(
            """
            SELECT q.*, x."createdAt", a.action, a.who, a.reason, a."createdAt" AS "actedAt"
            FROM (\(fragment: RunRecord.selection) WHERE r."isTest" AND \(fragment: condition)) q
            JOIN campaign_runs x ON x.id = q.id
            LEFT JOIN LATERAL (
                SELECT * FROM run_actions a WHERE a."runId" = q.id AND a.action = \(RunAction.Kind.test.rawValue)
                ORDER BY a.id LIMIT 1
            ) a ON true
            ORDER BY x."createdAt" DESC, x.id DESC LIMIT \(limit)
            """
        )
        let records = try runs.map(RunRecord.init(row:))
        let rows = try await connection.query(
            """
            SELECT m."runId", m."recipientPhone", m.status, m."errorCode", m."errorMessage", m."sentAt", m."deliveredAt", m."readAt"
            FROM unnest(\(records.map(\.id))::uuid[]) AS o(id)
            CROSS JOIN LATERAL (
                SELECT * FROM campaign_messages m
                WHERE m.id BETWEEN message_id(o.id, 0) AND message_id(o.id, \(mostRecipients)) ORDER BY m.id
            ) m
            """
        )
        var recipients: [UUID: [TestSend.Recipient]] = [:]
        for row in rows {
            let phone = try row.decode("recipientPhone", as: String.self)
            recipients[try row.decode("runId", as: UUID.self), default: []].append(
                TestSend.Recipient(
                    number: phone.isEmpty || phone.hasPrefix("+") ? phone : "+" + phone,
                    status: try row.decode("status"),
                    errorCode: try row.decode("errorCode"),
                    errorMessage: try row.decode("errorMessage"),
                    sentAt: try row.decode("sentAt"),
                    deliveredAt: try row.decode("deliveredAt"),
                    readAt: try row.decode("readAt")
                )
            )
        }
        return try zip(runs, records).map { row, run in
            var action: RunAction?
            if let who = try row.decode("who", as: String?.self) {
                action = RunAction(
                    kind: .test,
                    actor: RunActor(stored: who),
                    reason: try row.decode("reason"),
                    at: try row.decode("actedAt")
                )
            }
            return TestSend(
                run: run,
                action: action,
                createdAt: try row.decode("createdAt"),
                recipients: recipients[run.id] ?? []
            )
        }
    }
}

extension RunRepository {
    /// Cancels tests that were paused for another reason than the quota, because they cannot be resumed, those that were not
    /// sent within a day, and those of campaigns that were deleted.
    ///
    /// - Returns: The runs cancelled now.
    /// - Throws: `PostgresError`.
    public func endTests() async throws -> [UUID] {
        let rows = try await pool.query(
            """
            SELECT r.id, CASE WHEN o.deleted THEN 'the campaign was deleted' ELSE r."statusReason" END
            FROM campaign_runs r CROSS JOIN LATERAL (
                SELECT coalesce(bool_or(a."archivedAt" IS NOT NULL), true) AS deleted
                FROM campaigns c JOIN campaigns a ON a.id = c."testOf" WHERE c.id = r."campaignId"
            ) o
            WHERE r."isTest" AND r.status IN \(anyOf: RunStatus.open) AND (
                (r.status = \(run: .paused) AND r."quotaUntil" IS NULL) OR o.deleted
                    OR r."createdAt" < now() - \(TestSendRepository.lifetime.seconds) * interval '1 second'
            )
            """
        )
        var ended: [UUID] = []
        for row in rows {
            let id = try row.decode(0, as: UUID.self)
            let reason = try row.decode(1, as: String?.self) ?? "the test was not sent within 24 hours"
            if try await cancel(id, reason: reason, by: .daemon) { ended.append(id) }
        }
        return ended
    }
}
