import Foundation
import Postgres

/// The opt-outs of people who were erased.
///
/// An import recalls them before it adds contacts: the opt-out then is one of the number again, as if the person had never been
/// erased.
struct ErasedConsents: Sendable {
    let pool: PostgresPool
    let key: ErasureKey?

    init(pool: PostgresPool, key: ErasureKey?) {
        (self.pool, self.key) = (pool, key)
    }

    /// Checks that erased people of a tenant would be recognized.
    ///
    /// - Returns: False if none of them had opted out.
    /// - Throws: ``ErasureError``, `PostgresError`.
    func check(_ tenant: String) async throws -> Bool {
        let rows = try await pool.query(
            "SELECT min(\"keyId\"), max(\"keyId\") FROM erased_consents WHERE \"tenantId\" = \(tenant)"
        )
        guard let first = try rows[0].decode(0, as: String?.self) else { return false }
        guard let key else { throw ErasureError.unrecognized(tenant: tenant) }
        guard try first == key.id && rows[0].decode(1, as: String.self) == key.id else {
            throw ErasureError.otherKey(tenant: tenant)
        }
        return true
    }

    /// Keeps the opt-outs of erased people among these ids, which are about to become contacts.
    ///
    /// - Throws: ``ErasureError`` if such people could not be recognized, `PostgresError`.
    func recall(_ ids: [String], tenant: String) async throws {
        guard try await check(tenant) else { return }
        let keys = try await pool.query("SELECT DISTINCT contact_key(id) FROM unnest(\(ids)::text[]) AS n(id)")
        try await recall(keys: keys.map { try $0.decode(0) }, tenant: tenant)
    }

    /// Keeps the opt-outs of erased people among the rows of an import.
    func recall(
        _ staging: ContactStaging,
        upTo last: Int,
        batch: Int,
        tenant: String,
        on connection: PostgresConnection
    ) async throws {
        for start in stride(from: 1, through: last, by: batch) {
            let rows = try await connection.query(
                """
                SELECT DISTINCT contact_key(i."contactId") FROM (
                    \(fragment: ContactRows(staging).selection(start..<min(start + batch, last + 1)))
                ) i
                """,
                deadline: .seconds(600)
            )
            try await recall(keys: rows.map { try $0.decode(0) }, tenant: tenant)
        }
    }

    private func recall(keys: [String], tenant: String) async throws {
        guard let key else { return }
        let hashes = keys.map { key.hash($0, tenant: tenant) }
        let rows = try await pool.query(
            """
            SELECT n.key, e."optedOutAt", e."marketingOutAt" FROM unnest(\(keys)::text[], \(hashes)::text[]) AS n(key, hash)
            CROSS JOIN LATERAL (
                SELECT * FROM erased_consents e
                WHERE e."tenantId" = \(tenant) AND e."keyId" = \(key.id) AND \(only: "e.hash", is: "n.hash")
            ) e
            """,
            deadline: .seconds(120)
        )
        var statements: [ConsentStatement] = []
        for row in rows {
            let times: [(ConsentLevel, Date?)] = [(.all, try row.decode(1)), (.marketing, try row.decode(2))]
            for (level, time) in times {
                guard let time else { continue }
                statements.append(
                    ConsentStatement(
                        tenantID: tenant,
                        ids: [try row.decode(0)],
                        level,
                        isOptedIn: false,
                        source: .erased,
                        at: time
                    )
                )
            }
        }
        try await ConsentRepository(pool: pool).record(statements)
    }
}
