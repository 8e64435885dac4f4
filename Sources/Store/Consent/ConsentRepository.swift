public import Foundation
public import Postgres

/// The messages that a person does not get, and the reason.
public struct SuppressionRecord: Hashable, Sendable {
    /// The id of the person in its one form: a phone number has digits only, without those that WhatsApp leaves out.
    public let key: String
    public let level: ConsentLevel
    /// The time of the opt-out.
    public let since: Date
    /// The way by which the opt-out came in, a ``ConsentSource``; `nil` if it is not in the history.
    public let source: String?
    /// The person who said it for this one; `nil` if this one did.
    public let actor: RunActor?
    public let reason: String?

    init(row: PostgresRow) throws(PostgresError) {
        key = try row.decode("key")
        level = try row.decode("level")
        since = try row.decode("since")
        source = try row.decode("source")
        actor = try row.decode("actor", as: String?.self).map(RunActor.init(stored:))
        reason = try row.decode("reason")
    }
}

/// An entry of the history of a person's consent.
public struct ConsentChange: Hashable, Sendable {
    public let level: ConsentLevel
    public let isOptedIn: Bool
    /// A ``ConsentSource``, or `earlier` for an opt-out from before there was a history.
    public let source: String
    public let actor: RunActor?
    public let reason: String?
    public let at: Date
    /// The time at which it came in; it counts from ``at`` on.
    public let recordedAt: Date

    init(row: PostgresRow) throws(PostgresError) {
        level = try row.decode("level")
        isOptedIn = try row.decode("isOptedIn")
        source = try row.decode("source")
        actor = try row.decode("actor", as: String?.self).map(RunActor.init(stored:))
        reason = try row.decode("reason")
        at = try row.decode("at")
        recordedAt = try row.decode("recordedAt")
    }
}

/// A contact as its row says it, which other systems may have written.
public struct ContactConsent: Hashable, Sendable {
    public let contactID: String
    public let isOptedIn: Bool
    public let isActive: Bool
}

/// The consent of people: opt-outs with their time and source, and their history.
///
/// An opt-out is kept for each id of the person, also if the person is no contact, so that it holds for a contact who is
/// added later, and whatever other systems write into `contacts`.
public struct ConsentRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Records what people said; harmless to repeat, and in any order.
    ///
    /// - Throws: `PostgresError`.
    public func record(_ statements: [ConsentStatement]) async throws(PostgresError) {
        guard !statements.isEmpty else { return }
        let statements = try await ConsentStatement.withKnownIDs(statements, in: pool)
        let ids = statements.enumerated().flatMap { number, statement in statement.ids.map { (number + 1, $0) } }
        let heard: PostgresQuery = """
            SELECT DISTINCT h.tenant, contact_key(i.id) AS key, h.level, h.opted, h.source, h.actor, h.reason,
                coalesce(h.at, statement_timestamp()) AS at
            FROM unnest(
                \(statements.map(\.tenantID))::text[], \(statements.map(\.level.rawValue))::text[],
                \(statements.map(\.isOptedIn))::bool[], \(statements.map(\.source.rawValue))::text[],
                \(statements.map { $0.actor?.description })::text[], \(statements.map(\.reason))::text[],
                \(statements.map(\.at))::timestamptz[]
            ) WITH ORDINALITY AS h(tenant, level, opted, source, actor, reason, at, number)
            JOIN unnest(\(ids.map(\.0))::bigint[], \(ids.map(\.1))::text[]) AS i(number, id) ON i.number = h.number
            """
        do {
            // Repeated after a deadlock: other systems write contacts, too, in an order of their own.
            try await pool.transaction { connection in
                try await connection.execute(
                    "WITH \(fragment: ConsentWriting.expressions(heard: heard)) \(fragment: ConsentWriting.contacts())"
                )
            }
        } catch {
            throw error as? PostgresError ?? .cancelled
        }
    }

    /// Gives contacts the suppressions that they have missed, because they were added while those were being written.
    ///
    /// An import and another system may add a contact in a transaction that began before a suppression was committed, and that
    /// commits later; neither sees the other. So recent suppressions are compared with the contacts again, in portions.
    ///
    /// - Parameters:
    ///   - age: The age of the oldest suppression that is looked at; transactions that add contacts are shorter.
    ///   - portion: The number of suppressions that one transaction looks at.
    /// - Returns: The number of contacts.
    /// - Throws: `PostgresError`; the portions before are done.
    @discardableResult
    public func suppressMissed(within age: Duration, portion: Int = 5_000) async throws -> Int {
        var (contacts, seen) = (0, portion)
        var last = ("", "", "")
        while seen == portion, !Task.isCancelled {
            let row = try await pool.transaction { [last] connection in
                try await connection.query(missed(after: last, within: age, portion: portion))[0]
            }
            seen = try row.decode(0)
            contacts += try row.decode(1, as: Int.self)
            if seen > 0 { last = (try row.decode(2), try row.decode(3), try row.decode(4)) }
        }
        return contacts
    }

    /// Returns the statement for a portion.
    ///
    /// - Parameters:
    ///   - last: The time, tenant and key of the last suppression of the portion before; empty texts before the first one.
    ///   - age: The age of the oldest suppression.
    ///   - portion: The number of suppressions.
    /// - Returns: The statement, which answers with the numbers of suppressions and of contacts that were changed, and with the
    ///   last suppression.
    private func missed(after last: (String, String, String), within age: Duration, portion: Int) -> PostgresQuery {
        let start: PostgresQuery =
            last.0.isEmpty ? "now() - make_interval(secs => \(age.seconds))" : "\(last.0)::timestamptz"
        return """
            WITH portion AS MATERIALIZED (
                SELECT * FROM suppressions
                WHERE level IS NOT NULL AND ("updatedAt", "tenantId", key) > (\(fragment: start), \(last.1), \(last.2))
                ORDER BY "updatedAt", "tenantId", key LIMIT \(portion)
            ), missed AS MATERIALIZED (
                SELECT c.id, s."tenantId", s.key FROM portion s
                CROSS JOIN LATERAL (
                    \(fragment: ContactLookup.byContactID("s.key", of: #"s."tenantId""#))
                ) c
                WHERE least(c."suppressedLevel", s.level) IS DISTINCT FROM c."suppressedLevel"
            ), held AS MATERIALIZED (
                -- Locked, so that a consent that is being written counts before, or comes after.
                SELECT m.id, s.level, s."optedOutAt" FROM (SELECT * FROM missed ORDER BY "tenantId", key) m
                CROSS JOIN LATERAL (
                    SELECT s.level, s."optedOutAt" FROM suppressions s
                    WHERE s."tenantId" = m."tenantId" AND \(only: "s.key", is: "m.key") FOR NO KEY UPDATE
                ) s
            ), locked AS MATERIALIZED (
                SELECT h.* FROM held h JOIN contacts c ON \(key: "c.id", of: "h.id")
                WHERE h.level IS NOT NULL ORDER BY h.id FOR NO KEY UPDATE OF c
            ), written AS (
                UPDATE contacts c SET
                    "suppressedLevel" = least(c."suppressedLevel", l.level), "optedIn" = c."optedIn" AND l.level <> 'all',
                    "optedOutAt" = CASE
                        WHEN l.level = 'all' THEN greatest(c."optedOutAt", l."optedOutAt") ELSE c."optedOutAt"
                    END
                FROM locked l WHERE \(key: "c.id", of: "l.id")
                RETURNING c.id
            )
            SELECT count(*), (SELECT count(*) FROM written),
                (array_agg("updatedAt" ORDER BY "updatedAt" DESC, "tenantId" DESC, key DESC))[1]::text,
                (array_agg("tenantId" ORDER BY "updatedAt" DESC, "tenantId" DESC, key DESC))[1]::text,
                (array_agg(key ORDER BY "updatedAt" DESC, "tenantId" DESC, key DESC))[1]
            FROM portion
            """
    }
}

extension ConsentRepository {
    /// Returns a page of the suppressions by their key, and how many there are in all.
    public func list(
        tenant: String,
        page: Int = 1,
        limit: Int
    ) async throws -> (suppressions: [SuppressionRecord], total: Int) {
        try await pool.withConnection { connection in
            let condition: PostgresQuery = "s.\"tenantId\" = \(tenant) AND s.level IS NOT NULL"
            let total = try await connection.query("SELECT count(*) FROM suppressions s WHERE \(fragment: condition)")
            let rows = try await connection.query(
                """
                \(fragment: Self.selection) WHERE \(fragment: condition)
                ORDER BY s.key LIMIT \(limit) OFFSET \((page - 1) * limit)
                """
            )
            return (try rows.map(SuppressionRecord.init(row:)), try total[0].decode(0))
        }
    }

    /// Returns the suppression of an id; `nil` if the person gets all messages.
    public func find(_ id: String, tenant: String) async throws(PostgresError) -> SuppressionRecord? {
        let rows = try await pool.query(
            """
            \(fragment: Self.selection)
            WHERE s."tenantId" = \(tenant) AND s.key = contact_key(\(id)) AND s.level IS NOT NULL
            """
        )
        guard let row = rows.first else { return nil }
        return try SuppressionRecord(row: row)
    }

    /// Returns true if a person is suppressed, or a contact with the id is opted out in its row.
    public func hasOptedOut(_ id: String, tenant: String) async throws(PostgresError) -> Bool {
        let rows = try await pool.query(
            """
            SELECT EXISTS (
                SELECT FROM suppressions WHERE "tenantId" = \(tenant) AND key = contact_key(\(id)) AND level IS NOT NULL
            ) OR EXISTS (
                SELECT FROM contacts
                WHERE "tenantId" = \(tenant) AND contact_key("contactId") = contact_key(\(id)) AND "optedIn" IS NOT TRUE
            )
            """
        )
        return try rows[0].decode(0)
    }

    private static let selection: PostgresQuery = """
        SELECT s.key, s.level, x.since, h.source, h.actor, h.reason FROM suppressions s
        CROSS JOIN LATERAL (
            SELECT CASE s.level WHEN 'all' THEN s."optedOutAt" ELSE s."marketingOutAt" END AS since
        ) x
        LEFT JOIN LATERAL (
            SELECT h.source, h.actor, h.reason FROM consent_changes h
            WHERE h."tenantId" = s."tenantId" AND h.key = s.key AND h.at = x.since AND h.level = s.level
                AND NOT h."isOptedIn"
            ORDER BY h.id LIMIT 1
        ) h ON true
        """

    /// Returns what was said about the consent of an id, newest first, and the contacts who have it.
    public func history(
        of id: String,
        tenant: String
    ) async throws(PostgresError) -> (changes: [ConsentChange], contacts: [ContactConsent]) {
        let changes = try await pool.query(
            """
            SELECT level, "isOptedIn", source, actor, reason, at, "recordedAt" FROM consent_changes
            WHERE "tenantId" = \(tenant) AND key = contact_key(\(id)) ORDER BY at DESC, id DESC LIMIT 1000
            """
        )
        let contacts = try await pool.query(
            """
            SELECT "contactId", coalesce("optedIn", false), "deactivatedAt" IS NULL FROM contacts
            WHERE "tenantId" = \(tenant) AND contact_key("contactId") = contact_key(\(id)) ORDER BY "contactId"
            """
        )
        var history: (changes: [ConsentChange], contacts: [ContactConsent]) = ([], [])
        for row in changes { history.changes.append(try ConsentChange(row: row)) }
        for row in contacts {
            history.contacts.append(
                ContactConsent(
                    contactID: try row.decode(0),
                    isOptedIn: try row.decode(1),
                    isActive: try row.decode(2)
                )
            )
        }
        return history
    }
}
