public import Foundation
public import Postgres

/// Settles messages whose answer was lost, as a person decides, and records each decision with its run.
///
/// `sent` and `failed` concern all runs of a campaign. `resend` concerns its open run: there the messages return to the
/// lane, where the lost request counts as an attempt. Without an open run it concerns the last launch: a new run sends
/// the messages, with a hold and a check of the quota of its own.
///
/// Each batch is one transaction with its record, and messages that were reported meanwhile are left alone. After a
/// crash, the same call continues.
public struct SettlementRepository: Sendable {
    /// Unconfirmed messages of one run.
    public struct Count: Hashable, Sendable {
        public let run: UUID
        public let status: RunStatus
        /// Messages that a decision would settle.
        public let messages: Int
        /// The time at which the first of them became unconfirmed.
        public let oldest: Date
    }

    /// The result of a decision.
    public struct Outcome: Sendable {
        /// The settled messages by run.
        public let settled: [UUID: Int]
        /// The run that sends them, if a new one was opened.
        public let run: RunRecord?
    }

    let pool: PostgresPool
    /// The maximum number of messages of one transaction.
    private let batch: Int

    public init(pool: PostgresPool, batch: Int = 1_000) {
        self.pool = pool
        self.batch = batch
    }

    /// Counts the messages that a decision would settle, by run, oldest run first.
    ///
    /// Contacts who cannot get a message any more are counted too; ``settle(_:of:tenant:now:)`` leaves theirs alone if
    /// messages are to be sent again.
    public func count(_ settlement: Settlement, of campaign: UUID, tenant: String) async throws -> [Count] {
        try await pool.withConnection { connection in
            let runs = try await Self.runs(of: campaign, tenant: tenant, for: settlement.decision, on: connection)
            let rows = try await connection.query(
                """
                SELECT r.id, r.status, u.count, u.oldest
                FROM campaign_runs r CROSS JOIN LATERAL (
                    SELECT count(*), min(m."unconfirmedAt") AS oldest FROM campaign_messages m
                    WHERE m.id BETWEEN message_id(r.id, 0) AND message_id(r.id, \(MessageID.maximumPosition))
                        AND \(fragment: Self.unconfirmed(settlement))
                ) u
                WHERE r.id = ANY(\(runs)::uuid[]) AND r.unconfirmed > 0 AND u.count > 0
                ORDER BY r."createdAt", r.id
                """,
                deadline: .seconds(120)
            )
            return try rows.map { row in
                Count(
                    run: try row.decode(0),
                    status: try row.decode(1),
                    messages: try row.decode(2),
                    oldest: try row.decode(3)
                )
            }
        }
    }

    /// Returns the number of unconfirmed messages of a campaign that retention has deleted: nothing settles them any more.
    public func deleted(of campaign: UUID, tenant: String) async throws -> Int {
        let rows = try await pool.query(
            """
            SELECT coalesce(sum(\(fragment: DeletedMessages.count(of: "r.id", [.unconfirmed]))), 0)::bigint
            FROM campaign_runs r
            WHERE r."campaignId" = \(campaign) AND r."tenantId" = \(tenant) AND r."deletedCount" > 0
            """
        )
        return try rows[0].decode(0)
    }

    /// Settles the messages of a campaign.
    ///
    /// - Parameters:
    ///   - settlement: The decision.
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - now: The instant of a new run; `nil` takes Postgres's clock.
    /// - Returns: What was settled.
    /// - Throws: ``LaunchError`` if messages cannot be sent again; nothing has happened then.
    public func settle(
        _ settlement: Settlement,
        of campaign: UUID,
        tenant: String,
        now: Date? = nil
    ) async throws -> Outcome {
        let (runs, isOpen) = try await pool.withConnection { connection in
            (
                try await Self.runs(of: campaign, tenant: tenant, for: settlement.decision, on: connection),
                try await Self.hasOpenRun(campaign, tenant: tenant, on: connection)
            )
        }
        if settlement.decision == .resend, !isOpen {
            return try await sendInNewRun(settlement, of: campaign, tenant: tenant, now: now)
        }
        var settled: [UUID: Int] = [:]
        for run in runs {
            while true {
                guard let count = try await settleBatch(of: run, settlement) else {
                    // The run has ended meanwhile: what is left is sent in a new one.
                    let rest = try await settle(settlement, of: campaign, tenant: tenant, now: now)
                    return Outcome(settled: settled.merging(rest.settled, uniquingKeysWith: +), run: rest.run)
                }
                if count > 0 { settled[run, default: 0] += count }
                if count < batch { break }
            }
        }
        return Outcome(settled: settled, run: nil)
    }
}

extension SettlementRepository {
    /// Selects the messages, as `m`, that have been unconfirmed for long enough.
    private static func unconfirmed(_ settlement: Settlement) -> PostgresQuery {
        """
        m.status = \(message: .unconfirmed)
            AND m."unconfirmedAt" <= clock_timestamp() - \(settlement.olderThan.seconds) * interval '1 second'
        """
    }

    /// Returns the runs that a decision concerns.
    private static func runs(
        of campaign: UUID,
        tenant: String,
        for decision: Settlement.Decision,
        on connection: PostgresConnection
    ) async throws -> [UUID] {
        let own: PostgresQuery = "r.\"campaignId\" = \(campaign) AND r.\"tenantId\" = \(tenant)"
        let isOpen = try await hasOpenRun(campaign, tenant: tenant, on: connection)
        if decision == .resend, !isOpen {
            let last = try await connection.query(
                "SELECT r.id FROM campaign_runs r WHERE \(fragment: own) ORDER BY r.\"createdAt\" DESC, r.id DESC LIMIT 1"
            )
            guard let run = try last.first?.decode(0, as: UUID.self) else { return [] }
            return try await RetrySource.chain(of: run, on: connection)
        }
        let open: PostgresQuery = decision == .resend ? "AND r.status IN \(anyOf: RunStatus.open)" : ""
        let rows = try await connection.query(
            """
            SELECT r.id FROM campaign_runs r WHERE \(fragment: own) AND r.unconfirmed > 0 \(fragment: open)
            ORDER BY r."createdAt", r.id
            """
        )
        return try rows.map { try $0.decode(0, as: UUID.self) }
    }

    private static func hasOpenRun(
        _ campaign: UUID,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT 1 FROM campaign_runs WHERE "campaignId" = \(campaign) AND "tenantId" = \(tenant)
                AND status IN \(anyOf: RunStatus.open) LIMIT 1
            """
        )
        return !rows.isEmpty
    }

    /// A run that ended before its messages returned to the lane; nothing has happened then.
    private struct RunHasEnded: Error, CustomStringConvertible {
        let description = "the run has ended"
    }

    /// Settles up to ``batch`` messages of a run, and records the decision with them.
    ///
    /// - Returns: Their number; `nil` if messages are to be sent again, and the run is not open any more.
    private func settleBatch(of run: UUID, _ settlement: Settlement) async throws -> Int? {
        do {
            return try await pool.transaction(deadline: .seconds(120)) { connection in
                let count: Int
                switch settlement.decision {
                case .resend:
                    count = try await MessageRepository.retry(
                        run,
                        after: settlement.olderThan,
                        limit: batch,
                        on: connection
                    )
                    // Only now, as messages are locked before runs: a message never waits in a run that is completed.
                    let open = try await connection.query(
                        "SELECT 1 FROM campaign_runs WHERE id = \(run) AND status IN \(anyOf: RunStatus.open)"
                    )
                    if open.isEmpty { throw RunHasEnded() }
                case .sent:
                    count = try await close(run, settlement, as: .sent, set: Self.accepted, on: connection)
                case .failed:
                    count = try await close(run, settlement, as: .failed, set: Self.failed, on: connection)
                }
                try await Self.record(settlement, of: [run: count], on: connection)
                return count
            }
        } catch is RunHasEnded {
            return nil
        }
    }

    /// Moves unconfirmed messages of a run to a state in which they stay, unless a report comes.
    private func close(
        _ run: UUID,
        _ settlement: Settlement,
        as status: MessageStatus,
        set assignments: PostgresQuery,
        on connection: PostgresConnection
    ) async throws -> Int {
        let rows = try await connection.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.status AS old, \(message: status)::campaign_message_status_enum AS new
                FROM campaign_messages m
                WHERE m.id BETWEEN message_id(\(run), 0) AND message_id(\(run), \(MessageID.maximumPosition))
                    AND \(fragment: Self.unconfirmed(settlement))
                ORDER BY m.id LIMIT \(batch) FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new, holder = NULL, "unconfirmedAt" = NULL, \(fragment: assignments)
                FROM changed WHERE \(key: "m.id", of: "changed.id")
            ), \(fragment: RunCounters.counted)
            SELECT count(*) FROM changed
            """,
            deadline: .seconds(120)
        )
        return try rows[0].decode(0)
    }

    private static let accepted: PostgresQuery = """
        "sentAt" = coalesce(m."sentAt", m."unconfirmedAt"), "errorCode" = NULL, "errorMessage" = NULL
        """

    /// Failed messages keep the mark that a request may have been accepted, so that no retry repeats them.
    private static let failed: PostgresQuery = """
        "failedAt" = clock_timestamp(), "lostAnswers" = m."lostAnswers" + 1,
        "errorCode" = coalesce(m."errorCode", 'answer_lost'),
        "errorMessage" = 'no answer came; settled as failed by hand'
        """

    private func sendInNewRun(
        _ settlement: Settlement,
        of campaign: UUID,
        tenant: String,
        now given: Date?
    ) async throws -> Outcome {
        try await pool.transaction(deadline: .seconds(600)) { connection in
            let now = try await LaunchRepository.present(given, on: connection)
            let candidate = try await LaunchCandidate.lock(.id(campaign), tenant: tenant, on: connection)
            let retry = try await RetryRepository.open(
                candidate,
                .unconfirmed(for: settlement.olderThan),
                now: now,
                on: connection
            )
            var runs = retry.repeated
            runs[retry.run.id] = retry.run.recipientCount
            try await Self.record(settlement, of: runs, on: connection)
            return Outcome(settled: retry.repeated, run: retry.run)
        }
    }

    private static func record(
        _ settlement: Settlement,
        of counts: [UUID: Int],
        on connection: PostgresConnection
    ) async throws {
        for (run, count) in counts where count > 0 {
            try await RunAction.record(
                .settle,
                on: run,
                by: settlement.actor,
                reason: settlement.words(count),
                connection
            )
        }
    }
}
