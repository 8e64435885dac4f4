import JSON
public import Postgres

/// Collects what is held about a person.
public struct ContactExport: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the rows of a person by table, as they are stored.
    ///
    /// - Parameters:
    ///   - id: An id of the person, in any spelling.
    ///   - tenant: The owner of the contacts.
    /// - Returns: JSON, the rows by table; `nil` if nothing is held.
    /// - Throws: `PostgresError`.
    public func text(_ id: String, tenant: String) async throws -> String? {
        try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            let person = try await ErasedPerson.find(id, tenant: tenant, on: connection)
            var tables: [String: JSONValue] = [:]
            for (table, query) in Self.queries(person, tenant: tenant) {
                let rows = try await connection.query(
                    "SELECT to_jsonb(x) AS row FROM (\(fragment: query)) x",
                    deadline: .seconds(120)
                )
                let values = try rows.compactMap { try $0.json("row") }
                if !values.isEmpty { tables[table] = .array(values) }
            }
            return tables.isEmpty ? nil : JSONValue.object(tables).indentedText
        }
    }

    private static func queries(_ person: ErasedPerson, tenant: String) -> [(table: String, query: PostgresQuery)] {
        let messages: PostgresQuery =
            "SELECT m.* FROM campaign_messages m WHERE m.\"contactId\" = ANY(\(person.rows)::uuid[])"
        return [
            ("contacts", "SELECT * FROM contacts WHERE id = ANY(\(person.rows)::uuid[]) ORDER BY id"),
            ("contact_ids", "SELECT * FROM contact_ids WHERE \"contactId\" = ANY(\(person.rows)::uuid[]) ORDER BY key"),
            ("contact_windows", "SELECT * FROM contact_windows WHERE \"contactId\" = ANY(\(person.rows)::uuid[])"),
            (
                "contact_moves",
                """
                SELECT * FROM contact_moves WHERE "tenantId" = \(tenant)
                    AND (key = ANY(\(person.keys)::text[]) OR contact_key(number) = ANY(\(person.keys)::text[])) ORDER BY at
                """
            ),
            (
                "suppressions",
                "SELECT * FROM suppressions WHERE \"tenantId\" = \(tenant) AND key = ANY(\(person.keys)::text[])"
            ),
            (
                "consent_changes",
                """
                SELECT * FROM consent_changes WHERE "tenantId" = \(tenant) AND key = ANY(\(person.keys)::text[])
                ORDER BY at, id
                """
            ),
            ("run_responses", "SELECT * FROM run_responses WHERE \"contactId\" = ANY(\(person.rows)::uuid[])"),
            ("campaign_messages", "\(fragment: messages) ORDER BY m.\"createdAt\", m.id"),
            (
                "message_failures",
                """
                SELECT f.* FROM (\(fragment: messages)) m JOIN message_failures f ON \(key: #"f."messageId""#, of: "m.id")
                ORDER BY f.id
                """
            ),
            (
                "trigger_events",
                """
                SELECT * FROM trigger_events e
                WHERE e."tenantId" = \(tenant) AND contact_key(e."contactId") = ANY(\(person.keys)::text[])
                UNION ALL
                SELECT e.* FROM (\(fragment: messages)) m JOIN trigger_events e ON \(key: "e.id", of: #"m."triggerEventId""#)
                WHERE contact_key(e."contactId") <> ALL(\(person.keys)::text[])
                """
            ),
        ]
    }
}
