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

    let rows: ContactRows
    let tenant: String
    /// True if an empty cell clears the value of a contact that exists.
    let emptyClears: Bool
    let consents: ContactConsents
    /// True if everything is rolled back after it was counted.
    let isDryRun: Bool

    /// Merges the rows with these numbers; harmless to repeat.
    func run(_ numbers: Range<Int>, on connection: PostgresConnection) async throws -> Done {
        guard isDryRun else {
            return Done(numbers: numbers, result: try await merge(numbers, on: connection), connection: connection)
        }
        try await connection.execute("BEGIN")
        let result: ContactImportResult
        do {
            result = try await merge(numbers, on: connection)
        } catch {
            // The first error says more than one of the rollback.
            _ = try? await connection.execute("ROLLBACK")
            throw error
        }
        try await connection.execute("ROLLBACK")
        return Done(numbers: numbers, result: result, connection: connection)
    }

    private func merge(_ numbers: Range<Int>, on connection: PostgresConnection) async throws -> ContactImportResult {
        let columns = rows.columns
        // Rows without a value for consent must not change it, so they are merged without that column.
        let passes: [(condition: PostgresQuery, updated: [ContactColumn])] =
            columns.contains(.optedIn)
            ? [
                (PostgresQuery(sql: "i.\"optedIn\" IS NOT NULL"), columns),
                (PostgresQuery(sql: "i.\"optedIn\" IS NULL"), columns.filter { $0 != .optedIn }),
            ] : [(PostgresQuery(sql: "true"), columns)]
        var result = ContactImportResult()
        // Consent comes first, in a transaction of its own: suppressions are locked before contacts everywhere.
        result.consent = try await repeating(on: connection) { try await consents.run(numbers, on: $0) }
        for pass in passes {
            let query = upsert(numbers, pass.condition, updated: pass.updated)
            let row = try await repeating(on: connection) { try await $0.query(query, deadline: .seconds(300))[0] }
            let inserted = try row.decode(1, as: Int.self)
            let updated = try row.decode(2, as: Int.self)
            result.inserted += inserted
            result.updated += updated
            result.unchanged += try row.decode(0, as: Int.self) - inserted - updated
            result.consent.optedOut += try row.decode(3, as: Int.self)
        }
        return result
    }

    /// Executes a statement, and repeats it if Postgres ended it because of a deadlock: other systems write contacts, too, in
    /// an order of their own.
    private func repeating<Value>(
        on connection: PostgresConnection,
        _ statement: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        guard !isDryRun else { return try await statement(connection) }
        return try await connection.transaction(retries: 10, statement)
    }

    /// True for a row `i` that opts in the contact `old`, who stays opted out.
    private var staysOut: PostgresQuery {
        guard rows.columns.contains(.optedIn) else { return "false" }
        let agreedAt = ContactConsents.optedInAt(rows.columns)
        return """
            i."optedIn" AND old.id IS NOT NULL AND (
                coalesce(old."suppressedLevel" = 'all', false) OR (
                    old."optedIn" IS NOT TRUE AND NOT \(consents.allowsOptIn)
                    AND (\(fragment: agreedAt) > coalesce(old."optedOutAt", '-infinity')) IS NOT TRUE
                )
            )
            """
    }

    private func proposed(_ column: ContactColumn) -> PostgresQuery {
        let proposed = PostgresQuery(sql: column.proposed(emptyClears: emptyClears))
        guard column == .optedIn else { return proposed }
        return "CASE WHEN \(fragment: staysOut) THEN old.\"optedIn\" ELSE \(fragment: proposed) END"
    }

    /// Merges in one statement, and so in one transaction: locks contacts that exist in the order of their ids, like all
    /// statements, and adds new ones in the order of the unique key.
    ///
    /// The orders prevent a deadlock between two imports of one tenant that have contacts in common.
    private func upsert(
        _ numbers: Range<Int>,
        _ condition: PostgresQuery,
        updated: [ContactColumn]
    ) -> PostgresQuery {
        let names = PostgresQuery(sql: rows.columns.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))
        let proposed = PostgresQuery.joined(rows.columns.map(proposed), separator: ", ")
        return """
            WITH batch AS MATERIALIZED (
                SELECT * FROM (\(fragment: rows.selection(numbers))) i WHERE \(fragment: condition)
            ), old AS MATERIALIZED (
                -- Locked, so that the values that are kept are still there when they are written again.
                SELECT c.* FROM batch i JOIN contacts c
                    ON c."tenantId" = \(tenant) AND \(key: #"c."contactId""#, of: #"i."contactId""#)
                ORDER BY c.id FOR NO KEY UPDATE OF c
            ), written AS (
                INSERT INTO contacts AS c ("tenantId", \(fragment: names))
                SELECT \(tenant)::text, \(fragment: proposed)
                FROM batch i LEFT JOIN old ON old."contactId" = i."contactId" ORDER BY i."contactId"
                ON CONFLICT ("tenantId", "contactId") \(fragment: Self.resolution(updated))
                RETURNING c.xmax = 0 AS inserted
            )
            SELECT (SELECT count(*) FROM batch), count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted), (
                -- The others were counted with their suppressions.
                SELECT count(*) FROM batch i JOIN old ON old."contactId" = i."contactId"
                WHERE old."suppressedLevel" IS DISTINCT FROM 'all' AND \(fragment: staysOut)
            )
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
