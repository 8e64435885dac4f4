import Foundation
import Postgres

/// Empties contacts that have been out of touch, as an erasure does; their opt-outs stay as suppressions.
extension RetentionRepository {
    /// Rows of contacts of some people, and all their ids in the one form of each.
    private struct People {
        let rows: [UUID]
        let keys: [String]
    }

    /// Looks at the next contacts of a round, and empties those that are out of touch.
    ///
    /// Rows are locked in the order of all transactions: suppressions, then contacts. Messages follow in transactions of their
    /// own; if the daemon dies before, the sweep of erasures finishes them.
    func emptyContacts(_ order: Order) async throws -> Portion {
        let result: (portion: Portion, rows: [UUID]) = try await pool.transaction(deadline: .seconds(60)) {
            connection in
            guard let cursor = try await Self.round(order, on: connection) else { return (.none, []) }
            let page = try await connection.query(
                """
                SELECT c.id, c."contactId", \(fragment: Self.isOutOfTouch(since: order.before)) FROM (
                    SELECT * FROM contacts c WHERE c."tenantId" = \(order.tenantID) AND c."contactId" > \(cursor)
                    ORDER BY c."contactId" LIMIT \(size)
                ) c ORDER BY c."contactId"
                """,
                deadline: .seconds(60)
            )
            var candidates: [UUID] = []
            for row in page where try row.decode(2) { candidates.append(try row.decode(0)) }
            var emptied: [UUID] = []
            if !candidates.isEmpty { emptied = try await empty(candidates, order, on: connection) }
            let isWhole = page.count < size
            try await Self.advance(
                order,
                doneUntil: isWhole ? order.before : nil,
                cursor: isWhole ? "" : try page.last?.decode(1) ?? "",
                on: connection
            )
            return (Portion(deleted: emptied.count, hasMore: !isWhole), emptied)
        }
        try await ContactErasure(pool: pool, key: nil).sweepAll(result.rows)
        return result.portion
    }

    /// Returns the condition for contacts, as `c`, that are not merged into others and had no life sign since a time, nor had
    /// the contacts that were merged into them.
    static func isOutOfTouch(since time: Date) -> PostgresQuery {
        """
        (c."erasedAt" IS NULL AND c."mergedInto" IS NULL AND NOT EXISTS (
            SELECT FROM (
                SELECT c.id UNION ALL SELECT o.id FROM contacts o WHERE \(key: #"o."mergedInto""#, of: "c.id")
            ) k
            JOIN contacts x ON \(key: "x.id", of: "k.id")
            WHERE greatest(
                    x."createdAt", x."updatedAt", x."firstSeen", x."lastSeen", x."optedInAt", x."optedOutAt"
                ) >= \(time)
                OR EXISTS (
                    SELECT FROM campaign_messages m
                    WHERE \(key: #"m."contactId""#, of: "x.id") AND NOT (\(fragment: isOld(time)))
                )
        ))
        """
    }

    /// Empties contacts that are still out of touch when they are locked.
    ///
    /// - Returns: The rows that were emptied, with those of contacts merged into them.
    private func empty(
        _ candidates: [UUID],
        _ order: Order,
        on connection: PostgresConnection
    ) async throws -> [UUID] {
        let seen = try await Self.people(candidates, on: connection)
        try await connection.execute(
            """
            SELECT FROM suppressions WHERE "tenantId" = \(order.tenantID) AND key = ANY(\(seen.keys)::text[])
            ORDER BY key FOR UPDATE
            """
        )
        try await keepOptOuts(of: seen, order, on: connection)
        try await connection.execute(
            "SELECT FROM contacts WHERE id = ANY(\(seen.rows)::uuid[]) ORDER BY id FOR UPDATE"
        )
        // They may have written, or a launch may have written to them, before they were locked.
        let roots = try await connection.query(
            """
            SELECT c.id FROM contacts c
            WHERE c.id = ANY(\(candidates)::uuid[]) AND \(fragment: Self.isOutOfTouch(since: order.before))
            """
        )
        let people = try await Self.people(try roots.map { try $0.decode(0) }, on: connection)
        for statement in Self.removals(of: people, tenant: order.tenantID) { try await connection.execute(statement) }
        return people.rows
    }

    private static func people(_ roots: [UUID], on connection: PostgresConnection) async throws -> People {
        let rows = try await connection.query(
            """
            SELECT c.id FROM unnest(\(roots)::uuid[]) AS i(id) JOIN contacts c ON \(key: "c.id", of: "i.id")
            UNION
            SELECT c.id FROM unnest(\(roots)::uuid[]) AS i(id)
            JOIN contacts c ON \(key: #"c."mergedInto""#, of: "i.id") ORDER BY id
            """
        )
        let ids = try rows.map { try $0.decode(0, as: UUID.self) }
        let keys = try await connection.query(
            """
            SELECT contact_key(n.id) AS key FROM (
                SELECT c."contactId" AS id FROM unnest(\(ids)::uuid[]) AS i(id)
                JOIN contacts c ON \(key: "c.id", of: "i.id")
                UNION
                SELECT c."currentNumber" FROM unnest(\(ids)::uuid[]) AS i(id)
                JOIN contacts c ON \(key: "c.id", of: "i.id") WHERE c."currentNumber" IS NOT NULL
                UNION
                SELECT k.id FROM unnest(\(ids)::uuid[]) AS i(id)
                CROSS JOIN LATERAL (\(fragment: ContactLookup.ids(of: "i.id"))) k
            ) n GROUP BY 1 ORDER BY 1
            """
        )
        return People(rows: ids, keys: try keys.map { try $0.decode(0) })
    }

    /// Writes a suppression for each id of contacts that another system has opted out in their rows alone.
    private func keepOptOuts(
        of people: People,
        _ order: Order,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            WITH said AS MATERIALIZED (
                SELECT k.key, max(greatest(x."optedOutAt", x."updatedAt")) AS at
                FROM unnest(\(people.rows)::uuid[]) AS i(id)
                JOIN contacts x ON \(key: "x.id", of: "i.id") AND x."optedIn" IS NOT TRUE AND x."mergedInto" IS NULL
                CROSS JOIN LATERAL (
                    SELECT contact_key(x."contactId") AS key
                    UNION
                    SELECT contact_key(x."currentNumber") WHERE x."currentNumber" IS NOT NULL
                    UNION
                    SELECT l.key FROM (\(fragment: ContactLookup.ids(of: "x.id"))) l
                ) k
                WHERE NOT EXISTS (
                    SELECT FROM suppressions s
                    WHERE s."tenantId" = \(order.tenantID) AND s.key = k.key AND s.level = 'all'
                )
                GROUP BY k.key
            ), history AS (
                INSERT INTO consent_changes ("tenantId", key, level, "isOptedIn", source, at)
                SELECT \(order.tenantID), key, 'all', false, \(ConsentSource.retention.rawValue), at FROM said
                ON CONFLICT DO NOTHING
            )
            INSERT INTO suppressions AS s ("tenantId", key, "optedOutAt")
            SELECT \(order.tenantID), key, at FROM said ORDER BY key
            ON CONFLICT ("tenantId", key) DO UPDATE SET
                "optedOutAt" = greatest(s."optedOutAt", excluded."optedOutAt"), "updatedAt" = now()
            """
        )
    }

    /// Returns the statements that empty people, in the order of locks: those who have opted out keep their suppressions with
    /// the history of them.
    private static func removals(of people: People, tenant: String) -> [PostgresQuery] {
        guard !people.rows.isEmpty else { return [] }
        return [
            """
            DELETE FROM suppressions
            WHERE "tenantId" = \(tenant) AND key = ANY(\(people.keys)::text[]) AND level IS NULL
            """,
            """
            DELETE FROM consent_changes h
            WHERE h."tenantId" = \(tenant) AND h.key = ANY(\(people.keys)::text[]) AND NOT EXISTS (
                SELECT FROM suppressions s WHERE s."tenantId" = h."tenantId" AND s.key = h.key
            )
            """,
            "DELETE FROM contact_ids WHERE \"contactId\" = ANY(\(people.rows)::uuid[])",
            "DELETE FROM contact_windows WHERE \"contactId\" = ANY(\(people.rows)::uuid[])",
            ErasedPerson(rows: people.rows, keys: people.keys, ids: []).emptied,
            """
            INSERT INTO contact_erasures ("contactId") SELECT unnest(\(people.rows)::uuid[])
            ON CONFLICT ("contactId") DO UPDATE SET "erasedAt" = excluded."erasedAt"
            """,
        ]
    }
}
