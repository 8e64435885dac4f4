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
        try await pool.execute(
            "WITH \(fragment: ConsentWriting.expressions(heard: heard)) \(fragment: ConsentWriting.contacts())"
        )
    }

    /// Gives contacts the suppression that they have missed, because they were added while it was being written.
    ///
    /// Only suppressions without a contact are looked at, for a day.
    ///
    /// - Returns: The number of contacts.
    @discardableResult
    public func suppressMissed() async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            WITH missed AS MATERIALIZED (
                SELECT c.id, s.level, s."optedOutAt" FROM (
                    SELECT * FROM suppressions
                    WHERE level IS NOT NULL AND NOT "isContact" AND "updatedAt" > now() - interval '1 day'
                    ORDER BY "updatedAt" OFFSET 0
                ) s
                CROSS JOIN LATERAL (
                    \(fragment: ContactLookup.byContactID("s.key", of: #"s."tenantId""#))
                ) c
                WHERE least(c."suppressedLevel", s.level) IS DISTINCT FROM c."suppressedLevel"
            ), locked AS MATERIALIZED (
                SELECT m.* FROM missed m JOIN contacts c ON \(key: "c.id", of: "m.id")
                ORDER BY m.id FOR NO KEY UPDATE OF c
            )
            UPDATE contacts c SET
                "suppressedLevel" = least(c."suppressedLevel", l.level), "optedIn" = c."optedIn" AND l.level <> 'all',
                "optedOutAt" = CASE
                    WHEN l.level = 'all' THEN greatest(c."optedOutAt", l."optedOutAt") ELSE c."optedOutAt"
                END
            FROM locked l WHERE \(key: "c.id", of: "l.id")
            """
        )
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
