public import Foundation
public import Postgres

/// A message whose lease expired before its worker reported an outcome.
public struct ExpiredLease: Hashable, Sendable {
    public let messageID: UUID
    /// The lease that expired; `nil` if Redis has lost it.
    public let lease: Int64?
    /// False when it is certain that no request was written for it.
    public let mayBeWritten: Bool
    /// True if the worker was last known to prepare the request: the message may have crashed it.
    public let wasBeingPrepared: Bool

    public init(messageID: UUID, lease: Int64?, mayBeWritten: Bool, wasBeingPrepared: Bool = false) {
        self.messageID = messageID
        self.lease = lease
        self.mayBeWritten = mayBeWritten
        self.wasBeingPrepared = wasBeingPrepared
    }
}

/// The action of a lane for the id of a message whose lease expired.
public enum LeaseVerdict: Hashable, Sendable {
    /// There is nothing more to send.
    case forget
    /// There is nothing more to send, and nothing was accepted.
    case discard
    /// The message returns to the lane after the delay.
    case requeue(after: Duration)
}

extension MessageRepository {
    /// A message that crashed this many daemons is parked.
    public static let crashLimit = 3
    /// Time for which a message waits before it may crash the last daemon that it is allowed to, in seconds.
    ///
    /// A death is noticed within a second: without this time, three restarts of daemons in a row could park a message that is
    /// only unlucky.
    static let crashPause = 10.0

    /// Settles messages whose lease expired.
    ///
    /// A message whose request may have been written becomes `unconfirmed`, because a new request could send it twice.
    /// A message that was only reserved is queued again. A crash is never an attempt, but a message that crashed
    /// ``crashLimit`` daemons while they prepared it is parked as `failed` with the code `poison`. Before the last of these
    /// crashes it waits for ``crashPause``. A message that has crashed one is prepared alone: if its daemon died while it had
    /// more messages of the lease to prepare, it had not begun with this one.
    ///
    /// - Returns: The action of the lane for each message.
    public func settle(_ leases: [ExpiredLease]) async throws(PostgresError) -> [UUID: LeaseVerdict] {
        guard !leases.isEmpty else { return [:] }
        let preparing = leases.lazy.filter(\.wasBeingPrepared).map(\.lease)
            .reduce(into: [Int64?: Int]()) { counts, lease in counts[lease, default: 0] += 1 }
        let rows = try await pool.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.status AS old,
                    CASE
                        WHEN d.died AND m.crashes + 2 = \(Self.crashLimit)
                        THEN greatest(m."nextAttemptAt", now() + \(Self.crashPause) * interval '1 second')
                        ELSE m."nextAttemptAt"
                    END AS "nextAttemptAt",
                    m."isBusinessInitiated" AND m.status = \(message: .sending) AND m.holder = l.lease AND l.written AS charged,
                    d.died,
                    CASE
                        WHEN m.status <> \(message: .sending) OR m.holder <> l.lease THEN m.status
                        WHEN l.written THEN \(message: .unconfirmed)
                        WHEN d.died AND m.crashes + 1 >= \(Self.crashLimit) THEN \(message: .failed)
                        ELSE \(message: .queued)
                    END AS new
                FROM unnest(
                    \(leases.map(\.messageID))::uuid[],
                    \(leases.map(\.mayBeWritten))::bool[],
                    \(leases.map(\.lease))::bigint[],
                    \(leases.map(\.wasBeingPrepared))::bool[],
                    \(leases.map { $0.wasBeingPrepared && preparing[$0.lease] == 1 })::bool[]
                ) AS l(id, written, lease, preparing, alone)
                JOIN campaign_messages m ON \(key: "m.id", of: "l.id")
                CROSS JOIN LATERAL (
                    SELECT m.status = \(message: .sending) AND m.holder = l.lease AND NOT l.written
                        AND CASE WHEN m.crashes = 0 THEN l.preparing ELSE l.alone END AS died
                ) d
                ORDER BY l.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    crashes = m.crashes + CASE WHEN changed.died THEN 1 ELSE 0 END,
                    "nextAttemptAt" = changed."nextAttemptAt",
                    "failedAt" = CASE WHEN changed.new = \(message: .failed) THEN now() ELSE m."failedAt" END,
                    "unconfirmedAt" = CASE WHEN changed.new = \(message: .unconfirmed) THEN now() ELSE m."unconfirmedAt" END,
                    "errorCode" = CASE changed.new
                        WHEN \(message: .unconfirmed) THEN 'answer_lost' WHEN \(message: .failed) THEN 'poison' ELSE m."errorCode"
                    END,
                    "errorMessage" = CASE changed.new
                        WHEN \(message: .unconfirmed) THEN 'the daemon died after the request may have been written'
                        WHEN \(message: .failed) THEN
                            'daemons died each time they prepared this message; it is not tried again: look at the '
                            || 'contact''s data and the template, and at the end of their logs'
                        ELSE m."errorMessage"
                    END
                FROM changed WHERE \(key: "m.id", of: "changed.id") AND changed.old <> changed.new
            ), \(fragment: QuotaRepository.counted), \(fragment: RunCounters.counted)
            SELECT id, new, coalesce(extract(epoch FROM "nextAttemptAt" - now())::float8, 0) FROM changed
            """
        )
        var verdicts = Dictionary(leases.map { ($0.messageID, LeaseVerdict.forget) }) { first, _ in first }
        for row in rows {
            let id = try row.decode(0, as: UUID.self)
            switch try row.decode(1, as: MessageStatus.self) {
            case .queued: verdicts[id] = .requeue(after: .seconds(max(0, try row.decode(2, as: Double.self))))
            case .pending, .cancelled, .failed: verdicts[id] = .discard
            case .sending, .sent, .delivered, .read, .unconfirmed: break
            }
        }
        return verdicts
    }

    /// Returns those of the messages that are parked because they crashed daemons repeatedly.
    public func poisoned(among ids: [UUID]) async throws(PostgresError) -> [UUID] {
        guard !ids.isEmpty else { return [] }
        let rows = try await pool.query(
            """
            SELECT id FROM campaign_messages
            WHERE id = ANY(\(ids)::uuid[]) AND status = \(message: .failed) AND "errorCode" = 'poison' ORDER BY id
            """
        )
        var poisoned: [UUID] = []
        for row in rows { poisoned.append(try row.decode(0)) }
        return poisoned
    }
}

extension MessageRepository {
    /// Retries messages whose answer was lost and for which no report came within `timeout`, if their sender allows it.
    ///
    /// The lost request counts as an attempt, and the last one is not repeated. The messages become `pending`, and their
    /// chunks are fed again.
    ///
    /// - Parameters:
    ///   - timeout: The time that a report may take.
    ///   - maximumAttempts: The maximum number of attempts of a message.
    ///   - limit: The maximum number of messages of a run in one batch.
    /// - Returns: The runs with retried messages, each with the number of these.
    /// - Throws: `PostgresError`.
    public func retryUnconfirmed(
        after timeout: Duration,
        maximumAttempts: Int = 3,
        limit: Int = 1_000
    ) async throws -> [UUID: Int] {
        let rows = try await pool.query(
            """
            SELECT r.id FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE \(fragment: RunRepository.live) AND r.unconfirmed > 0 AND s."unconfirmedPolicy" = 'retry'
            """
        )
        var retried: [UUID: Int] = [:]
        for row in rows {
            let run = try row.decode(0, as: UUID.self)
            let positions = try await retry(run, after: timeout, maximumAttempts: maximumAttempts, limit: limit)
            if positions > 0 { retried[run] = positions }
        }
        return retried
    }

    /// Returns the chunk of a message, as the position of its first message.
    static func chunk(of position: PostgresQuery, in run: UUID) -> PostgresQuery {
        """
        (
            SELECT "startPosition" FROM campaign_chunks
            WHERE "runId" = \(run) AND "startPosition" <= \(fragment: position)
            ORDER BY "startPosition" DESC LIMIT 1
        )
        """
    }

    private func retry(_ run: UUID, after timeout: Duration, maximumAttempts: Int, limit: Int) async throws -> Int {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            try await Self.retry(run, after: timeout, maximumAttempts: maximumAttempts, limit: limit, on: connection)
        }
    }

    /// Retries unconfirmed messages of one run, in the caller's transaction.
    ///
    /// - Returns: The number of messages, at most `limit`.
    static func retry(
        _ run: UUID,
        after timeout: Duration,
        maximumAttempts: Int = 3,
        limit: Int,
        on connection: PostgresConnection
    ) async throws -> Int {
        let rows = try await connection.query(
            """
            WITH due AS MATERIALIZED (
                SELECT m.id, m.position FROM campaign_messages m
                WHERE m.id BETWEEN \(MessageID.make(run: run, position: 0))
                        AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
                    AND m.status = \(message: .unconfirmed) AND m.attempts + 1 < \(maximumAttempts)
                    AND m."unconfirmedAt" <= now() - \(timeout.seconds) * interval '1 second'
                ORDER BY m.id LIMIT \(limit)
            ), fed AS MATERIALIZED (
                -- Feeding locks chunks before messages.
                SELECT k."startPosition" FROM (
                    SELECT DISTINCT \(run)::uuid AS run, \(fragment: Self.chunk(of: "due.position", in: run)) AS start
                    FROM due
                ) again
                JOIN campaign_chunks k
                    ON \(key: #"k."runId""#, of: "again.run") AND k."startPosition" = again.start
                ORDER BY again.start FOR NO KEY UPDATE OF k
            ), changed AS MATERIALIZED (
                SELECT m.id, m."runId", m."tenantId", m.position, m.status AS old, m.attempts, m."errorCode",
                    m."errorMessage", \(message: .pending)::campaign_message_status_enum AS new
                FROM due JOIN campaign_messages m ON \(key: "m.id", of: "due.id")
                WHERE (SELECT count(*) FROM fed) >= 0 AND m.status = \(message: .unconfirmed)
                ORDER BY due.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = \(message: .pending), holder = NULL, attempts = m.attempts + 1,
                    "lostAnswers" = m."lostAnswers" + 1, "unconfirmedAt" = NULL, "nextAttemptAt" = NULL
                FROM changed WHERE \(key: "m.id", of: "changed.id")
            ), logged AS (
                INSERT INTO message_failures ("tenantId", "messageId", attempt, "errorCode", "errorMessage")
                SELECT "tenantId", id, attempts + 1, coalesce("errorCode", 'answer_lost'), coalesce("errorMessage", '')
                FROM changed
            ), \(fragment: RunCounters.countedRepeated)
            SELECT position FROM changed
            """,
            deadline: .seconds(120)
        )
        let positions = try rows.map { try $0.decode(0, as: Int.self) }
        guard !positions.isEmpty else { return 0 }
        try await connection.execute(
            ChunkStatus.moving(
                .feedAgain,
                set: ["\"leaseUntil\" = NULL"],
                from: """
                    (
                        SELECT DISTINCT \(run)::uuid AS run, \(fragment: Self.chunk(of: "p.position", in: run)) AS start
                        FROM unnest(\(positions)::int[]) AS p(position)
                    ) again
                    """,
                where: """
                    \(key: #"k."runId""#, of: "again.run") AND k."startPosition" = again.start
                    """
            )
        )
        try await connection.announce(RunRepository.channel, payload: run.uuidString)
        return positions.count
    }
}
