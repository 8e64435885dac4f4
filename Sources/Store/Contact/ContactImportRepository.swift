public import Postgres

/// Writes many contacts at once: streamed into a staging table, then merged in batches.
///
/// Each batch is a transaction of its own, so that none is huge. A crash in the middle leaves the batches before it in
/// place, and importing the same file again is harmless.
public struct ContactImportRepository: Sendable {
    /// Rows per transaction.
    static let batchSize = 50_000

    private let pool: PostgresPool
    private let batchSize: Int

    public init(pool: PostgresPool) {
        self.init(pool: pool, batchSize: Self.batchSize)
    }

    init(pool: PostgresPool, batchSize: Int) {
        self.pool = pool
        self.batchSize = batchSize
    }

    /// Stages all batches and merges them into the tenant's contacts.
    ///
    /// Columns that are not named are left alone. An empty cell becomes NULL, or the default where NULL is not allowed;
    /// an empty `optedIn` never changes the consent of a contact that exists. `lastSeen` never moves backwards, and
    /// `metadata` is merged key by key. Of rows with the same `contactId`, the last one counts.
    ///
    /// - Parameters:
    ///   - tenant: Whose contacts they are.
    ///   - columns: The columns of the rows, in their order, with `contactId` among them.
    ///   - batches: The rows; the next batch is asked for when the server has taken the one before.
    ///   - written: Called after each transaction with the rows merged so far and the number of all staged rows.
    /// - Returns: What became of the rows.
    /// - Throws: What `batches` throws, and then no contact was touched; or `PostgresError`.
    public func run<Batches: AsyncSequence>(
        tenant: String,
        columns: [ContactImportColumn],
        batches: Batches,
        written: (_ merged: Int, _ of: Int) -> Void = { _, _ in }
    ) async throws -> ContactImportResult where Batches.Element == ContactImportBatch {
        try await pool.withConnection { connection in
            try await createStaging(columns, on: connection)
            do {
                let staged = try await connection.copyIn(
                    into: Self.staging,
                    columns: ["number"] + columns.map(\.rawValue),
                    rows: batches.map(\.bytes)
                )
                var result = ContactImportResult(duplicates: try await removeDuplicates(on: connection))
                var start = 1
                while start <= staged {
                    let end = min(start + batchSize, staged + 1)
                    try await merge(start..<end, tenant: tenant, columns: columns, into: &result, on: connection)
                    written(end - 1, staged)
                    start = end
                }
                try await dropStaging(on: connection)
                return result
            } catch {
                // The table is temporary: if it cannot be dropped the connection is broken, and it is gone with it.
                try? await dropStaging(on: connection)
                throw error
            }
        }
    }

    private static let staging = "contact_import"

    private func createStaging(_ columns: [ContactImportColumn], on connection: PostgresConnection) async throws {
        try await dropStaging(on: connection)
        let definitions = columns.map { "\"\($0.rawValue)\" \($0.stagedType)" }.joined(separator: ", ")
        try await connection.simpleScript("CREATE TEMPORARY TABLE contact_import (number bigint, \(definitions))")
    }

    private func dropStaging(on connection: PostgresConnection) async throws(PostgresError) {
        try await connection.simpleScript("DROP TABLE IF EXISTS pg_temp.contact_import", deadline: .seconds(60))
    }

    private func removeDuplicates(on connection: PostgresConnection) async throws(PostgresError) -> Int {
        // A BRIN index is made in a moment, and finds the rows of a batch because they lie in the order of numbers.
        try await connection.simpleScript(
            "CREATE INDEX ON contact_import USING brin (number); ANALYZE contact_import",
            deadline: .seconds(600)
        )
        return try await connection.execute(
            """
            DELETE FROM contact_import i
            USING (
                SELECT "contactId", max(number) AS last FROM contact_import GROUP BY "contactId" HAVING count(*) > 1
            ) d
            WHERE i."contactId" = d."contactId" AND i.number < d.last
            """,
            deadline: .seconds(600)
        )
    }

    private func merge(
        _ numbers: Range<Int>,
        tenant: String,
        columns: [ContactImportColumn],
        into result: inout ContactImportResult,
        on connection: PostgresConnection
    ) async throws {
        // Rows without a say on consent must not touch it, so they are merged without that column.
        let passes: [(condition: PostgresQuery, updated: [ContactImportColumn])] =
            columns.contains(.optedIn)
            ? [
                (PostgresQuery(sql: "i.\"optedIn\" IS NOT NULL"), columns),
                (PostgresQuery(sql: "i.\"optedIn\" IS NULL"), columns.filter { $0 != .optedIn }),
            ] : [(PostgresQuery(sql: "true"), columns)]
        let counts = try await connection.transaction(deadline: .seconds(300)) { connection in
            var counts = ContactImportResult()
            for pass in passes {
                let query = upsert(numbers, pass.condition, tenant: tenant, columns: columns, updated: pass.updated)
                let row = try await connection.query(query, deadline: .seconds(300))[0]
                let inserted = try row.decode(1, as: Int.self)
                let updated = try row.decode(2, as: Int.self)
                counts.inserted += inserted
                counts.updated += updated
                counts.unchanged += try row.decode(0, as: Int.self) - inserted - updated
            }
            return counts
        }
        result.inserted += counts.inserted
        result.updated += counts.updated
        result.unchanged += counts.unchanged
    }

    private func upsert(
        _ numbers: Range<Int>,
        _ condition: PostgresQuery,
        tenant: String,
        columns: [ContactImportColumn],
        updated: [ContactImportColumn]
    ) -> PostgresQuery {
        let names = PostgresQuery(sql: columns.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))
        let proposed = PostgresQuery(sql: columns.map(\.proposed).joined(separator: ", "))
        // In the order of the unique key, so that two imports of one tenant cannot wait for each other in a circle.
        return """
            WITH batch AS MATERIALIZED (
                SELECT * FROM contact_import i
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

    /// What happens to a contact that exists: nothing, if it has all the values already.
    private static func resolution(_ columns: [ContactImportColumn]) -> PostgresQuery {
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
