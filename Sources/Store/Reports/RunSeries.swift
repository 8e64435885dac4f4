public import Foundation
public import Postgres

/// The messages of a run over time, with marks for what was done to it.
public struct RunSeries: Sendable {
    /// The counts of one step of time.
    public struct Point: Hashable, Sendable {
        /// The beginning of the step.
        public let at: Date
        /// Messages that WhatsApp accepted.
        public let accepted: Int
        /// Messages that arrived, also those that were read.
        public let delivered: Int
        public let read: Int
        /// Messages that failed, without those that arrived after all: it may be negative.
        public let failed: Int
        /// Attempts that failed and that another one followed.
        public let retried: Int
    }

    /// A moment that explains the numbers around it.
    public struct Mark: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable {
            case launch, pause, resume, cancel, retry, settle, throttled, daemonStarted, daemonStopped, daemonLost
        }

        public let at: Date
        public let kind: Kind
        /// The actor of an action, or the version of a daemon.
        public let who: String?
        public let reason: String?
    }

    public let from: Date
    public let to: Date
    /// The length of a step in seconds.
    public let step: Int
    /// Messages per second that the sender allows.
    public let limit: Int
    /// Steps in which something happened, oldest first.
    public let points: [Point]
    /// Oldest first.
    public let marks: [Mark]
}

/// Reads the history of runs.
public struct RunSeriesRepository: Sendable {
    /// The lengths of steps in seconds; the first one with which a period has few enough steps is taken.
    private static let steps = [60, 300, 900, 3_600, 21_600, 86_400]
    /// The maximum number of steps.
    static let pointLimit = 1_440
    /// The maximum number of marks of one source; the latest count.
    private static let markLimit = 200
    /// The longest period in seconds: rows are kept for 90 days.
    public static let longestPeriod: TimeInterval = 90 * 86_400
    /// The period of a standing run by default, in seconds.
    private static let standingPeriod: TimeInterval = 86_400

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the history of a run.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - tenant: The owner of the run.
    ///   - from: The beginning; `nil` is the launch of the run, or a day before the end for the standing run of a trigger. It
    ///     is moved to 90 days before the end if it is earlier.
    ///   - to: The end; `nil` is the present, or an hour after the run ended, in which most reports come.
    /// - Returns: The series; `nil` if the tenant has no such run.
    /// - Throws: `PostgresError`.
    public func series(of run: UUID, tenant: String, from: Date? = nil, to: Date? = nil) async throws -> RunSeries? {
        try await pool.withConnection { connection in
            let rows = try await connection.query(
                """
                SELECT r."createdAt", r."completedAt", r."isTriggered", r."senderId", s."ratePerSecond", now() AS now
                FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
                WHERE r.id = \(run) AND r."tenantId" = \(tenant)
                """
            )
            guard let row = rows.first else { return nil }
            let now = try row.decode("now", as: Date.self)
            let ended = try row.decode("completedAt", as: Date?.self)
            let end = to ?? ended.map { min(now, $0.addingTimeInterval(3_600)) } ?? now
            let isStanding = try row.decode("isTriggered", as: Bool.self)
            let launch = try row.decode("createdAt", as: Date.self)
            let start = max(
                from ?? (isStanding ? max(launch, end.addingTimeInterval(-Self.standingPeriod)) : launch),
                end.addingTimeInterval(-Self.longestPeriod)
            )
            let step = Self.step(for: end.timeIntervalSince(start))
            let first = Self.floor(start, to: step)
            return RunSeries(
                from: first,
                to: end,
                step: step,
                limit: try row.decode("ratePerSecond"),
                points: try await Self.points(of: run, from: first, to: end, step: step, on: connection),
                marks: try await Self.marks(
                    of: run,
                    sender: try row.decode("senderId"),
                    from: first,
                    to: end,
                    on: connection
                )
            )
        }
    }

    /// Returns the length of a step for a period in seconds.
    static func step(for period: TimeInterval) -> Int {
        steps.first { period / Double($0) <= Double(pointLimit) } ?? steps[steps.count - 1]
    }

    private static func floor(_ date: Date, to step: Int) -> Date {
        Date(timeIntervalSince1970: (date.timeIntervalSince1970 / Double(step)).rounded(.down) * Double(step))
    }

    private static func points(
        of run: UUID,
        from start: Date,
        to end: Date,
        step: Int,
        on connection: PostgresConnection
    ) async throws -> [RunSeries.Point] {
        let rows = try await connection.query(
            """
            SELECT to_timestamp(floor(extract(epoch FROM minute)::float8 / \(Double(step))) * \(Double(step))) AS at,
                sum(accepted)::bigint AS accepted, sum(delivered)::bigint AS delivered, sum(read)::bigint AS read,
                sum(failed)::bigint AS failed, sum(retried)::bigint AS retried
            FROM run_minutes WHERE "runId" = \(run) AND minute >= \(start) AND minute <= \(end)
            GROUP BY 1 ORDER BY 1
            """,
            deadline: .seconds(10)
        )
        return try rows.map { row in
            RunSeries.Point(
                at: try row.decode("at"),
                accepted: try row.decode("accepted"),
                delivered: try row.decode("delivered"),
                read: try row.decode("read"),
                failed: try row.decode("failed"),
                retried: try row.decode("retried")
            )
        }
    }

    /// Returns what was done to a run, the rate limits of its sender, and the starts and ends of daemons.
    private static func marks(
        of run: UUID,
        sender: UUID,
        from start: Date,
        to end: Date,
        on connection: PostgresConnection
    ) async throws -> [RunSeries.Mark] {
        let rows = try await connection.query(
            """
            WITH daemons AS (
                SELECT version, since, "lastSeen", "stoppedAt" FROM daemon_heartbeats
                UNION ALL SELECT version, since, "lastSeen", "stoppedAt" FROM former_daemons
            )
            SELECT * FROM (
                (
                    SELECT "createdAt" AS at, CASE action WHEN 'send' THEN 'launch' WHEN 'again' THEN 'launch' ELSE action END AS kind,
                        who, reason
                    FROM run_actions WHERE "runId" = \(run) AND "createdAt" BETWEEN \(start) AND \(end)
                    ORDER BY id DESC LIMIT \(markLimit)
                ) UNION ALL (
                    SELECT minute, 'throttled', NULL, reason FROM sender_throttles
                    WHERE "senderId" = \(sender) AND minute BETWEEN \(start) AND \(end)
                    ORDER BY minute DESC LIMIT \(markLimit)
                ) UNION ALL (
                    SELECT since, 'daemonStarted', version, NULL FROM daemons WHERE since BETWEEN \(start) AND \(end)
                    ORDER BY since DESC LIMIT \(markLimit)
                ) UNION ALL (
                    SELECT coalesce("stoppedAt", "lastSeen"),
                        CASE WHEN "stoppedAt" IS NULL THEN 'daemonLost' ELSE 'daemonStopped' END, version, NULL
                    FROM daemons
                    WHERE coalesce("stoppedAt", "lastSeen") BETWEEN \(start) AND \(end) AND (
                        "stoppedAt" IS NOT NULL OR "lastSeen" < now() - \(WaitingFacts.heartbeatLimit) * interval '1 second'
                    )
                    ORDER BY 1 DESC LIMIT \(markLimit)
                )
            ) m ORDER BY at, kind
            """,
            deadline: .seconds(10)
        )
        return try rows.compactMap { row in
            // A later version may record an action that this one does not know.
            guard let kind = RunSeries.Mark.Kind(rawValue: try row.decode("kind")) else { return nil }
            return RunSeries.Mark(
                at: try row.decode("at"),
                kind: kind,
                who: try row.decode("who"),
                reason: try row.decode("reason")
            )
        }
    }
}
