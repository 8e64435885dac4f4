public import Foundation
import Postgres
import Spec

extension ScheduleRepository {
    /// Starts one campaign whose own time, `scheduledAt`, has come.
    ///
    /// The campaign's state moves on in the transaction that opens its run, so it starts once. A campaign that cannot
    /// start becomes `failed`, with the reason.
    ///
    /// - Parameter now: The present; `nil` takes Postgres's clock.
    /// - Returns: What became of it; `nil` when none is due that nobody else is looking at.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func startNext(now: Date? = nil) async throws -> Firing? {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let rows = try await connection.query(
                """
                WITH present AS MATERIALIZED (SELECT coalesce(\(now)::timestamptz, clock_timestamp()) AS instant)
                SELECT c.id, c."tenantId", c."scheduledAt", (SELECT instant FROM present)
                FROM campaigns c
                WHERE c.status = 'scheduled' AND c."archivedAt" IS NULL AND c."scheduledAt" IS NOT NULL
                    AND c."scheduledAt" <= (SELECT instant FROM present)
                ORDER BY c."scheduledAt", c.id LIMIT 1
                FOR UPDATE OF c SKIP LOCKED
                """
            )
            guard let row = rows.first else { return nil }
            let campaign = try row.decode(0, as: UUID.self)
            let time = try row.decode(2, as: Date.self)
            let now = try row.decode(3, as: Date.self)
            return Firing(
                schedule: nil,
                tenantID: try row.decode(1),
                campaignID: campaign,
                scheduledFor: time,
                outcome: try await start(campaign, for: time, now: now, on: connection),
                lag: now.timeIntervalSince(time)
            )
        }
    }

    private func start(
        _ campaign: UUID,
        for time: Date,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> Firing.Outcome {
        do {
            guard let candidate = try await LaunchCandidate.lock(id: campaign, on: connection) else {
                return .skipped(reason: "the campaign is archived")
            }
            let run = try await Self.open(
                candidate,
                try candidate.content(),
                origin: .occurrence(schedule: nil, scheduledFor: time),
                now: now,
                on: connection
            )
            return .started(run: run.id)
        } catch let error as LaunchError {
            try await connection.execute(
                """
                UPDATE campaigns SET status = 'failed', "statusReason" = \("\(error)"), "updatedAt" = now()
                WHERE id = \(campaign)
                """
            )
            return .failed(reason: "\(error)")
        }
    }
}
