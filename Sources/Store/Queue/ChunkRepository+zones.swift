public import Foundation
import Postgres

/// Contacts of a run who get nothing, because the time of a schedule passed on their clocks while no daemon was running.
public struct MissedZones: Hashable, Sendable {
    public let runID: UUID
    /// The zones with their contacts, in words.
    public let words: String
}

extension ChunkRepository {
    /// The most chunks whose messages are cancelled in one transaction.
    private static let chunksAtOnce = 20

    /// Settles the zones of runs by the clock of each contact whose time has come.
    ///
    /// Each zone is like a start of the schedule. It begins when a daemon finds that its time has come, however long its
    /// messages then wait for the pace, the quota or a person who paused the run. If no daemon did so until `sendBy`, by the
    /// rules `misfire` and `misfireWindow` of its schedule, its messages are cancelled with the code `local_time_passed`, and the
    /// occurrence of the schedule tells it. Any number of daemons may do it at once; after a crash the next call goes on.
    ///
    /// - Parameter now: The current time; `nil` takes Postgres's clock.
    /// - Returns: The zones that were missed.
    /// - Throws: `PostgresError`.
    public func settleZones(now: Date? = nil) async throws -> [MissedZones] {
        // The clock is read once, before the rows, so that Postgres can use the index.
        let rows = try await pool.query(
            """
            WITH present AS MATERIALIZED (SELECT coalesce(\(now)::timestamptz, clock_timestamp()) AS instant)
            SELECT z."runId", z.zone, (SELECT instant FROM present),
                coalesce(z."sendBy" < (SELECT instant FROM present) AND r.status IN \(anyOf: RunStatus.open), false)
            FROM run_zones z JOIN campaign_runs r ON \(key: "r.id", of: #"z."runId""#)
            WHERE z."settledAt" IS NULL AND z."sendAt" <= (SELECT instant FROM present)
            ORDER BY z."sendAt", z."runId", z.zone LIMIT 1000
            """
        )
        guard let first = rows.first else { return [] }
        let instant = try first.decode(2, as: Date.self)
        var begun: [(run: UUID, zone: String)] = []
        var late: Set<UUID> = []
        for row in rows {
            let run = try row.decode(0, as: UUID.self)
            if try row.decode(3) { late.insert(run) } else { begun.append((run, try row.decode(1))) }
        }
        try await settle(begun, now: instant)
        var missed: [MissedZones] = []
        for run in late.sorted(by: { $0.uuidString < $1.uuidString }) {
            if let zones = try await settleLate(run, now: instant) { missed.append(zones) }
        }
        return missed
    }

    /// Notes that the time of zones has come.
    private func settle(_ zones: [(run: UUID, zone: String)], now: Date) async throws(PostgresError) {
        guard !zones.isEmpty else { return }
        try await pool.execute(
            """
            UPDATE run_zones z SET "settledAt" = \(now)
            FROM unnest(\(zones.map(\.run))::uuid[], \(zones.map(\.zone))::text[]) AS d(run, zone)
            WHERE \(key: #"z."runId""#, of: "d.run") AND z.zone = d.zone AND z."settledAt" IS NULL
            """
        )
    }

    /// Cancels the messages of zones whose time was missed.
    private func settleLate(_ run: UUID, now: Date) async throws -> MissedZones? {
        // A launch that goes on from here writes the rest of them as cancelled.
        try await pool.transaction { connection in
            try await connection.execute("SELECT 1 FROM campaign_runs WHERE id = \(run) FOR NO KEY UPDATE")
            try await connection.execute(
                """
                UPDATE run_zones SET "skipCode" = \(LocalTimes.SkipCode.passed.rawValue)
                WHERE "runId" = \(run) AND "settledAt" IS NULL AND "sendBy" < \(now) AND "skipCode" IS NULL
                """
            )
        }
        while try await pool.transaction(deadline: .seconds(120), { try await Self.cancelLate(run, on: $0) }) {}
        return try await pool.transaction { try await Self.tell(run, now: now, on: $0) }
    }

    /// Cancels the messages of some chunks, and removes these.
    ///
    /// - Returns: False if none is left.
    private static func cancelLate(_ run: UUID, on connection: PostgresConnection) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT k."startPosition", k."endPosition" FROM campaign_chunks k
            WHERE k."runId" = \(run) AND k.status = \(chunk: .waiting) AND k."zoneTime" IN (
                SELECT "sendAt" FROM run_zones
                WHERE "runId" = \(run) AND "settledAt" IS NULL AND "skipCode" = \(LocalTimes.SkipCode.passed.rawValue)
            )
            ORDER BY k."startPosition" LIMIT \(chunksAtOnce) FOR UPDATE OF k
            """
        )
        var ranges: [Range<Int>] = []
        for row in rows { ranges.append(try row.decode(0, as: Int.self)..<row.decode(1, as: Int.self)) }
        for range in ranges.mergedWhereAdjacent() {
            try await connection.execute(
                """
                WITH changed AS (
                    UPDATE campaign_messages SET status = \(message: .cancelled),
                        "errorCode" = \(LocalTimes.SkipCode.passed.rawValue),
                        "errorMessage" = \(LocalTimes.SkipCode.passed.message)
                    WHERE id >= \(MessageID.make(run: run, position: range.lowerBound))
                        AND id < \(MessageID.make(run: run, position: range.upperBound)) AND status = \(message: .pending)
                    RETURNING "runId", \(message: .pending)::campaign_message_status_enum AS old, status AS new
                ), \(fragment: RunCounters.counted)
                SELECT count(*) FROM changed
                """,
                deadline: .seconds(120)
            )
        }
        try await connection.execute(
            """
            DELETE FROM campaign_chunks
            WHERE "runId" = \(run) AND "startPosition" = ANY(\(ranges.map(\.lowerBound))::int[])
            """
        )
        return !ranges.isEmpty
    }

    /// Settles the missed zones of a run, and adds them to the occurrence of its schedule.
    ///
    /// - Returns: The zones; `nil` if another daemon was first.
    private static func tell(_ run: UUID, now: Date, on connection: PostgresConnection) async throws -> MissedZones? {
        let settled = try await connection.query(
            """
            UPDATE run_zones SET "settledAt" = \(now)
            WHERE "runId" = \(run) AND "settledAt" IS NULL AND "skipCode" = \(LocalTimes.SkipCode.passed.rawValue)
            RETURNING 1
            """
        )
        guard !settled.isEmpty else { return nil }
        let rows = try await connection.query(
            """
            SELECT zone, contacts FROM run_zones
            WHERE "runId" = \(run) AND "skipCode" = \(LocalTimes.SkipCode.passed.rawValue) AND contacts > 0
            """
        )
        guard let words = LocalTimes.missed(try rows.map { (try $0.decode(0), try $0.decode(1)) }) else { return nil }
        try await connection.execute("UPDATE schedule_occurrences SET reason = \(words) WHERE \"runId\" = \(run)")
        return MissedZones(runID: run, words: words)
    }

    /// Returns the times of zones that were missed, and are not settled yet.
    static func lateTimes(of run: UUID, on connection: PostgresConnection) async throws(PostgresError) -> [Date] {
        let rows = try await connection.query(
            """
            SELECT DISTINCT "sendAt" FROM run_zones
            WHERE "runId" = \(run) AND "settledAt" IS NULL AND "sendBy" < clock_timestamp()
            """
        )
        var times: [Date] = []
        for row in rows { times.append(try row.decode(0)) }
        return times
    }

    static func isTimely(_ late: [Date]) -> PostgresQuery {
        "AND (d.\"zoneTime\" IS NULL OR d.\"zoneTime\" <> ALL(\(late)::timestamptz[]))"
    }
}
