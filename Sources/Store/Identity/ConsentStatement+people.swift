import Foundation
import Postgres

extension ConsentStatement {
    /// Returns the statements with all ids that are known of their people, so that each of them is opted out or in.
    static func withKnownIDs(
        _ statements: [ConsentStatement],
        in pool: PostgresPool
    ) async throws(PostgresError) -> [ConsentStatement] {
        let named = statements.enumerated().flatMap { number, statement in statement.ids.map { (number, $0) } }
        let rows = try await pool.query(
            """
            WITH named AS MATERIALIZED (
                SELECT n.number, n.tenant, contact_key(n.id) AS key, coalesce(n.at, statement_timestamp()) AS at FROM unnest(
                    \(named.map(\.0))::int[], \(named.map { statements[$0.0].tenantID })::text[],
                    \(named.map(\.1))::text[], \(named.map { statements[$0.0].at })::timestamptz[]
                ) AS n(number, tenant, id, at)
            ), people AS MATERIALIZED (
                SELECT n.number, c.id FROM named n
                CROSS JOIN LATERAL (\(fragment: ContactLookup.byContactID("n.key", of: "n.tenant", at: "n.at"))) c
                UNION
                SELECT n.number, k."contactId" FROM named n
                CROSS JOIN LATERAL (\(fragment: ContactLookup.byLearnedID("n.key", of: "n.tenant"))) k
            )
            SELECT p.number, c."contactId" FROM people p JOIN contacts c ON \(key: "c.id", of: "p.id")
            WHERE \(fragment: Recipient.isNamedByContactID())
            UNION
            SELECT p.number, k.id FROM people p CROSS JOIN LATERAL (\(fragment: ContactLookup.ids(of: "p.id"))) k
            """
        )
        var known: [Int: [String]] = [:]
        for row in rows { known[try row.decode(0), default: []].append(try row.decode(1)) }
        return statements.enumerated().map { number, statement in
            let ids = Set(statement.ids + (known[number] ?? [])).subtracting([""])
            return ConsentStatement(
                tenantID: statement.tenantID,
                ids: ids.sorted(),
                statement.level,
                isOptedIn: statement.isOptedIn,
                source: statement.source,
                actor: statement.actor,
                reason: statement.reason,
                at: statement.at
            )
        }
    }
}

extension ConsentRepository {
    /// Has what contacts have said about consent count for further ids of theirs.
    ///
    /// - Parameters:
    ///   - contacts: The contacts of a person.
    ///   - ids: The new ids of the person.
    ///   - tenant: The owner of the contacts.
    /// - Throws: `PostgresError`; harmless to repeat.
    func carry(_ contacts: [UUID], to ids: [String], tenant: String) async throws(PostgresError) {
        try await pool.execute(
            """
            WITH known AS MATERIALIZED (
                SELECT contact_key(c."contactId") AS key FROM unnest(\(contacts)::uuid[]) AS i(id)
                JOIN contacts c ON \(key: "c.id", of: "i.id")
                UNION
                SELECT k.key FROM unnest(\(contacts)::uuid[]) AS i(id)
                CROSS JOIN LATERAL (\(fragment: ContactLookup.ids(of: "i.id"))) k
            ), said AS MATERIALIZED (
                SELECT max(s."optedOutAt") AS "outAt", max(s."optedInAt") AS "inAt",
                    max(s."marketingOutAt") AS "marketingOutAt", max(s."marketingInAt") AS "marketingInAt"
                FROM known CROSS JOIN LATERAL (
                    SELECT * FROM suppressions s WHERE s."tenantId" = \(tenant) AND \(only: "s.key", is: "known.key")
                ) s HAVING count(*) > 0
            )
            INSERT INTO suppressions AS s (
                "tenantId", key, "optedOutAt", "optedInAt", "marketingOutAt", "marketingInAt"
            )
            SELECT \(tenant)::text, n.key, "outAt", "inAt", "marketingOutAt", "marketingInAt"
            FROM said CROSS JOIN (SELECT DISTINCT contact_key(i.id) FROM unnest(\(ids)::text[]) AS i(id)) AS n(key)
            ORDER BY n.key
            ON CONFLICT ("tenantId", key) DO UPDATE SET
                "optedOutAt" = greatest(s."optedOutAt", excluded."optedOutAt"),
                "optedInAt" = greatest(s."optedInAt", excluded."optedInAt"),
                "marketingOutAt" = greatest(s."marketingOutAt", excluded."marketingOutAt"),
                "marketingInAt" = greatest(s."marketingInAt", excluded."marketingInAt"), "updatedAt" = now()
            """
        )
    }
}
