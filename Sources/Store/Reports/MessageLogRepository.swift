public import Foundation
public import Postgres

/// The filter of a campaign's message log; a property that is `nil` matches every message.
public struct MessageLogQuery: Sendable {
    public let campaign: UUID
    public let tenant: String
    public var run: UUID?
    public var status: MessageStatus?
    /// The code with which the messages failed.
    public var errorCode: String?
    /// The phone number or the id of a contact.
    public var contact: String?

    public init(campaign: UUID, tenant: String) {
        self.campaign = campaign
        self.tenant = tenant
    }

    /// True if the filter matches all messages.
    var isWhole: Bool { status == nil && errorCode == nil && contact == nil }

    /// The runs to search, as `r`.
    var runs: PostgresQuery {
        let own: PostgresQuery = "r.\"campaignId\" = \(campaign) AND r.\"tenantId\" = \(tenant)"
        guard let run else { return own }
        return "\(fragment: own) AND r.id = \(run)"
    }

    /// A condition on messages of these runs, as `m`.
    var condition: PostgresQuery {
        var parts: [PostgresQuery] = ["m.\"tenantId\" = \(tenant)"]
        if let status { parts.append("m.status = \(status.rawValue)::campaign_message_status_enum") }
        if let errorCode { parts.append("m.\"failedAt\" IS NOT NULL AND m.\"errorCode\" = \(errorCode)") }
        return .joined(parts, separator: " AND ")
    }
}

/// The log of a campaign: every message of its runs, oldest run first, in the order of sending.
public struct MessageLogRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns a page of the log, and how many messages there are in all, without those that retention has deleted.
    ///
    /// The pages of an unfiltered log are ranges of positions, so the last page of a long log costs as much as the
    /// first. With a filter, everything before a page has to be read; ``batch(_:after:limit:)`` continues after a known
    /// message instead.
    public func page(
        _ query: MessageLogQuery,
        page: Int,
        limit: Int
    ) async throws -> (messages: [MessageRecord], total: Int) {
        try await pool.withConnection { connection in
            let offset = (page - 1) * limit
            if query.isWhole {
                return try await whole(query, offset: offset, limit: limit, on: connection)
            }
            let source = source(query, after: nil, limit: offset + limit)
            let rows = try await connection.query(
                "\(fragment: source) ORDER BY m.id LIMIT \(limit) OFFSET \(offset)",
                deadline: .seconds(60)
            )
            let total = try await total(query, on: connection)
            return (try rows.map(MessageRecord.init(row:)), total)
        }
    }

    /// Returns the next messages after one of them.
    ///
    /// - Parameters:
    ///   - query: The filter.
    ///   - id: The last message that is known; `nil` to begin.
    ///   - limit: The maximum number of messages.
    /// - Returns: The messages; fewer than `limit` at the end of the log.
    /// - Throws: `PostgresError`.
    public func batch(_ query: MessageLogQuery, after id: UUID?, limit: Int) async throws -> [MessageRecord] {
        let rows = try await pool.query(
            "\(fragment: source(query, after: id, limit: limit)) ORDER BY m.id LIMIT \(limit)",
            deadline: .seconds(60)
        )
        return try rows.map(MessageRecord.init(row:))
    }

    /// Returns the number of messages that a query finds.
    public func total(_ query: MessageLogQuery) async throws -> Int {
        try await pool.withConnection { try await total(query, on: $0) }
    }

    /// Returns the number of messages that retention has deleted from the log, whatever the filter says of messages.
    public func deleted(_ query: MessageLogQuery) async throws(PostgresError) -> Int {
        let rows = try await pool.query(
            """
            SELECT coalesce(sum(r."deletedCount"), 0)::bigint FROM campaign_runs r WHERE \(fragment: query.runs)
            """
        )
        return try rows[0].decode(0)
    }

    /// Returns the failures of a campaign by code and message, most frequent first, at most 1,000.
    ///
    /// Messages that a later run repeats are left out, unless one run is asked for. Those that retention has deleted are
    /// counted, too.
    public func failures(of campaign: UUID, tenant: String, run: UUID?) async throws -> [FailureCount] {
        var query = MessageLogQuery(campaign: campaign, tenant: tenant)
        query.run = run
        let rows = try await pool.query(
            """
            -- Texts of WhatsApp may name a number.
            SELECT code, regexp_replace(message, '[0-9]{7,}', '…', 'g'), sum(messages)::bigint FROM (
                SELECT coalesce(m."errorCode", '') AS code, coalesce(m."errorMessage", '') AS message, count(*) AS messages
                FROM campaign_messages m
                WHERE m."runId" = ANY(ARRAY(SELECT r.id FROM campaign_runs r WHERE \(fragment: query.runs)))
                    AND m."failedAt" IS NOT NULL AND m.status = \(message: .failed)
                    AND (\(run != nil)::bool OR m."retriedBy" IS NULL)
                GROUP BY 1, 2
                UNION ALL
                SELECT d."errorCode", d."errorMessage", d.count FROM deleted_messages d
                WHERE d."runId" = ANY(ARRAY(SELECT r.id FROM campaign_runs r WHERE \(fragment: query.runs)))
                    AND d.status = \(message: .failed) AND (\(run != nil)::bool OR NOT d."isRetried")
            ) m
            GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 1000
            """,
            deadline: .seconds(60)
        )
        return try rows.map { row in
            FailureCount(code: try row.decode(0), message: try row.decode(1), count: try row.decode(2))
        }
    }

    /// Selects messages, as `m`, from the index that serves the query.
    private func source(_ query: MessageLogQuery, after id: UUID?, limit: Int) -> PostgresQuery {
        let later: PostgresQuery = id.map { "AND m.id > \($0)" } ?? ""
        if let contact = query.contact {
            return """
                SELECT \(fragment: MessageRecord.columns) FROM campaign_messages m
                WHERE m."contactId" = ANY(\(fragment: contacts(contact, query.tenant)))
                    AND m."runId" = ANY(ARRAY(SELECT r.id FROM campaign_runs r WHERE \(fragment: query.runs)))
                    AND \(fragment: query.condition) \(fragment: later)
                """
        }
        if query.errorCode != nil {
            return """
                SELECT \(fragment: MessageRecord.columns) FROM campaign_messages m
                WHERE m."runId" = ANY(ARRAY(SELECT r.id FROM campaign_runs r WHERE \(fragment: query.runs)))
                    AND \(fragment: query.condition) \(fragment: later)
                """
        }
        let laterRuns: PostgresQuery =
            id.map { "AND message_id(r.id, \(MessageID.maximumPosition)) > \($0)" } ?? ""
        return """
            SELECT m.* FROM campaign_runs r CROSS JOIN LATERAL (
                SELECT \(fragment: MessageRecord.columns) FROM campaign_messages m
                WHERE m.id BETWEEN message_id(r.id, 0) AND message_id(r.id, \(MessageID.maximumPosition))
                    AND \(fragment: query.condition) \(fragment: later)
                ORDER BY m.id LIMIT \(limit)
            ) m
            WHERE \(fragment: query.runs) \(fragment: laterRuns)
            """
    }

    /// Finds the rows of a person by any id and spelling, with those that were merged into them; a URL decodes a plus sign
    /// to a space.
    private func contacts(_ contact: String, _ tenant: String) -> PostgresQuery {
        """
        ARRAY(
            WITH found AS (
                SELECT coalesce(c."mergedInto", c.id) AS id FROM contacts c
                WHERE c."tenantId" = \(tenant) AND contact_key(c."contactId") = contact_key(\(contact))
                UNION
                SELECT k."contactId" FROM contact_ids k
                WHERE k."tenantId" = \(tenant) AND k.key = contact_key(\(contact))
                UNION
                SELECT coalesce(c."mergedInto", c.id) FROM contacts c
                WHERE c."tenantId" = \(tenant) AND c.id = \(UUID(uuidString: contact))
            )
            SELECT id FROM found
            UNION
            SELECT c.id FROM found JOIN contacts c ON c."mergedInto" = found.id
        )
        """
    }

    /// Counts by the counters of the runs if possible, without deleted messages, otherwise by an index.
    private func total(_ query: MessageLogQuery, on connection: PostgresConnection) async throws -> Int {
        if query.contact == nil, query.errorCode == nil {
            let columns = query.status.map { [$0] } ?? MessageStatus.allCases
            let sum = PostgresQuery(sql: columns.map { "r.\($0.rawValue)" }.joined(separator: " + "))
            let deleted: PostgresQuery =
                query.status.map { DeletedMessages.count(of: "r.id", [$0]) } ?? "r.\"deletedCount\""
            let rows = try await connection.query(
                """
                SELECT coalesce(sum(\(fragment: sum) - \(fragment: deleted)), 0)::bigint FROM campaign_runs r
                WHERE \(fragment: query.runs)
                """
            )
            return try rows[0].decode(0)
        }
        let rows = try await connection.query(
            "SELECT count(*) FROM (\(fragment: source(query, after: nil, limit: Int(Int32.max)))) m",
            deadline: .seconds(60)
        )
        return try rows[0].decode(0)
    }

    private func whole(
        _ query: MessageLogQuery,
        offset: Int,
        limit: Int,
        on connection: PostgresConnection
    ) async throws -> ([MessageRecord], Int) {
        let runs = try await connection.query(
            """
            SELECT r.id, r."deletedThrough", r."nextPosition" - 1 FROM campaign_runs r WHERE \(fragment: query.runs)
            ORDER BY r.id
            """
        )
        let whole = try runs.map { row in
            PositionRange(run: try row.decode(0), first: try row.decode(1, as: Int.self) + 1, last: try row.decode(2))
        }
        let ranges = PositionRange.ranges(of: whole, offset: offset, count: limit)
        let total = try await total(query, on: connection)
        guard !ranges.isEmpty else { return ([], total) }
        let conditions = ranges.map { range -> PostgresQuery in
            let first = MessageID.make(run: range.run, position: range.first)
            let last = MessageID.make(run: range.run, position: range.last)
            return "m.id BETWEEN \(first) AND \(last)"
        }
        let rows = try await connection.query(
            """
            SELECT \(fragment: MessageRecord.columns) FROM campaign_messages m
            WHERE \(fragment: .joined(conditions, separator: " OR ")) ORDER BY m.id
            """
        )
        return (try rows.map(MessageRecord.init(row:)), total)
    }
}
