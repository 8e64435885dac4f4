public import Foundation
public import Postgres

/// Deletes rows of tenants that are older than their `retention`.
///
/// Each portion is one short transaction that leaves everything consistent, so a daemon may die at any point. It locks the
/// tenant's row of `retention_progress`, so that one daemon at a time deletes rows of a kind, and takes all other locks in the
/// order of all transactions.
public struct RetentionRepository: Sendable {
    /// The rows that a tenant can have deleted.
    public enum Kind: String, CaseIterable, Sendable {
        /// Messages, with the texts of their failures and the context of their events.
        case messages
        /// Events with their context.
        case events
        /// The data of contacts. Their rows stay without it, because other rows refer to them.
        case contacts
        /// Statements about consent that were replaced by later ones.
        case consents
    }

    /// The rows of one kind of a tenant that are to go.
    public struct Order: Hashable, Sendable {
        public let tenantID: String
        public let kind: Kind
        /// Rows from before this time are deleted.
        public let before: Date
    }

    /// The result of a portion.
    public struct Portion: Hashable, Sendable {
        /// Deleted rows, or emptied contacts.
        public let deleted: Int
        /// True if more may be to do at once.
        public let hasMore: Bool

        static let none = Portion(deleted: 0, hasMore: false)
    }

    let pool: PostgresPool
    /// The number of rows that a portion looks at.
    let size: Int

    /// Makes a repository.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - size: The number of rows that a portion looks at.
    public init(pool: PostgresPool, size: Int = 1_000) {
        (self.pool, self.size) = (pool, size)
    }

    /// Returns what is to be deleted, with the time that counts for each kind.
    ///
    /// Messages and contacts are kept for as long as a frequency cap or the cooldown of a trigger looks at messages, whatever
    /// the retention says.
    public func orders() async throws -> [Order] {
        let rows = try await pool.query(
            """
            SELECT t."tenantId", k.kind, now() - greatest(
                (t.retention ->> k.kind)::interval,
                CASE k.kind WHEN 'messages' THEN interval '31 days' WHEN 'events' THEN interval '1 day'
                    ELSE interval '90 days' END,
                CASE WHEN k.kind IN ('messages', 'contacts') THEN greatest(
                    (t."frequencyCap" ->> 'within')::interval, (
                        SELECT max(g.cooldown::interval) FROM campaign_triggers g
                        WHERE g."tenantId" = t."tenantId" AND g."archivedAt" IS NULL
                    )
                ) END
            )
            FROM tenants t CROSS JOIN unnest(\(Kind.allCases.map(\.rawValue))::text[]) WITH ORDINALITY AS k(kind, number)
            WHERE t."archivedAt" IS NULL AND t.retention ? k.kind
            -- Messages first, while those of old contacts still have the texts of their errors.
            ORDER BY t."tenantId", k.number
            """
        )
        return try rows.compactMap { row in
            guard let kind = Kind(rawValue: try row.decode(1)) else { return nil }
            return Order(tenantID: try row.decode(0), kind: kind, before: try row.decode(2))
        }
    }

    /// Deletes a portion of the rows of an order.
    ///
    /// - Returns: The result; nothing if another daemon is deleting such rows.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func delete(_ order: Order) async throws -> Portion {
        switch order.kind {
        case .messages: try await deleteMessages(order)
        case .events: try await deleteEvents(order)
        case .contacts: try await emptyContacts(order)
        case .consents: try await deleteConsents(order)
        }
    }

    /// The progress of the deletion of a tenant's rows.
    struct Progress: Sendable {
        let doneUntil: Date?
        let cursor: String
    }

    /// Locks the progress of an order until the end of the transaction.
    ///
    /// - Returns: `nil` if another daemon holds it.
    static func lock(_ order: Order, on connection: PostgresConnection) async throws -> Progress? {
        let selection: PostgresQuery = """
            SELECT nullif("doneUntil", '-infinity'), cursor FROM retention_progress
            WHERE "tenantId" = \(order.tenantID) AND kind = \(order.kind.rawValue)
            """
        var rows = try await connection.query("\(fragment: selection) FOR UPDATE SKIP LOCKED")
        if rows.isEmpty {
            // There is none yet, or another daemon holds it: then nothing is inserted, and it is still locked.
            guard try await connection.query(selection).isEmpty else { return nil }
            try await connection.execute(
                """
                INSERT INTO retention_progress ("tenantId", kind) VALUES (\(order.tenantID), \(order.kind.rawValue))
                ON CONFLICT DO NOTHING
                """
            )
            rows = try await connection.query("\(fragment: selection) FOR UPDATE SKIP LOCKED")
        }
        return try rows.first.map { Progress(doneUntil: try $0.decode(0), cursor: try $0.decode(1)) }
    }

    static func advance(
        _ order: Order,
        doneUntil: Date? = nil,
        cursor: String = "",
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            UPDATE retention_progress SET cursor = \(cursor), "doneUntil" = coalesce(\(doneUntil)::timestamptz, "doneUntil")
            WHERE "tenantId" = \(order.tenantID) AND kind = \(order.kind.rawValue)
            """
        )
    }
}

extension RetentionRepository {
    /// The condition for runs, as `r`, of which messages may be deleted.
    ///
    /// A run is over for 31 days, so that no report comes any more, and no open run repeats it. The standing run of a trigger
    /// stays open for years: of such a run the settled messages go.
    static let isDeletable: PostgresQuery = """
        (r."isTriggered" OR (
            r.status NOT IN \(anyOf: RunStatus.open) AND coalesce(r."completedAt", r."createdAt") < now() - interval '31 days'
        )) AND NOT EXISTS (
            SELECT FROM campaign_runs o
            WHERE \(key: #"o."campaignId""#, of: #"r."campaignId""#) AND o.status IN \(anyOf: RunStatus.open) AND o."retryOf" IS NOT NULL
        )
        """

    /// The states in which messages wait for nothing, unless a late report comes.
    private static let ended = MessageStatus.allCases.filter { ![.pending, .queued, .sending].contains($0) }

    /// Returns the condition for messages, as `m`, that nothing happens to any more and that are from before a time.
    static func isOld(_ before: Date) -> PostgresQuery {
        """
        m.status IN \(anyOf: ended)
            AND greatest(m."createdAt", m."sentAt", m."failedAt", m."unconfirmedAt") < \(before)
        """
    }

    /// Deletes messages of the oldest run that has some to delete, from its first position on.
    private func deleteMessages(_ order: Order) async throws -> Portion {
        let runs = try await pool.query(
            """
            SELECT r.id FROM campaign_runs r
            WHERE r."tenantId" = \(order.tenantID) AND r."createdAt" < \(order.before)
                AND r."deletedThrough" < r."nextPosition" - 1 AND \(fragment: Self.isDeletable)
            ORDER BY r.id
            """,
            deadline: .seconds(60)
        )
        for row in runs {
            let deleted = try await deleteMessages(of: try row.decode(0), order)
            // A portion without a deletion ends at a message that is too young or still open.
            if deleted > 0 { return Portion(deleted: deleted, hasMore: true) }
        }
        return .none
    }

    /// Deletes a portion of a run's messages with their responses, and counts them in the same transaction.
    ///
    /// - Returns: The number of messages.
    func deleteMessages(of run: UUID, _ order: Order) async throws -> Int {
        try await pool.transaction(deadline: .seconds(60)) { connection in
            guard try await Self.lock(order, on: connection) != nil else { return 0 }
            let start = try await connection.query(
                """
                SELECT r."deletedThrough", r."nextPosition" - 1 FROM campaign_runs r
                WHERE r.id = \(run) AND \(fragment: Self.isDeletable)
                """
            )
            guard let through = try start.first?.decode(0, as: Int.self) else { return 0 }
            let end = try start[0].decode(1, as: Int.self)
            let (first, last) = (
                MessageID.make(run: run, position: through + 1),
                MessageID.make(run: run, position: MessageID.maximumPosition)
            )
            let rows = try await connection.query(
                """
                WITH head AS MATERIALIZED (
                    SELECT m.*, \(fragment: Self.isOld(order.before)) AS "isOld" FROM campaign_messages m
                    WHERE m.id BETWEEN \(first) AND \(last) ORDER BY m.id LIMIT \(size) FOR UPDATE OF m
                ), gone AS MATERIALIZED (
                    SELECT * FROM head WHERE "isOld"
                ), removed AS (
                    DELETE FROM campaign_messages m USING gone g WHERE \(key: "m.id", of: "g.id")
                ), answers AS (
                    -- A person who got another message of the run stays counted.
                    DELETE FROM run_responses s USING (SELECT DISTINCT "contactId" FROM gone) g
                    WHERE \(key: #"s."contactId""#, of: #"g."contactId""#) AND s."runId" = \(run) AND NOT EXISTS (
                        SELECT FROM campaign_messages o
                        WHERE \(key: #"o."contactId""#, of: #"g."contactId""#) AND o."runId" = \(run)
                            AND o.id NOT IN (SELECT id FROM gone)
                    )
                ), \(fragment: DeletedMessages.counted(of: run))
                SELECT count(*) FILTER (WHERE "isOld"), coalesce(
                    min(position) FILTER (WHERE NOT "isOld") - 1,
                    -- A launch may have left out the last positions.
                    CASE WHEN count(*) < \(size) THEN \(end)::int ELSE max(position) END
                ) FROM head
                """,
                deadline: .seconds(60)
            )
            let deleted = try rows[0].decode(0, as: Int.self)
            let next = try rows[0].decode(1, as: Int.self)
            guard next > through || deleted > 0 else { return 0 }
            // The run is locked last, and for as short as possible: answers and reports of its other messages wait for it.
            try await connection.execute(
                """
                UPDATE campaign_runs SET "deletedCount" = "deletedCount" + \(deleted),
                    "deletedThrough" = greatest("deletedThrough", \(next))
                WHERE id = \(run)
                """
            )
            return deleted
        }
    }

    /// Deletes events, from the oldest time on that is not done yet: no index has the tenant and the time.
    private func deleteEvents(_ order: Order) async throws -> Portion {
        try await pool.transaction(deadline: .seconds(60)) { connection in
            guard let progress = try await Self.lock(order, on: connection) else { return .none }
            let deleted = try await connection.execute(
                """
                DELETE FROM trigger_events WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM trigger_events
                    WHERE "createdAt" >= coalesce(\(progress.doneUntil)::timestamptz, '-infinity')
                        AND "createdAt" < \(order.before) AND "tenantId" = \(order.tenantID) LIMIT \(size)
                ))
                """,
                deadline: .seconds(60)
            )
            if deleted == size { return Portion(deleted: deleted, hasMore: true) }
            // A transaction that began before may add an event to the hour that has just passed.
            try await Self.advance(order, doneUntil: order.before - 3_600, on: connection)
            return Portion(deleted: deleted, hasMore: false)
        }
    }

    /// Deletes statements that a later one about the same level replaced, in rounds over all people of the tenant.
    private func deleteConsents(_ order: Order) async throws -> Portion {
        try await pool.transaction(deadline: .seconds(60)) { connection in
            guard let cursor = try await Self.round(order, on: connection) else { return .none }
            let rows = try await connection.query(
                """
                WITH people AS MATERIALIZED (
                    SELECT key FROM consent_changes WHERE "tenantId" = \(order.tenantID) AND key > \(cursor)
                    GROUP BY key ORDER BY key LIMIT \(size)
                ), removed AS (
                    DELETE FROM consent_changes c USING people p
                    WHERE c."tenantId" = \(order.tenantID) AND \(key: "c.key", of: "p.key")
                        AND \(fragment: Self.isReplaced(before: order.before))
                    RETURNING 1
                )
                SELECT (SELECT count(*) FROM removed), count(*), max(key) FROM people
                """,
                deadline: .seconds(60)
            )
            let isWhole = try rows[0].decode(1, as: Int.self) < size
            try await Self.advance(
                order,
                doneUntil: isWhole ? order.before : nil,
                cursor: isWhole ? "" : try rows[0].decode(2),
                on: connection
            )
            return Portion(deleted: try rows[0].decode(0), hasMore: !isWhole)
        }
    }

    /// Returns the condition for statements, as `c`, that are from before a time, and that a later one about the same level
    /// replaced.
    static func isReplaced(before time: Date) -> PostgresQuery {
        """
        (greatest(c.at, c."recordedAt") < \(time) AND EXISTS (
            SELECT FROM consent_changes l
            WHERE l."tenantId" = c."tenantId" AND l.key = c.key AND l.level = c.level AND l.at > c.at
        ))
        """
    }

    /// Returns where a round over all people of a tenant continues; `nil` if the last one ended less than a day ago, or
    /// another daemon is at it.
    static func round(_ order: Order, on connection: PostgresConnection) async throws -> String? {
        guard let progress = try await lock(order, on: connection) else { return nil }
        // A longer retention than before also ends rounds until its time has come.
        if progress.cursor.isEmpty, let done = progress.doneUntil, order.before < done + 86_400 { return nil }
        return progress.cursor
    }
}
