public import Foundation
import Postgres

/// What a lane in Redis must hold after it was lost.
public struct LaneRebuild: Sendable {
    public let sender: UUID
    /// Messages that somebody may be sending at this moment.
    public let sending: [Held]
    /// How long the lane must stay silent.
    public let pause: Duration
    /// What the group's quota was used for, by the hour; the last one is the current hour.
    public let quota: [QuotaBucket]

    /// A message, and the reservation under which it is being sent.
    public struct Held: Hashable, Sendable {
        public let messageID: UUID
        public let lease: Int64?
        /// Whether one of the quota is taken for it.
        public let isBusinessInitiated: Bool

        public init(messageID: UUID, lease: Int64?, isBusinessInitiated: Bool = false) {
            self.messageID = messageID
            self.lease = lease
            self.isBusinessInitiated = isBusinessInitiated
        }
    }

    public init(sender: UUID, sending: [Held], pause: Duration, quota: [QuotaBucket] = []) {
        self.sender = sender
        self.sending = sending
        self.pause = pause
        self.quota = quota
    }
}

extension LaneRepository {
    /// Raises the epoch of a quota group and has all its chunks fed again.
    ///
    /// `restore` puts the lanes into Redis while the transaction holds the group's row: daemons that notice the loss at
    /// the same time take turns, and the later ones find the new epoch and do nothing. When the process dies after
    /// `restore`, the epochs differ still, and the next one begins again.
    ///
    /// - Parameters:
    ///   - group: The quota group whose lanes were lost.
    ///   - epoch: The epoch the caller knew; when it is no longer that, somebody else has rebuilt.
    ///   - restore: Writes the lanes and the new epoch into Redis.
    /// - Returns: The epoch that is in force now.
    /// - Throws: What `restore` throws, or `PostgresError`; the epoch is as it was then.
    public func rebuild(
        group: String,
        from epoch: Int,
        restore: @Sendable (_ epoch: Int, _ lanes: [LaneRebuild]) async throws -> Void
    ) async throws -> Int {
        try await pool.transaction(retries: 0, deadline: .seconds(120)) { connection in
            let rows = try await connection.query(
                """
                UPDATE queue_epochs SET epoch = epoch + 1, "rebuiltAt" = now()
                WHERE "quotaGroup" = \(group) AND epoch = \(epoch) RETURNING epoch
                """
            )
            guard let raised = try rows.first?.decode(0, as: Int.self) else {
                let current = try await connection.query(
                    "SELECT epoch FROM queue_epochs WHERE \"quotaGroup\" = \(group)"
                )
                return try current.first?.decode(0, as: Int.self) ?? epoch
            }
            let lanes = try await lanes(of: group, on: connection)
            try await connection.execute(
                """
                UPDATE campaign_chunks c SET status = 'waiting', "leaseUntil" = NULL
                FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
                WHERE s."quotaGroup" = \(group) AND \(fragment: RunRepository.live) AND c."runId" = r.id AND c.status <> 'waiting'
                """,
                deadline: .seconds(120)
            )
            try await restore(raised, lanes)
            return raised
        }
    }

    private func lanes(of group: String, on connection: PostgresConnection) async throws -> [LaneRebuild] {
        let senders = try await connection.query(
            """
            SELECT id, greatest(0, coalesce(extract(epoch FROM "pausedUntil" - now())::float8, 0))
            FROM senders WHERE "quotaGroup" = \(group)
            """
        )
        var held: [UUID: [LaneRebuild.Held]] = [:]
        for row in senders {
            let sender = try row.decode(0, as: UUID.self)
            held[sender] = try await sending(of: sender, on: connection)
        }
        // Read after what is being sent: what is recorded in between counts twice rather than not at all.
        let underWay = held.values.joined().count(where: \.isBusinessInitiated)
        let quota = try await QuotaRepository().buckets(of: group, plus: underWay, on: connection)
        return try senders.map { row in
            let sender = try row.decode(0, as: UUID.self)
            return LaneRebuild(
                sender: sender,
                sending: held[sender] ?? [],
                pause: .seconds(try row.decode(1, as: Double.self)),
                quota: quota
            )
        }
    }

    private func sending(of sender: UUID, on connection: PostgresConnection) async throws -> [LaneRebuild.Held] {
        let rows = try await connection.query(
            """
            SELECT m.id, m.holder, m."isBusinessInitiated" FROM campaign_runs r
            JOIN campaign_messages m ON m.id >= r.id AND m.id < message_id(r.id, r."nextPosition")
            WHERE r."senderId" = \(sender) AND r.sending > 0 AND m.status = 'sending'
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
