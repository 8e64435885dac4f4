public import Foundation
public import Postgres
import Spec

extension LaunchRepository {
    /// Runs whose messages are not all written: new ones, and those whose launch was cut off.
    public func unfinished() async throws(PostgresError) -> [UUID] {
        let rows = try await pool.query(
            """
            SELECT id FROM campaign_runs WHERE status = 'launching' ORDER BY "createdAt"
            """
        )
        return try decodeIDs(rows)
    }

    /// Writes the next batch of messages and chunks of a run.
    ///
    /// Messages are written inside the database, in the order of `contactId`, for which contacts have an index: first
    /// those in their window, then all others. The row of the run is locked meanwhile and remembers how far it came, so several processes may call
    /// this for the same run, and after a crash the next call goes on after the last committed batch.
    ///
    /// - Returns: The run after the batch, no longer `launching` when the launch is complete; and whether this call has
    ///   completed it, rather than another one.
    public func writeBatch(of run: UUID, size: Int = 20_000) async throws -> (run: RunRecord, isCompleting: Bool) {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let launch = try await LaunchProgress.lock(run: run, on: connection)
            if let launch { try await write(launch, size: size, on: connection) }
            let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(run)")
            let record = try RunRecord(row: rows[0])
            return (record, launch != nil && record.status != .launching)
        }
    }

    private func write(_ launch: LaunchProgress, size: Int, on connection: PostgresConnection) async throws {
        let rows = try await connection.query(insertion(launch, size: size), deadline: .seconds(120))
        let scanned = try rows[0].decode("scanned", as: Int.self)
        let inserted = try rows[0].decode("inserted", as: Int.self)
        let next = launch.nextPosition + scanned
        if inserted > 0 {
            try await connection.execute(chunks(launch, upTo: next))
        }
        let isPhaseOver = scanned < size
        let phase = isPhaseOver ? launch.phase.next : launch.phase
        let cursor = isPhaseOver ? nil : try rows[0].decode("last", as: String?.self)
        try await connection.execute(
            """
            UPDATE campaign_runs SET
                "launchPhase" = \(phase.rawValue), "launchCursor" = \(cursor), "nextPosition" = \(next),
                pending = pending + \(inserted), "recipientCount" = "recipientCount" + \(inserted),
                "inWindowCount" = "inWindowCount" + \(launch.phase == .inWindow ? inserted : 0),
                status = CASE WHEN \(phase == .done) THEN 'running' ELSE status END
            WHERE id = \(launch.runID)
            """
        )
        if phase == .done {
            try await connection.execute(
                """
                UPDATE campaigns c SET "recipientCount" = r."recipientCount", "updatedAt" = now()
                FROM campaign_runs r WHERE r.id = \(launch.runID) AND c.id = r."campaignId"
                """
            )
            if let shortage = try await WalletHold.settle(launch.runID, on: connection) {
                try await pause(launch, for: shortage, on: connection)
            }
            try await connection.notify(RunRepository.channel, payload: launch.runID.uuidString)
        }
    }

    /// The audience has grown since the wallet was asked, and nothing is sent that is not paid for: resuming asks again.
    private func pause(
        _ launch: LaunchProgress,
        for shortage: WalletHold.Shortage,
        on connection: PostgresConnection
    ) async throws {
        let reason = """
            the audience has grown, and the wallet lacks tokens for it: \(shortage.needed) more are needed, \
            \(shortage.available) are available
            """
        try await connection.execute(
            """
            WITH run AS (
                UPDATE campaign_runs SET status = 'paused', "statusReason" = \(reason) WHERE id = \(launch.runID)
            )
            UPDATE campaigns SET status = 'paused', "statusReason" = \(reason), "updatedAt" = now()
            WHERE id = \(launch.campaignID) AND status = 'running'
            """
        )
    }

    private func insertion(_ launch: LaunchProgress, size: Int) -> PostgresQuery {
        let audience = AudienceQuery.recipients(tenant: launch.tenantID, filter: launch.audience, now: launch.startedAt)
        return """
            WITH audience AS MATERIALIZED (
                SELECT c.id, c."contactId" FROM contacts c
                WHERE \(fragment: audience) AND \(fragment: launch.window) AND c."contactId" > \(launch.cursor)
                ORDER BY c."contactId" LIMIT \(size)
            ), numbered AS (
                SELECT id, "contactId",
                    \(launch.nextPosition)::bigint - 1 + row_number() OVER (ORDER BY "contactId") AS position
                FROM audience
            ), inserted AS (
                INSERT INTO campaign_messages (
                    id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated"
                )
                SELECT message_id(\(launch.runID), position), \(launch.runID), position, \(launch.campaignID),
                    \(launch.tenantID), id, "contactId", \(launch.phase == .outOfWindow)
                FROM numbered ORDER BY position
                ON CONFLICT ("contactId", "runId", "triggerEventId") DO NOTHING
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM audience) AS scanned, (SELECT count(*) FROM inserted) AS inserted,
                (SELECT max("contactId") FROM audience) AS last
            """
    }

    /// The chunks of the positions written by one batch; out-of-window ones are spaced from the first of them on.
    private func chunks(_ launch: LaunchProgress, upTo end: Int) -> PostgresQuery {
        let plan = LaunchPlan(recipients: launch.expectedCount, ratePerSecond: launch.ratePerSecond)
        let delay = launch.phase == .inWindow ? 0 : plan.chunkDelay.seconds
        let earlier = (launch.nextPosition - 1 - launch.inWindowCount) / plan.chunkSize
        return """
            INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore")
            SELECT \(launch.runID), start, least(start + \(plan.chunkSize), \(end)), \(launch.tenantID),
                \(launch.startedAt)::timestamptz
                    + (\(max(0, earlier)) + number - 1) * \(delay)::float8 * interval '1 second'
            FROM generate_series(\(launch.nextPosition), \(end) - 1, \(plan.chunkSize)) WITH ORDINALITY AS g(start, number)
            ON CONFLICT DO NOTHING
            """
    }

    private func decodeIDs(_ rows: PostgresRows) throws(PostgresError) -> [UUID] {
        var ids: [UUID] = []
        for row in rows { ids.append(try row.decode(0)) }
        return ids
    }
}
