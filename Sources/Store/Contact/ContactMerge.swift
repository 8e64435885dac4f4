import Postgres
import Spec

/// Merges staged rows into the contacts of a tenant, a range of numbers at a time.
struct ContactMerge: Sendable {
    /// The result of a range, and the connection that is free again.
    struct Done: Sendable {
        let numbers: Range<Int>
        let result: ContactImportResult
        let connection: PostgresConnection
    }

    let staging: ContactStaging
    let tenant: String
    /// True if an empty cell clears the value of a contact that exists.
    let emptyClears: Bool
    /// True if everything is rolled back after it was counted.
    let isDryRun: Bool

    /// Merges the rows with these numbers; harmless to repeat.
    func run(_ numbers: Range<Int>, on connection: PostgresConnection) async throws -> Done {
        let columns = staging.columns
        // Rows without a value for consent must not change it, so they are merged without that column.
        let passes: [(condition: PostgresQuery, updated: [ContactColumn])] =
            columns.contains(.optedIn)
            ? [
                (PostgresQuery(sql: "i.\"optedIn\" IS NOT NULL"), columns),
                (PostgresQuery(sql: "i.\"optedIn\" IS NULL"), columns.filter { $0 != .optedIn }),
            ] : [(PostgresQuery(sql: "true"), columns)]
        var result = ContactImportResult()
        for pass in passes {
            let query = upsert(numbers, pass.condition, updated: pass.updated)
            let row = try await counts(query, on: connection)
            let inserted = try row.decode(1, as: Int.self)
            let updated = try row.decode(2, as: Int.self)
            result.inserted += inserted
            result.updated += updated
            result.unchanged += try row.decode(0, as: Int.self) - inserted - updated
        }
        return Done(numbers: numbers, result: result, connection: connection)
    }

    private func counts(_ query: PostgresQuery, on connection: PostgresConnection) async throws -> PostgresRow {
        guard isDryRun else { return try await connection.query(query, deadline: .seconds(300))[0] }
        try await connection.execute("BEGIN")
        let rows: PostgresRows
        do {
            rows = try await connection.query(query, deadline: .seconds(300))
        } catch {
            // The first error says more than one of the rollback.
            _ = try? await connection.execute("ROLLBACK")
            throw error
        }
        try await connection.execute("ROLLBACK")
        return rows[0]
    }

    /// Merges in one statement, and so in one transaction, in the order of the unique key.
    ///
    /// The order prevents a deadlock between two imports of one tenant that have contacts in common.
    private func upsert(
        _ numbers: Range<Int>,
        _ condition: PostgresQuery,
        updated: [ContactColumn]
    ) -> PostgresQuery {
        let names = PostgresQuery(sql: staging.columns.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))
        let values = staging.columns.map { $0.proposed(emptyClears: emptyClears) }
        let proposed = PostgresQuery(sql: values.joined(separator: ", "))
        return """
            WITH batch AS MATERIALIZED (
                SELECT * FROM \(identifier: staging.table) i
                WHERE number >= \(numbers.lowerBound) AND number < \(numbers.upperBound) AND \(fragment: condition)
            ), old AS MATERIALIZED (
                -- Locked, so that the values that are kept are still there when they are written again.
                SELECT c.* FROM batch i JOIN contacts c
                    ON c."tenantId" = \(tenant) AND \(key: #"c."contactId""#, of: #"i."contactId""#)
                ORDER BY i."contactId" FOR NO KEY UPDATE OF c
            ), written AS (
                INSERT INTO contacts AS c ("tenantId", \(fragment: names))
                SELECT \(tenant)::text, \(fragment: proposed)
                FROM batch i LEFT JOIN old ON old."contactId" = i."contactId" ORDER BY i."contactId"
                ON CONFLICT ("tenantId", "contactId") \(fragment: Self.resolution(updated))
                RETURNING c.xmax = 0 AS inserted
            )
            SELECT (SELECT count(*) FROM batch), count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted)
            FROM written
            """
    }

    /// Updates a contact that exists, unless it has all the values already.
    private static func resolution(_ columns: [ContactColumn]) -> PostgresQuery {
        let changing = columns.filter { $0 != .contactId }
        guard !changing.isEmpty else { return "DO NOTHING" }
        let assignments: [String] = changing.map { "\"\($0.rawValue)\" = \($0.merged)" }
        let old: [String] = changing.map { "c.\"\($0.rawValue)\"" }
        let new: [String] = changing.map(\.merged)
        return PostgresQuery(
            sql: """
                DO UPDATE SET \(assignments.joined(separator: ", ")), "updatedAt" = now()
                WHERE (\(old.joined(separator: ", "))) IS DISTINCT FROM (\(new.joined(separator: ", ")))
                """
        )
    }
}
