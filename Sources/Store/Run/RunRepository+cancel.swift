public import Foundation
public import Postgres

extension RunRepository {
    /// The result of one step of cancelling messages.
    public struct Cancellation: Sendable {
        public let run: UUID
        /// Messages that were waiting and are cancelled now.
        public let messages: Int
        /// True if no message of the run is waiting any more.
        public let isComplete: Bool
    }

    /// The condition for cancelled runs, as `r`, that still have waiting messages.
    private static let waiting: PostgresQuery = "r.status = \(run: .cancelled) AND r.pending + r.queued > 0"

    /// Locks the open runs of campaigns, so that a transaction that is to cancel them is not overtaken by their counters.
    ///
    /// It must be the first statement of a serializable transaction: a run that sends changes constantly, and the
    /// transaction cannot write rows that changed after its snapshot.
    public static func lockOpen(
        ofCampaigns campaigns: [UUID],
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        guard !campaigns.isEmpty else { return }
        try await connection.execute(
            """
            SELECT 1 FROM campaign_runs
            WHERE "campaignId" = ANY(\(campaigns)::uuid[]) AND status IN \(anyOf: RunStatus.open)
            ORDER BY id FOR NO KEY UPDATE
            """
        )
    }

    /// Cancels the open runs of campaigns, and the campaigns that have one, in the caller's transaction.
    ///
    /// After the commit no further message is claimed, because a claim checks the status of the run.
    /// ``cancelRest(batch:)`` marks the waiting messages, in batches.
    ///
    /// - Parameters:
    ///   - campaigns: The campaigns of the runs.
    ///   - reason: The reason, for people.
    ///   - actor: Who cancels them.
    ///   - keepingCampaigns: True if the campaigns keep their state, because another run follows.
    ///   - connection: The connection of the transaction.
    /// - Returns: The runs cancelled now.
    /// - Throws: `PostgresError`.
    @discardableResult
    public static func cancelOpen(
        ofCampaigns campaigns: [UUID],
        reason: String,
        by actor: RunActor = .daemon,
        keepingCampaigns: Bool = false,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [UUID] {
        guard !campaigns.isEmpty else { return [] }
        let runs = RunStatus.moving(
            .cancel,
            set: ["\"statusReason\" = \(reason)", "\"completedAt\" = now()", "\"cancelCursor\" = 0"],
            where: "r.\"campaignId\" = ANY(\(campaigns)::uuid[])"
        )
        let owners = CampaignStatus.moving(
            .cancel,
            set: ["\"statusReason\" = \(reason)"],
            from: "cancelled",
            where: "NOT \(keepingCampaigns)::bool AND \(key: "c.id", of: #"cancelled."campaignId""#)"
        )
        let rows = try await connection.query(
            """
            WITH cancelled AS (
                \(fragment: runs) RETURNING r.id, r."campaignId"
            ), campaign AS (
                \(fragment: owners)
            )
            SELECT id FROM cancelled ORDER BY id
            """
        )
        var ended: [UUID] = []
        for row in rows { ended.append(try row.decode(0)) }
        guard !ended.isEmpty else { return [] }
        try await RunAction.record(.cancel, on: ended, by: actor, reason: reason, connection)
        for run in ended { try await connection.announce(channel, payload: run.uuidString) }
        return ended
    }

    /// Cancels a run that is under way, and its campaign.
    ///
    /// - Returns: False when it was not under way.
    @discardableResult
    public func cancel(_ run: UUID, reason: String, by actor: RunActor = .daemon) async throws -> Bool {
        try await pool.transaction { connection in
            let rows = try await connection.query("SELECT \"campaignId\" FROM campaign_runs WHERE id = \(run)")
            guard let campaign = try rows.first?.decode(0, as: UUID.self) else { return false }
            try await Self.lockOpen(ofCampaigns: [campaign], on: connection)
            let ended = try await Self.cancelOpen(
                ofCampaigns: [campaign],
                reason: reason,
                by: actor,
                on: connection
            )
            return ended.contains(run)
        }
    }

    /// Cancels the next waiting messages of a cancelled run, within one range of positions.
    ///
    /// Several daemons may call it at once. Messages that are being sent are left unchanged: their outcome counts, and
    /// a later call cancels those that return to the lane.
    ///
    /// - Parameter batch: The number of positions in the range.
    /// - Returns: The result; `nil` if nothing is left to do in any run.
    /// - Throws: `PostgresError`.
    public func cancelRest(batch: Int = 10_000) async throws -> Cancellation? {
        try await pool.transaction { connection in
            let rows = try await connection.query(
                """
                SELECT r.id, r."cancelCursor", r."nextPosition" FROM campaign_runs r
                WHERE \(fragment: Self.waiting) ORDER BY r.id LIMIT 1
                """
            )
            guard let row = rows.first else { return nil }
            let run = try row.decode(0, as: UUID.self)
            let cursor = try row.decode(1, as: Int.self)
            let last = try row.decode(2, as: Int.self) - 1
            // If messages still wait after the last position, they returned to the lane, so another round begins.
            let start = cursor < last ? cursor : 0
            let end = min(start + max(1, batch), last)
            let messages = try await cancel(after: start, upTo: end, of: run, on: connection)
            try await connection.execute(
                """
                UPDATE campaign_runs SET "cancelCursor" = \(end) WHERE id = \(run) AND "cancelCursor" = \(cursor)
                """
            )
            let isComplete = end >= last ? try await finish(run, on: connection) : false
            return Cancellation(run: run, messages: messages, isComplete: isComplete)
        }
    }

    /// Cancels the waiting messages in a range; they are locked before their run, which only the counters lock.
    private func cancel(
        after start: Int,
        upTo end: Int,
        of run: UUID,
        on connection: PostgresConnection
    ) async throws -> Int {
        guard end > start else { return 0 }
        let rows = try await connection.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.status AS old, \(message: .cancelled)::campaign_message_status_enum AS new,
                    m."isCapped" AS "wasCapped", false AS "isCapped"
                FROM campaign_messages m
                WHERE m.id BETWEEN \(MessageID.make(run: run, position: start + 1))
                    AND \(MessageID.make(run: run, position: end)) AND m.status IN \(anyOf: MessageStatus.waiting)
                ORDER BY m.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET status = \(message: .cancelled), "nextAttemptAt" = NULL, "isCapped" = false
                FROM changed WHERE \(key: "m.id", of: "changed.id")
            ), \(fragment: RunCounters.countedWithCapped)
            SELECT count(*) FROM changed
            """
        )
        return try rows[0].decode(0)
    }

    /// Returns, after the last position, whether the counters agree that nothing waits.
    ///
    /// If they disagree, messages came back to the lane meanwhile, or the counters were wrong and are corrected.
    private func finish(_ run: UUID, on connection: PostgresConnection) async throws -> Bool {
        let left = try await connection.query(
            "SELECT 1 FROM campaign_runs r WHERE r.id = \(run) AND \(fragment: Self.waiting)"
        )
        guard !left.isEmpty else { return true }
        let locked = try await connection.query(
            "SELECT \(fragment: RunCounters.columns) FROM campaign_runs r WHERE r.id = \(run) FOR NO KEY UPDATE"
        )
        let rows = try await recount(run, on: connection)
        let counted = try RunCounters(row: locked[0])
        if counted != rows { try await correct(run, from: counted, to: rows, on: connection) }
        return rows[.pending] + rows[.queued] == 0
    }
}
