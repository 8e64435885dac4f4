public import Foundation
public import Postgres

/// Moves due chunks of messages from Postgres into lanes, so that only a bounded window of ids is ever in Redis.
///
/// A chunk is claimed and its messages marked `queued` in one transaction, then its ids are pushed, then it is marked
/// fed. If the daemon dies in between, another takes the chunk over when its lease has run out and pushes the ids
/// again, which changes nothing for those that are in the lane already.
public struct ChunkRepository: Sendable {
    /// What was claimed from one run.
    public struct Claim: Sendable {
        public let run: UUID
        public let starts: [Int]
        public let messages: [FedMessage]
    }

    /// After this long without being marked fed, another daemon may feed a chunk.
    static let lease = Duration.seconds(30)

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Claims due chunks of a run and marks their messages as queued.
    ///
    /// Of a run that waits for the quota only messages to contacts in their window are claimed; they come first. In the
    /// run of a trigger they stand anywhere, and are told apart when they begin.
    ///
    /// - Parameters:
    ///   - run: Whose chunks.
    ///   - limit: How many chunks at most.
    ///   - room: How many messages: no further chunk is claimed once that many are.
    /// - Returns: `nil` when no chunk is due.
    /// - Throws: `PostgresError`.
    public func claim(run: UUID, limit: Int, room: Int = .max) async throws -> Claim? {
        try await pool.transaction { connection in
            let claimed = try await connection.query(
                """
                UPDATE campaign_chunks c
                SET status = 'feeding', "leaseUntil" = now() + \(Self.lease.seconds) * interval '1 second'
                FROM (
                    SELECT "startPosition",
                        sum("endPosition" - "startPosition") OVER (ORDER BY "notBefore", "startPosition")
                            - ("endPosition" - "startPosition") AS ahead
                    FROM (
                    SELECT d."startPosition", d."endPosition", d."notBefore"
                    FROM campaign_chunks d JOIN campaign_runs r ON r.id = d."runId"
                    WHERE d."runId" = \(run) AND d.status <> 'fed' AND d."notBefore" <= now()
                        AND (d.status = 'waiting' OR d."leaseUntil" < now())
                        AND (r.status <> 'paused' OR r."isTriggered" OR d."startPosition" <= r."inWindowCount")
                    ORDER BY d."notBefore", d."startPosition" LIMIT \(limit)
                    FOR UPDATE OF d SKIP LOCKED
                    ) unclaimed
                ) due
                WHERE c."runId" = \(run) AND c."startPosition" = due."startPosition" AND due.ahead < \(room)
                RETURNING c."startPosition", c."endPosition"
                """
            )
            var ranges: [Range<Int>] = []
            for row in claimed { ranges.append(try row.decode(0, as: Int.self)..<row.decode(1, as: Int.self)) }
            guard !ranges.isEmpty else { return nil }
            var messages: [FedMessage] = []
            for range in ranges.mergedWhereAdjacent() {
                messages += try await queue(range, of: run, on: connection)
            }
            return Claim(run: run, starts: ranges.map(\.lowerBound), messages: messages)
        }
    }

    /// Marks the chunks of a claim as fed, after their ids are in the lane.
    public func finish(_ claim: Claim) async throws(PostgresError) {
        try await pool.execute(
            """
            UPDATE campaign_chunks SET status = 'fed', "leaseUntil" = NULL
            WHERE "runId" = \(claim.run) AND "startPosition" = ANY(\(claim.starts)::int[]) AND status = 'feeding'
            """
        )
    }

    /// Gives the chunks of a claim back, when their ids could not be pushed.
    public func abandon(_ claim: Claim) async throws(PostgresError) {
        try await pool.execute(
            """
            UPDATE campaign_chunks SET status = 'waiting', "leaseUntil" = NULL
            WHERE "runId" = \(claim.run) AND "startPosition" = ANY(\(claim.starts)::int[]) AND status = 'feeding'
            """
        )
    }

    /// When the next chunk of a running run becomes due; `nil` when none is waiting.
    public func nextDue() async throws(PostgresError) -> Date? {
        let rows = try await pool.query(
            """
            SELECT min(c."notBefore") FROM campaign_runs r
            JOIN LATERAL (
                SELECT "notBefore" FROM campaign_chunks
                WHERE "runId" = r.id AND status = 'waiting' ORDER BY "notBefore" LIMIT 1
            ) c ON true
            WHERE r.status = 'running'
            """
        )
        return try rows[0].decode(0)
    }

    private func queue(
        _ range: Range<Int>,
        of run: UUID,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [FedMessage] {
        let rows = try await connection.query(
            """
            WITH changed AS (
                UPDATE campaign_messages SET status = 'queued'
                WHERE id >= \(MessageID.make(run: run, position: range.lowerBound))
                    AND id < \(MessageID.make(run: run, position: range.upperBound)) AND status = 'pending'
                RETURNING id, "runId", 'pending'::campaign_message_status_enum AS old, status AS new, "nextAttemptAt",
                    "isBusinessInitiated"
            ), \(fragment: RunCounters.counted)
            SELECT id, greatest(0, coalesce(extract(epoch FROM "nextAttemptAt" - now())::float8, 0)),
                "isBusinessInitiated"
            FROM (
                SELECT id, "nextAttemptAt", "isBusinessInitiated" FROM changed
                UNION ALL
                -- Queued by a daemon that did not say so: perhaps their ids never came into the lane.
                SELECT id, "nextAttemptAt", "isBusinessInitiated" FROM campaign_messages
                WHERE id >= \(MessageID.make(run: run, position: range.lowerBound))
                    AND id < \(MessageID.make(run: run, position: range.upperBound)) AND status = 'queued'
            ) m
            ORDER BY id
            """
        )
        var messages: [FedMessage] = []
        messages.reserveCapacity(rows.count)
        for row in rows {
            messages.append(
                FedMessage(
                    id: try row.decode(0),
                    delay: .seconds(try row.decode(1, as: Double.self)),
                    isBusinessInitiated: try row.decode(2)
                )
            )
        }
        return messages
    }
}

extension [Range<Int>] {
    /// The same positions in as few ranges as possible, ascending.
    func mergedWhereAdjacent() -> [Range<Int>] {
        var merged: [Range<Int>] = []
        for range in sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound >= range.lowerBound {
                merged[merged.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
