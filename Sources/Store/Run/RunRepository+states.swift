public import Foundation
import Postgres

extension RunRepository {
    /// What a recount of a finished run showed.
    public struct Completion: Sendable {
        public let run: UUID
        /// False when its rows showed that messages are open still: it goes on.
        public let isCompleted: Bool
        /// The counters before and after, when they did not equal the rows.
        public let corrected: (counted: RunCounters, rows: RunCounters)?
    }

    /// Completes the runs that have nothing left to send, after counting their rows.
    ///
    /// - Parameters:
    ///   - unconfirmedTimeout: How long to wait for a report about a message whose answer was lost.
    ///   - maximumAttempts: How often a message is sent at most, where the sender has such messages sent again.
    /// - Returns: The runs completed now, and those whose counters only made believe that they were finished.
    /// - Throws: `PostgresError`.
    public func completeFinished(unconfirmedTimeout: Duration, maximumAttempts: Int = 3) async throws -> [Completion] {
        let candidates = try await pool.query(
            """
            SELECT r.id, r.unconfirmed FROM campaign_runs r
            WHERE r.status = 'running' AND r.pending + r.queued + r.sending <= 0
                AND (NOT r."isTriggered" OR r."supersededAt" IS NOT NULL)
            """
        )
        var completions: [Completion] = []
        for row in candidates {
            let run = try row.decode(0, as: UUID.self)
            if try row.decode(1, as: Int.self) > 0,
                try await isUnsettled(run, timeout: unconfirmedTimeout, maximumAttempts: maximumAttempts)
            {
                continue
            }
            if let completion = try await complete(run) { completions.append(completion) }
        }
        return completions
    }

    /// The runs of one campaign, as `r`: beside a standing run there may be former ones whose messages still go out.
    private static func together(with run: UUID) -> PostgresQuery {
        "r.\"campaignId\" = (SELECT \"campaignId\" FROM campaign_runs WHERE id = \(run))"
    }

    /// Stops a campaign whose every message would fail, and says why.
    ///
    /// - Returns: False when it was not running. One that only waited for the quota does not wait for it any more.
    @discardableResult
    public func pause(_ run: UUID, reason: String) async throws -> Bool {
        try await pool.transaction { connection in
            let paused = try await connection.execute(
                """
                UPDATE campaign_runs r SET status = 'paused', "statusReason" = \(reason), "quotaUntil" = NULL
                WHERE \(fragment: Self.together(with: run)) AND \(fragment: Self.live)
                """
            )
            guard paused > 0 else { return false }
            try await connection.execute(
                """
                UPDATE campaigns c SET status = 'paused', "statusReason" = \(reason), "updatedAt" = now()
                FROM campaign_runs r WHERE r.id = \(run) AND c.id = r."campaignId" AND c.status IN ('running', 'paused')
                """
            )
            try await connection.notify(Self.channel, payload: run.uuidString)
            return true
        }
    }

    /// Lets a paused run go on: what was withdrawn is queued again.
    ///
    /// - Returns: False when it was not paused.
    /// - Throws: ``LaunchError/insufficientBalance(campaign:needed:available:)`` when its messages are not paid for; it
    ///   stays paused then.
    @discardableResult
    public func resume(_ run: UUID) async throws -> Bool {
        try await resume(run, if: "true")
    }

    /// Resumes a run if `condition` on `campaign_runs AS r` holds as well.
    func resume(_ run: UUID, if condition: PostgresQuery) async throws -> Bool {
        try await pool.transaction { connection in
            let resumed = try await connection.execute(
                """
                UPDATE campaign_runs r SET status = 'running', "statusReason" = NULL, "quotaUntil" = NULL
                WHERE \(fragment: Self.together(with: run)) AND r.status = 'paused' AND \(fragment: condition)
                """
            )
            guard resumed > 0 else { return false }
            let together = try await connection.query(
                """
                SELECT r.id, c.name FROM campaign_runs r JOIN campaigns c ON c.id = r."campaignId"
                WHERE \(fragment: Self.together(with: run)) AND r.status = 'running' ORDER BY r.id
                """
            )
            for row in together {
                guard let shortage = try await WalletHold.settle(try row.decode(0), on: connection) else { continue }
                throw LaunchError.insufficientBalance(
                    campaign: try row.decode(1),
                    needed: shortage.needed,
                    available: shortage.available
                )
            }
            try await connection.execute(
                """
                UPDATE campaign_chunks SET status = 'waiting' FROM campaign_runs r
                WHERE campaign_chunks."runId" = r.id AND \(fragment: Self.together(with: run)) AND r.status = 'running'
                """
            )
            try await connection.execute(
                """
                UPDATE campaigns c SET status = 'running', "statusReason" = NULL, "updatedAt" = now()
                FROM campaign_runs r WHERE r.id = \(run) AND c.id = r."campaignId" AND c.status = 'paused'
                """
            )
            try await connection.notify(Self.channel, payload: run.uuidString)
            return true
        }
    }

    /// Whether a lost answer may still be reported on, or its message is to be sent again.
    private func isUnsettled(_ run: UUID, timeout: Duration, maximumAttempts: Int) async throws -> Bool {
        let rows = try await pool.query(
            """
            SELECT EXISTS (
                SELECT FROM campaign_messages
                WHERE id BETWEEN \(MessageID.make(run: run, position: 0))
                        AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
                    AND status = 'unconfirmed' AND (
                        "unconfirmedAt" > now() - \(timeout.seconds) * interval '1 second'
                        OR (attempts + 1 < \(maximumAttempts) AND EXISTS (
                            SELECT FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
                            WHERE r.id = \(run) AND s."unconfirmedPolicy" = 'retry'
                        ))
                    )
            )
            """,
            deadline: .seconds(120)
        )
        return try rows[0].decode(0)
    }

    private func complete(_ run: UUID) async throws -> Completion? {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let locked = try await connection.query(
                """
                SELECT \(fragment: RunCounters.columns) FROM campaign_runs r
                WHERE r.id = \(run) AND r.status = 'running' FOR NO KEY UPDATE
                """
            )
            guard let row = locked.first else { return nil }
            let counted = try RunCounters(row: row)
            let rows = try await recount(run, on: connection)
            if rows != counted { try await correct(run, to: rows, on: connection) }
            let corrected = rows == counted ? nil : (counted: counted, rows: rows)
            guard rows.open == 0 else { return Completion(run: run, isCompleted: false, corrected: corrected) }
            try await connection.execute(
                "UPDATE campaign_runs SET status = 'completed', \"completedAt\" = now() WHERE id = \(run)"
            )
            try await connection.execute(
                """
                UPDATE campaigns c SET
                    status = CASE WHEN \(fragment: ScheduleRepository.firesAgain) THEN 'scheduled' ELSE 'completed' END
                        ::campaign_status_enum,
                    "completedAt" = now(), "updatedAt" = now()
                FROM campaign_runs r
                WHERE r.id = \(run) AND c.id = r."campaignId" AND c.status = 'running' AND r."supersededAt" IS NULL
                """
            )
            try await connection.notify(Self.channel, payload: run.uuidString)
            return Completion(run: run, isCompleted: true, corrected: corrected)
        }
    }

    func recount(_ run: UUID, on connection: PostgresConnection) async throws -> RunCounters {
        let rows = try await connection.query(
            """
            SELECT status, count(*) FROM campaign_messages
            WHERE id BETWEEN \(MessageID.make(run: run, position: 0))
                AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
            GROUP BY status
            """,
            deadline: .seconds(120)
        )
        var counters = RunCounters(Dictionary(uniqueKeysWithValues: MessageStatus.allCases.map { ($0, 0) }))
        for row in rows { counters[try row.decode(0, as: MessageStatus.self)] = try row.decode(1) }
        return counters
    }

    func correct(_ run: UUID, to counters: RunCounters, on connection: PostgresConnection) async throws {
        let assignments = MessageStatus.allCases.map { status in
            "\(identifier: status.rawValue) = \(counters[status])" as PostgresQuery
        }
        try await connection.execute(
            """
            UPDATE campaign_runs SET \(fragment: .joined(assignments, separator: ", ")) WHERE id = \(run)
            """
        )
    }
}
