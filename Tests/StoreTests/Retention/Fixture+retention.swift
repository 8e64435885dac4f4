import Foundation
import Postgres
import Testing

@testable import Store

extension Fixture {
    /// Stores the retention of the tenant.
    func setRetention(_ json: String, tenant: String = "acme") async throws {
        try await pool.execute("DELETE FROM tenants WHERE \"tenantId\" = \(tenant)")
        try await pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, retention) VALUES (\(tenant), \(tenant), \(PostgresJSON(text: json)))
            """
        )
    }

    /// Makes all runs, and the messages of those that fulfil a condition, so many days older.
    func age(_ days: Int, _ condition: PostgresQuery = "true") async throws {
        let messages = ["createdAt", "sentAt", "deliveredAt", "readAt", "failedAt", "unconfirmedAt"]
        for (table, columns, rows) in [
            ("campaign_messages", messages, condition),
            ("campaign_runs", ["createdAt", "startedAt", "completedAt"], "true" as PostgresQuery),
        ] {
            let assignments = columns.map { column -> PostgresQuery in
                "\(identifier: column) = \(identifier: column) - \(Double(days)) * interval '1 day'"
            }
            try await pool.execute(
                """
                UPDATE \(identifier: table) SET \(fragment: .joined(assignments, separator: ", ")) WHERE \(fragment: rows)
                """
            )
        }
    }

    /// Makes all contacts so many days older.
    func ageContacts(_ days: Int, _ condition: PostgresQuery = "true") async throws {
        try await pool.execute(
            """
            UPDATE contacts SET "createdAt" = now() - \(Double(days)) * interval '1 day',
                "updatedAt" = now() - \(Double(days)) * interval '1 day', "lastSeen" = NULL
            WHERE \(fragment: condition)
            """
        )
    }

    /// Deletes all rows of a kind that are past the retention, in portions.
    ///
    /// - Returns: The deleted rows of each portion.
    @discardableResult
    func retain(_ kind: RetentionRepository.Kind, size: Int = 1_000) async throws -> [Int] {
        let repository = RetentionRepository(pool: pool, size: size)
        var portions: [Int] = []
        for order in try await repository.orders() where order.kind == kind {
            while true {
                let portion = try await repository.delete(order)
                if portion.deleted > 0 { portions.append(portion.deleted) }
                if !portion.hasMore { break }
            }
        }
        return portions
    }

    func count(_ table: String, _ condition: PostgresQuery = "true") async throws -> Int {
        try await value("SELECT count(*) FROM \(identifier: table) WHERE \(fragment: condition)")
    }
}
