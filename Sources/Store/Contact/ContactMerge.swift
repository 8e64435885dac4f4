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
            let row = try await connection.query(query, deadline: .seconds(300))[0]
            let inserted = try row.decode(1, as: Int.self)
            let updated = try row.decode(2, as: Int.self)
            result.inserted += inserted
            result.updated += updated
            result.unchanged += try row.decode(0, as: Int.self) - inserted - updated
        }
        return Done(numbers: numbers, result: result, connection: connection)
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
        let proposed = PostgresQuery(sql: staging.columns.map(\.proposed).joined(separator: ", "))
        return """
            WITH batch AS MATERIALIZED (
                SELECT * FROM \(identifier: staging.table) i
                WHERE number >= \(numbers.lowerBound) AND number < \(numbers.upperBound) AND \(fragment: condition)
            ), written AS (
                INSERT INTO contacts AS c ("tenantId", \(fragment: names))
                SELECT \(tenant)::text, \(fragment: proposed) FROM batch i ORDER BY i."contactId"
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
