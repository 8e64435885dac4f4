import Foundation
import Postgres

/// The people who were erased, known by hashes of their ids.
///
/// An import recalls their opt-outs before it adds contacts: the opt-out then is one of the number again, as if the person had never
/// been erased. What erased people say later about consent is kept with the hash, and not under their number.
struct ErasedPeople: Sendable {
    let pool: PostgresPool
    let key: ErasureKey?

    init(pool: PostgresPool, key: ErasureKey?) {
        (self.pool, self.key) = (pool, key)
    }

    /// Checks that erased people of a tenant who had opted out would be recognized.
    ///
    /// - Returns: False if none of them had opted out.
    /// - Throws: ``ErasureError``, `PostgresError`.
    @discardableResult
    func check(_ tenant: String) async throws -> Bool {
        try await pool.withConnection { try await check(tenant, on: $0) }
    }

    private func check(_ tenant: String, on connection: PostgresConnection) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT min(e."keyId"), max(e."keyId") FROM erased_people e
            WHERE e."tenantId" = \(tenant) AND e.level IS NOT NULL
            """
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
        try await pool.withConnection { connection in
            guard try await check(tenant, on: connection) else { return }
            let keys = try await connection.query(
                "SELECT DISTINCT contact_key(id) FROM unnest(\(ids)::text[]) AS n(id)"
            )
            try await recall(keys: keys.map { try $0.decode(0) }, tenant: tenant, on: connection)
        }
    }

    private func recall(keys: [String], tenant: String, on connection: PostgresConnection) async throws {
        guard let key, !keys.isEmpty else { return }
        let hashes = keys.map { key.hash($0, tenant: tenant) }
        let heard: PostgresQuery = """
            SELECT \(tenant)::text AS tenant, n.key, o.level, false AS opted, \(ConsentSource.erased.rawValue)::text AS source,
                NULL::text AS actor, NULL::text AS reason, o.at
            FROM unnest(\(keys)::text[], \(hashes)::text[]) AS n(key, hash)
            CROSS JOIN LATERAL (
                SELECT * FROM erased_people e
                WHERE e."tenantId" = \(tenant) AND e."keyId" = \(key.id) AND \(only: "e.hash", is: "n.hash")
            ) e
            CROSS JOIN LATERAL (VALUES
                ('all', CASE WHEN (e."optedInAt" > e."optedOutAt") IS NOT TRUE THEN e."optedOutAt" END),
                ('marketing', CASE WHEN (e."marketingInAt" > e."marketingOutAt") IS NOT TRUE THEN e."marketingOutAt" END)
            ) AS o(level, at)
            WHERE o.at IS NOT NULL
            """
        try await connection.execute(
            "WITH \(fragment: ConsentWriting.expressions(heard: heard)) \(fragment: ConsentWriting.contacts())",
            deadline: .seconds(120)
        )
    }
}

extension ErasedPeople {
    /// Prepares a batch of an import: keeps the opt-outs of erased people among its rows, and removes the rows of people who were
    /// erased since the import began.
    ///
    /// The caller holds the shared lock of ``Erasures``, so that no person is erased until the batch is merged.
    ///
    /// - Throws: ``ErasureError`` if such people could not be recognized, `PostgresError`.
    func prepare(
        _ staging: ContactStaging,
        _ numbers: Range<Int>,
        tenant: String,
        since start: Date,
        on connection: PostgresConnection
    ) async throws {
        let hasOptOuts = try await check(tenant, on: connection)
        let erased = try await connection.query(
            """
            SELECT e."keyId" FROM erased_people e
            WHERE e."tenantId" = \(tenant) AND e."erasedAt" >= \(start)::timestamptz LIMIT 1
            """
        )
        guard hasOptOuts || !erased.isEmpty else { return }
        guard let key else { throw ErasureError.unrecognized(tenant: tenant) }
        let rows = try await connection.query(
            """
            SELECT DISTINCT contact_key(i."contactId") FROM (\(fragment: ContactRows(staging).selection(numbers))) i
            """,
            deadline: .seconds(600)
        )
        let keys = try rows.map { try $0.decode(0, as: String.self) }
        if !erased.isEmpty {
            guard try erased[0].decode(0) == key.id else { throw ErasureError.otherKey(tenant: tenant) }
            let hashes = keys.map { key.hash($0, tenant: tenant) }
            try await connection.execute(
                """
                DELETE FROM \(identifier: staging.table) i USING (
                    SELECT n.key FROM unnest(\(keys)::text[], \(hashes)::text[]) AS n(key, hash)
                    JOIN erased_people e ON e.hash = n.hash
                    WHERE e."tenantId" = \(tenant) AND e."keyId" = \(key.id) AND e."erasedAt" >= \(start)::timestamptz
                ) n
                WHERE i.number >= \(numbers.lowerBound) AND i.number < \(numbers.upperBound)
                    AND contact_key(i."contactId") = n.key
                """,
                deadline: .seconds(600)
            )
        }
        try await recall(keys: keys, tenant: tenant, on: connection)
    }

    /// Keeps what erased people say about consent with their hashes.
    ///
    /// A person who has become a contact again is none of them.
    ///
    /// - Returns: The statements of all others.
    /// - Throws: `PostgresError`; harmless to repeat.
    func divert(_ statements: [ConsentStatement]) async throws -> [ConsentStatement] {
        let found = try await find(statements.map { (tenant: $0.tenantID, ids: $0.ids) })
        guard !found.isEmpty, let key else { return statements }
        let diverted = found.flatMap { index, person in person.hashes.map { (statement: statements[index], hash: $0) } }
        try await keep(diverted.map { (tenant: $0.statement.tenantID, hash: $0.hash, $0.statement) }, by: key)
        return statements.indices.filter { found[$0] == nil }.map { statements[$0] }
    }

    /// A person who was erased, as far as the hashes tell.
    struct Person: Sendable {
        let hashes: [String]
        let erasedAt: Date
    }

    /// Finds those among people who were erased and are no contacts; none without the key.
    ///
    /// - Parameter people: The people, by ids in any spelling.
    /// - Returns: The erased ones, by their indices.
    /// - Throws: `PostgresError`
    func find(_ people: [(tenant: String, ids: [String])]) async throws -> [Int: Person] {
        guard let key, !people.isEmpty else { return [:] }
        let tenants = try await pool.query(
            """
            SELECT t.id FROM unnest(\(Set(people.map(\.tenant)).sorted())::text[]) AS t(id)
            WHERE EXISTS (SELECT FROM erased_people e WHERE e."tenantId" = t.id)
            """
        )
        let concerned = Set(try tenants.map { try $0.decode(0, as: String.self) })
        let named = people.enumerated().filter { concerned.contains($1.tenant) }
            .flatMap { index, person in person.ids.map { (index: index, tenant: person.tenant, id: $0) } }
        guard !named.isEmpty else { return [:] }
        let keys = try await pool.query(
            "SELECT n.number, contact_key(n.id) FROM unnest(\(named.map(\.id))::text[]) WITH ORDINALITY AS n(id, number)"
        )
        var all: [(index: Int, tenant: String, key: String, hash: String)] = []
        for row in keys {
            let name = named[try row.decode(0, as: Int.self) - 1]
            let form = try row.decode(1, as: String.self)
            all.append((name.index, name.tenant, form, key.hash(form, tenant: name.tenant)))
        }
        let rows = try await pool.query(
            """
            WITH named AS MATERIALIZED (
                SELECT * FROM unnest(
                    \(all.map(\.index))::int[], \(all.map(\.tenant))::text[], \(all.map(\.key))::text[],
                    \(all.map(\.hash))::text[]
                ) AS n(person, tenant, key, hash)
            )
            SELECT n.person, e.hash, e."erasedAt" FROM named n
            CROSS JOIN LATERAL (
                SELECT * FROM erased_people e
                WHERE e."tenantId" = n.tenant AND e."keyId" = \(key.id) AND \(only: "e.hash", is: "n.hash")
            ) e
            WHERE NOT EXISTS (
                SELECT FROM named o
                CROSS JOIN LATERAL (
                    SELECT c.id FROM (\(fragment: ContactLookup.byContactID("o.key", of: "o.tenant"))) c
                    UNION ALL
                    SELECT k."contactId" FROM (\(fragment: ContactLookup.byLearnedID("o.key", of: "o.tenant"))) k
                ) c
                WHERE o.person = n.person
            )
            """
        )
        var found: [Int: Person] = [:]
        for row in rows {
            let (index, hash) = (try row.decode(0, as: Int.self), try row.decode(1, as: String.self))
            let time = try row.decode(2, as: Date.self)
            let known = found[index]
            found[index] = Person(hashes: (known?.hashes ?? []) + [hash], erasedAt: max(known?.erasedAt ?? time, time))
        }
        return found
    }

    /// Keeps statements with the hashes of people, and with the other hashes of the same people.
    private func keep(
        _ said: [(tenant: String, hash: String, statement: ConsentStatement)],
        by key: ErasureKey
    ) async throws {
        try await pool.execute(
            """
            WITH said AS MATERIALIZED (
                SELECT s.tenant, s.hash, s.level, s.opted, coalesce(s.at, statement_timestamp()) AS at FROM unnest(
                    \(said.map(\.tenant))::text[], \(said.map(\.hash))::text[],
                    \(said.map(\.statement.level.rawValue))::text[], \(said.map(\.statement.isOptedIn))::bool[],
                    \(said.map(\.statement.at))::timestamptz[]
                ) AS s(tenant, hash, level, opted, at)
            ), people AS MATERIALIZED (
                SELECT e."tenantId", e."contactIds", s.* FROM said s JOIN erased_people e
                    ON e."tenantId" = s.tenant AND e."keyId" = \(key.id) AND e.hash = s.hash
            ), joined AS MATERIALIZED (
                SELECT e."tenantId", e.hash,
                    max(p.at) FILTER (WHERE NOT p.opted AND p.level = 'all') AS "outAt",
                    max(p.at) FILTER (WHERE p.opted AND p.level = 'all') AS "inAt",
                    max(p.at) FILTER (WHERE NOT p.opted AND p.level = 'marketing') AS "marketingOutAt",
                    max(p.at) FILTER (WHERE p.opted) AS "marketingInAt"
                FROM people p JOIN erased_people e ON e."tenantId" = p.tenant AND e."keyId" = \(key.id)
                    AND (e.hash = p.hash OR e."contactIds" && p."contactIds")
                GROUP BY 1, 2
            )
            UPDATE erased_people e SET
                "optedOutAt" = greatest(e."optedOutAt", j."outAt"), "optedInAt" = greatest(e."optedInAt", j."inAt"),
                "marketingOutAt" = greatest(e."marketingOutAt", j."marketingOutAt"),
                "marketingInAt" = greatest(e."marketingInAt", j."marketingInAt")
            FROM joined j WHERE e."tenantId" = j."tenantId" AND e."keyId" = \(key.id) AND e.hash = j.hash
            """
        )
    }

    /// Keeps the opt-outs from marketing of erased contacts, which WhatsApp reported of messages to them; needs no key.
    static func stopMarketing(_ contacts: [(id: UUID, at: Date?)], in pool: PostgresPool) async throws(PostgresError) {
        guard !contacts.isEmpty else { return }
        try await pool.execute(
            """
            UPDATE erased_people e SET
                "marketingOutAt" = greatest(e."marketingOutAt", coalesce(s.at, statement_timestamp()))
            FROM unnest(\(contacts.map(\.id))::uuid[], \(contacts.map(\.at))::timestamptz[]) AS s(id, at)
            JOIN contacts c ON \(key: "c.id", of: "s.id")
            WHERE e."tenantId" = c."tenantId" AND e."contactIds" @> ARRAY[c.id]
            """
        )
    }

    /// Moves statements about consent to the hashes that were written at the moment of an erasure, by a webhook that was under way.
    func sweepConsents() async throws {
        guard key != nil else { return }
        let rows = try await pool.query(
            """
            SELECT s."tenantId", s.key, s."optedOutAt", s."optedInAt", s."marketingOutAt", s."marketingInAt"
            FROM (
                SELECT e."tenantId", min(e."erasedAt") AS since FROM erased_people e
                WHERE e."erasedAt" > now() - interval '1 day' GROUP BY 1
            ) e
            JOIN suppressions s ON s."tenantId" = e."tenantId" AND s."updatedAt" >= e.since - interval '1 minute'
            """
        )
        let found = try await find(rows.map { (tenant: try $0.decode(0), ids: [try $0.decode(1)]) })
        guard let key, !found.isEmpty else { return }
        var said: [(tenant: String, hash: String, statement: ConsentStatement)] = []
        for (index, person) in found {
            let tenant = try rows[index].decode(0, as: String.self)
            let times: [(ConsentLevel, Bool, Date?)] = [
                (.all, false, try rows[index].decode(2)), (.all, true, try rows[index].decode(3)),
                (.marketing, false, try rows[index].decode(4)), (.marketing, true, try rows[index].decode(5)),
            ]
            for (level, isOptedIn, time) in times {
                guard let time else { continue }
                let statement = ConsentStatement(
                    tenantID: tenant,
                    ids: [],
                    level,
                    isOptedIn: isOptedIn,
                    source: .erased,
                    at: time
                )
                said += person.hashes.map { (tenant, $0, statement) }
            }
        }
        try await keep(said, by: key)
        let tenants = try found.keys.sorted().map { try rows[$0].decode(0, as: String.self) }
        let keys = try found.keys.sorted().map { try rows[$0].decode(1, as: String.self) }
        for table in ["suppressions", "consent_changes"] {
            try await pool.execute(
                """
                DELETE FROM \(identifier: table) t USING unnest(\(tenants)::text[], \(keys)::text[]) AS n(tenant, key)
                WHERE t."tenantId" = n.tenant AND t.key = n.key
                """
            )
        }
    }
}

/// The lock between erasures and imports: an erasure waits until the batches that are being merged are done, and no batch of the
/// tenant begins meanwhile.
enum Erasures {
    private static func key(_ tenant: String) -> PostgresQuery { SchemaScope.key("erasure/" + tenant) }

    /// Takes the lock for an erasure, until the end of the transaction.
    static func lock(_ tenant: String, on connection: PostgresConnection) async throws {
        try await connection.lock(key(tenant), deadline: .seconds(120))
    }

    /// Holds the lock of an import as long as `body` takes.
    static func whileNobodyIsErased<Value>(
        _ tenant: String,
        in pool: PostgresPool,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await pool.withLock(key(tenant), isShared: true, deadline: .seconds(180), body)
    }
}
