public import Foundation
public import Postgres

/// A message that is due and belongs in its lane.
public struct FedMessage: Hashable, Sendable {
    public let id: UUID
    /// The time until its next attempt; zero for most.
    public let delay: Duration
    /// True if it counts against the 24 h quota.
    public let isBusinessInitiated: Bool

    public init(id: UUID, delay: Duration, isBusinessInitiated: Bool = false) {
        self.id = id
        self.delay = delay
        self.isBusinessInitiated = isBusinessInitiated
    }
}

/// Moves due chunks of messages from Postgres into lanes, so that only a bounded window of ids is ever in Redis.
///
/// A chunk is claimed and its messages marked `queued` in one transaction, then its ids are pushed, then it is marked
/// fed. If the daemon dies in between, another one takes over the chunk when its lease has expired and pushes the ids
/// again. This changes nothing for ids that are in the lane already.
public struct ChunkRepository: Sendable {
    /// Chunks of one run that were claimed, with their messages.
    public struct Claim: Sendable {
        public let run: UUID
        public let starts: [Int]
        public let messages: [FedMessage]

        /// Builds the UPDATE that moves its chunks.
        fileprivate func moving(_ event: ChunkStatus.Event) -> PostgresQuery {
            let runs = [UUID](repeating: run, count: starts.count)
            return ChunkStatus.moving(
                event,
                set: ["\"leaseUntil\" = NULL"],
                from: "unnest(\(runs)::uuid[], \(starts)::int[]) AS f(run, start)",
                where: "\(key: #"k."runId""#, of: "f.run") AND k.\"startPosition\" = f.start",
                isKeyed: true
            )
        }
    }

    /// The lease of a claimed chunk: if it is not marked fed in this time, another daemon may feed it.
    static let lease = Duration.seconds(30)

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Claims due chunks of a run and marks their messages as queued.
    ///
    /// If the run waits for the quota, only messages to contacts in their window are claimed; these come first. In the
    /// run of a trigger they may have any position, and the claim of each message distinguishes them. Chunks for whose contacts
    /// it is quiet are left out.
    ///
    /// - Parameters:
    ///   - run: The run of the chunks.
    ///   - hasZones: True if it knows the zones of its contacts.
    ///   - limit: The maximum number of chunks.
    ///   - room: The number of messages from which on no further chunk is claimed.
    /// - Returns: `nil` when no chunk is due.
    /// - Throws: `PostgresError`.
    public func claim(run: UUID, hasZones: Bool = false, limit: Int, room: Int = .max) async throws -> Claim? {
        let (ranges, queued): ([Range<Int>], [PostgresRows]) = try await pool.transaction { connection in
            let quiet = hasZones ? try await Self.quietZones(of: run, on: connection) : []
            let late = hasZones ? try await Self.lateTimes(of: run, on: connection) : []
            let claimed = try await connection.query(
                """
                UPDATE campaign_chunks c
                SET status = \(chunk: .feeding), "leaseUntil" = now() + \(Self.lease.seconds) * interval '1 second'
                    \(fragment: hasZones ? Self.isFedFromNowOn : "")
                FROM (
                    SELECT "runId", "startPosition",
                        sum("endPosition" - "startPosition") OVER (ORDER BY "notBefore", "startPosition")
                            - ("endPosition" - "startPosition") AS ahead
                    FROM (
                    SELECT d."runId", d."startPosition", d."endPosition", d."notBefore"
                    FROM campaign_chunks d JOIN campaign_runs r ON \(key: "r.id", of: #"d."runId""#)
                    WHERE d."runId" = \(run) AND d.status <> \(chunk: .fed) AND d."notBefore" <= now()
                        AND (d.status = \(chunk: .waiting) OR d."leaseUntil" < now())
                        AND (r.status <> \(run: .paused) OR r."isTriggered" OR d."startPosition" <= r."inWindowCount")
                        \(fragment: quiet.isEmpty ? "" : Self.isAwake(quiet))
                        \(fragment: late.isEmpty ? "" : Self.isTimely(late))
                    ORDER BY d."notBefore", d."startPosition" LIMIT \(limit)
                    FOR UPDATE OF d SKIP LOCKED
                    ) unclaimed
                ) due
                WHERE \(key: #"c."runId""#, of: #"due."runId""#)
                    AND c."startPosition" = due."startPosition" AND due.ahead < \(room)
                RETURNING c."startPosition", c."endPosition"
                """
            )
            var ranges: [Range<Int>] = []
            for row in claimed { ranges.append(try row.decode(0, as: Int.self)..<row.decode(1, as: Int.self)) }
            var queued: [PostgresRows] = []
            for range in ranges.mergedWhereAdjacent() {
                queued.append(try await queue(range, of: run, on: connection))
            }
            return (ranges, queued)
        }
        guard !ranges.isEmpty else { return nil }
        // Read after the commit, because the row of the run is locked until then.
        let messages = try queued.flatMap { try Self.messages(in: $0) }
        return Claim(run: run, starts: ranges.map(\.lowerBound).sorted(), messages: messages)
    }

    /// Returns the zones of a run in which it is quiet, if quiet hours follow the clocks of contacts.
    private static func quietZones(
        of run: UUID,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [String] {
        let rows = try await connection.query(
            """
            SELECT z.zone FROM (
                SELECT DISTINCT "runId", "quietZone" AS zone FROM run_zones
                WHERE "runId" = \(run) AND "quietZone" IS NOT NULL OFFSET 0
            ) z
            JOIN campaign_runs r ON \(key: "r.id", of: #"z."runId""#)
            WHERE quiet_until(\(fragment: QuietClock.hours), z.zone, clock_timestamp()) IS NOT NULL
            """
        )
        var zones: [String] = []
        for row in rows { zones.append(try row.decode(0)) }
        return zones
    }

    /// A chunk that was fed once is fed again whatever the hour, because the lane may have lost messages that are `queued`; the
    /// claim asks for the clock of each.
    private static let isFedFromNowOn: PostgresQuery = ", \"quietZone\" = NULL"

    private static func isAwake(_ quiet: [String]) -> PostgresQuery {
        "AND (d.\"quietZone\" IS NULL OR d.\"quietZone\" <> ALL(\(quiet)::text[]))"
    }

    /// Marks the chunks of a claim as fed, after their ids are in the lane.
    public func finish(_ claim: Claim) async throws(PostgresError) {
        try await pool.execute(claim.moving(.finish))
    }

    /// Releases the chunks of a claim whose ids could not be pushed.
    public func abandon(_ claim: Claim) async throws(PostgresError) {
        try await pool.execute(claim.moving(.abandon))
    }

    private func queue(
        _ range: Range<Int>,
        of run: UUID,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> PostgresRows {
        try await connection.query(
            """
            WITH changed AS (
                UPDATE campaign_messages SET status = \(message: .queued)
                WHERE id >= \(MessageID.make(run: run, position: range.lowerBound))
                    AND id < \(MessageID.make(run: run, position: range.upperBound)) AND status = \(message: .pending)
                    -- A capped message is fed when its time has come, and so is one whose contact had quiet hours.
                    AND NOT "isCapped" AND ("nextAttemptAt" IS NULL OR "nextAttemptAt" <= now())
                RETURNING id, "runId", \(message: .pending)::campaign_message_status_enum AS old, status AS new,
                    "nextAttemptAt", "isBusinessInitiated"
            ), \(fragment: RunCounters.countedWaiting)
            SELECT id, greatest(0, coalesce(extract(epoch FROM "nextAttemptAt" - now())::float8, 0)),
                "isBusinessInitiated"
            FROM (
                SELECT id, "nextAttemptAt", "isBusinessInitiated" FROM changed
                UNION ALL
                -- Queued by a daemon that did not say so: perhaps their ids never came into the lane.
                SELECT id, "nextAttemptAt", "isBusinessInitiated" FROM campaign_messages
                WHERE id >= \(MessageID.make(run: run, position: range.lowerBound))
                    AND id < \(MessageID.make(run: run, position: range.upperBound)) AND status = \(message: .queued)
            ) m
            ORDER BY id
            """
        )
    }

    private static func messages(in rows: PostgresRows) throws -> [FedMessage] {
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
    /// Returns the same positions in as few ranges as possible, ascending.
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
