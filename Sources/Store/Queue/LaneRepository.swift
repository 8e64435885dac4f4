public import Foundation
public import Postgres

/// The senders that have something to send, and the epoch that ties Redis to Postgres.
public struct LaneRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the lanes with runs that have messages to send, or that were stopped while messages were being sent: if
    /// their daemon crashed, the reaper must settle those.
    public func open() async throws -> [LaneRecord] {
        try await pool.execute(
            """
            INSERT INTO queue_epochs ("quotaGroup", epoch)
            SELECT DISTINCT s."quotaGroup", \(LaneRecord.firstEpoch)::int8 FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE \(fragment: RunRepository.live) AND NOT EXISTS (SELECT FROM queue_epochs e WHERE e."quotaGroup" = s."quotaGroup")
            ON CONFLICT DO NOTHING
            """
        )
        let rows = try await pool.query(
            """
            SELECT s.id, s."tenantId", s.name, s."phoneNumberId", s."accessToken", s."ratePerSecond", s."quotaGroup",
                s."pairLimit", \(fragment: QuotaRepository.limit) AS "dailyLimit", e.epoch, r.expected, r."quotaUntil",
                \(fragment: ContactWindow.numberOfSender) AS "windowNumber",
                coalesce(extract(epoch FROM CASE
                    WHEN t."quietHours" ->> 'action' = 'wait' AND t."quietHours" ->> 'clock' IS DISTINCT FROM 'contact'
                    THEN quiet_until(t."quietHours", t."timeZone", now()) - now()
                END)::float8, 0) AS "quietFor",
                coalesce(t."quietHours" ->> 'clock' = 'contact', false) AS "hasContactClocks"
            FROM (
                SELECT "senderId", sum(expected) AS expected,
                    CASE WHEN bool_and("quotaUntil" IS NOT NULL) THEN min("quotaUntil") END AS "quotaUntil"
                FROM (
                    SELECT r."senderId", r.queued + r.sending AS expected, r."quotaUntil" FROM campaign_runs r
                    WHERE \(fragment: RunRepository.live)
                        AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
                    UNION ALL
                    SELECT r."senderId", r.sending, NULL FROM campaign_runs r WHERE \(fragment: RunRepository.stopped)
                ) open
                GROUP BY 1
            ) r
            JOIN senders s ON s.id = r."senderId"
            JOIN queue_epochs e ON e."quotaGroup" = s."quotaGroup"
            LEFT JOIN tenants t ON t."tenantId" = s."tenantId" AND t."archivedAt" IS NULL
            """
        )
        return try rows.map(LaneRecord.init(row:))
    }

    /// Returns true if the 24 h limit of a sender is still the one that its lane knows.
    public func hasLimit(_ limit: Int?, sender: UUID) async throws(PostgresError) -> Bool {
        let rows = try await pool.query(
            """
            SELECT \(fragment: QuotaRepository.limit) IS NOT DISTINCT FROM \(limit)::int FROM senders s WHERE s.id = \(sender)
            """
        )
        return try rows.first?.decode(0) ?? false
    }

    /// Returns the lanes that Redis may still hold although their quota group has nothing to send.
    public func idle() async throws -> [IdleLane] {
        let rows = try await pool.query(
            """
            SELECT s.id, s."quotaGroup", e.epoch FROM senders s JOIN queue_epochs e ON e."quotaGroup" = s."quotaGroup"
            WHERE s."quotaGroup" NOT IN (
                SELECT o."quotaGroup" FROM (
                    SELECT r."senderId" FROM campaign_runs r
                    WHERE \(fragment: RunRepository.live)
                        AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
                    UNION ALL
                    SELECT r."senderId" FROM campaign_runs r WHERE \(fragment: RunRepository.stopped)
                ) open
                JOIN senders o ON o.id = open."senderId"
            )
            ORDER BY s."quotaGroup", s.id
            """
        )
        return try rows.map { row in
            IdleLane(sender: try row.decode(0), quotaGroup: try row.decode(1), epoch: try row.decode(2))
        }
    }

    /// Stores a pause that WhatsApp asked for, in case Redis loses it, and records it for charts.
    ///
    /// A pause is never shortened.
    public func pause(_ sender: UUID, for duration: Duration, reason: String? = nil) async throws(PostgresError) {
        try await pool.execute(
            """
            WITH paused AS (
                UPDATE senders SET "pausedUntil" = greatest("pausedUntil", now() + \(duration.seconds) * interval '1 second')
                WHERE id = \(sender) RETURNING id, "tenantId", "pausedUntil"
            )
            INSERT INTO sender_throttles AS n ("senderId", minute, "tenantId", count, until, reason)
            SELECT id, date_trunc('minute', now()), "tenantId", 1, "pausedUntil", left(\(reason)::text, 300) FROM paused
            ON CONFLICT ("senderId", minute) DO UPDATE SET
                count = n.count + 1, until = greatest(n.until, excluded.until), reason = excluded.reason
            """
        )
    }
}

/// The data with which a lost lane is rebuilt in Redis.
public struct LaneRebuild: Sendable {
    public let sender: UUID
    /// Messages that a daemon may be sending at this moment.
    public let sending: [Held]
    /// The rest of a pause that WhatsApp asked for.
    public let pause: Duration
    /// Business-initiated messages of the group by the hour; the last one is the current hour.
    public let quota: [QuotaBucket]
    /// The name under which Redis may still have buckets of the group, from before groups were the tenant's own.
    public let formerGroup: String?
    /// The group that the sender has left, whose lane must send nothing any more; `nil` if it was always in this one.
    public let leftGroup: String?

    /// A message, and the lease under which it is being sent.
    public struct Held: Hashable, Sendable {
        public let messageID: UUID
        public let lease: Int64?
        /// True if it counts against the quota.
        public let isBusinessInitiated: Bool

        public init(messageID: UUID, lease: Int64?, isBusinessInitiated: Bool = false) {
            self.messageID = messageID
            self.lease = lease
            self.isBusinessInitiated = isBusinessInitiated
        }
    }

    public init(
        sender: UUID,
        sending: [Held],
        pause: Duration,
        quota: [QuotaBucket] = [],
        formerGroup: String? = nil,
        leftGroup: String? = nil
    ) {
        self.sender = sender
        self.sending = sending
        self.pause = pause
        self.quota = quota
        self.formerGroup = formerGroup
        self.leftGroup = leftGroup
    }

    /// Returns the same lane with other buckets.
    public func with(quota: [QuotaBucket]) -> LaneRebuild {
        LaneRebuild(
            sender: sender,
            sending: sending,
            pause: pause,
            quota: quota,
            formerGroup: formerGroup,
            leftGroup: leftGroup
        )
    }
}

extension LaneRepository {
    /// Raises the epoch of a quota group and marks all its chunks to be fed again.
    ///
    /// `restore` puts the lanes into Redis while the transaction holds the group's row: daemons that notice the loss at
    /// the same time take turns, and the later ones find the new epoch and do nothing. If the process dies after
    /// `restore`, the epochs still differ, and the next process starts over.
    ///
    /// - Parameters:
    ///   - group: The quota group whose lanes were lost.
    ///   - epoch: The epoch the caller knew; if the epoch differs, another daemon has rebuilt the group.
    ///   - restore: Writes the lanes and the new epoch into Redis.
    /// - Returns: The epoch that is in force now.
    /// - Throws: The error of `restore`, or `PostgresError`; the epoch is then unchanged.
    public func rebuild(
        group: String,
        from epoch: Int,
        restore: @Sendable (_ epoch: Int, _ lanes: [LaneRebuild]) async throws -> Void
    ) async throws -> Int {
        try await pool.transaction(retries: 0, deadline: .seconds(120)) { connection in
            let rows = try await connection.query(
                """
                UPDATE queue_epochs e SET epoch = e.epoch + 1, "rebuiltAt" = now(), "formerGroup" = NULL
                FROM (SELECT "formerGroup" FROM queue_epochs WHERE "quotaGroup" = \(group) FOR UPDATE) former
                WHERE e."quotaGroup" = \(group) AND e.epoch = \(epoch) RETURNING e.epoch, former."formerGroup"
                """
            )
            guard let raised = try rows.first?.decode(0, as: Int.self) else {
                let current = try await connection.query(
                    "SELECT epoch FROM queue_epochs WHERE \"quotaGroup\" = \(group)"
                )
                return try current.first?.decode(0, as: Int.self) ?? epoch
            }
            let former = try rows[0].decode(1, as: String?.self)
            let lanes = try await lanes(of: group, formerly: former, on: connection)
            // In the order in which daemons finish their claims.
            try await connection.enqueue(
                """
                SELECT 1 FROM campaign_runs r
                JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
                JOIN campaign_chunks k ON \(key: #"k."runId""#, of: "r.id")
                WHERE s."quotaGroup" = \(group) AND \(fragment: RunRepository.live)
                ORDER BY k."runId", k."startPosition" FOR NO KEY UPDATE OF k
                """
            )
            try await connection.execute(
                ChunkStatus.moving(
                    .feedAgain,
                    set: ["\"leaseUntil\" = NULL"],
                    from: "campaign_runs r JOIN senders s ON s.id = r.\"senderId\"",
                    where: """
                        s."quotaGroup" = \(group) AND \(fragment: RunRepository.live) AND \(key: #"k."runId""#, of: "r.id")
                            AND k.status <> \(chunk: .waiting)
                        """
                ),
                deadline: .seconds(120)
            )
            try await restore(raised, lanes)
            return raised
        }
    }

    private func lanes(
        of group: String,
        formerly former: String?,
        on connection: PostgresConnection
    ) async throws -> [LaneRebuild] {
        let senders = try await connection.query(
            """
            SELECT id, greatest(
                    -- What the lane of the former group has sent in the last second counts against the rate.
                    CASE WHEN "formerGroup" IS NULL THEN 0 ELSE 1 END,
                    coalesce(extract(epoch FROM "pausedUntil" - now())::float8, 0)
                ), "formerGroup"
            FROM senders WHERE "quotaGroup" = \(group)
            """
        )
        var held: [UUID: [LaneRebuild.Held]] = [:]
        for row in senders {
            let sender = try row.decode(0, as: UUID.self)
            held[sender] = try await sending(of: sender, on: connection)
        }
        // The quota is read after the messages that are being sent, so that a message recorded in between counts twice
        // rather than not at all.
        let underWay = held.values.joined().count(where: \.isBusinessInitiated)
        let quota = try await QuotaRepository().buckets(of: group, plus: underWay, on: connection)
        return try senders.map { row in
            let sender = try row.decode(0, as: UUID.self)
            return LaneRebuild(
                sender: sender,
                sending: held[sender] ?? [],
                pause: .seconds(try row.decode(1, as: Double.self)),
                quota: quota,
                formerGroup: former,
                leftGroup: try row.decode(2)
            )
        }
    }

    private func sending(of sender: UUID, on connection: PostgresConnection) async throws -> [LaneRebuild.Held] {
        let rows = try await connection.query(
            """
            SELECT m.id, m.holder, m."isBusinessInitiated" FROM campaign_runs r
            JOIN campaign_messages m ON m.id >= r.id AND m.id < message_id(r.id, r."nextPosition")
            WHERE r."senderId" = \(sender) AND r.sending > 0 AND m.status = \(message: .sending)
                AND (\(fragment: RunRepository.live) OR \(fragment: RunRepository.stopped))
            """,
            deadline: .seconds(120)
        )
        return try rows.map { row in
            LaneRebuild.Held(
                messageID: try row.decode(0),
                lease: try row.decode(1),
                isBusinessInitiated: try row.decode(2)
            )
        }
    }
}
