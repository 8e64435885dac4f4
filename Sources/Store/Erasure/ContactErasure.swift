import Foundation
public import Postgres

/// Removes what is held about people, and leaves counts, money and the fact of an opt-out.
///
/// A person is erased in one transaction: the rows of contacts stay, without personal data, because messages refer to them.
/// Messages follow in transactions of their own, because launches lock runs before contacts. If a crash comes between the
/// two, or a message is written at that moment, ``sweep()`` of a daemon finishes the work.
public struct ContactErasure: Sendable {
    /// Contacts whose messages are emptied in one transaction.
    private static let largestSweep = 200

    let pool: PostgresPool
    private let key: ErasureKey?

    public init(pool: PostgresPool, key: ErasureKey?) {
        (self.pool, self.key) = (pool, key)
    }

    /// The rows that were erased.
    public struct Result: Hashable, Sendable {
        /// Rows of contacts, of which a person may have several.
        public var contacts = 0
        /// Messages to the person that are still counted, without their content.
        public var messages = 0
        /// Events, suppressions, statements about consent, and webhooks that were to be passed on.
        public var others = 0
        /// True if the opt-out of the person is kept.
        public var keepsOptOut = false

        public var isEmpty: Bool { contacts == 0 && others == 0 }
    }

    /// Erases a person; harmless to repeat.
    ///
    /// - Parameters:
    ///   - id: An id of the person, in any spelling.
    ///   - tenant: The owner of the contacts. What other tenants hold stays.
    /// - Returns: What was erased; nothing if nothing was held.
    /// - Throws: ``ErasureError``, `PostgresError`.
    public func erase(_ id: String, tenant: String) async throws -> Result {
        let erased = try await eraseRows(id, tenant: tenant)
        var result = erased.result
        result.messages = try await sweep(erased.person.rows)
        // An import that is under way looks for erased people itself; this removes them from its rows at once.
        try await ContactStaging.remove(erased.person.keys, of: tenant, in: pool)
        return result
    }

    /// Erases the rows of a person but those of messages: the first transaction, after which the erasure is certain.
    func eraseRows(_ id: String, tenant: String) async throws -> (result: Result, person: ErasedPerson) {
        guard let key else { throw ErasureError.noKey }
        try await ErasedPeople(pool: pool, key: key).check(tenant)
        return try await pool.transaction(deadline: .seconds(180)) { connection in
            try await Erasures.lock(tenant, on: connection)
            var person = try await ErasedPerson.find(id, tenant: tenant, on: connection)
            // Rows are locked in one order everywhere: suppressions, then contacts.
            try await connection.execute(
                """
                SELECT FROM suppressions WHERE "tenantId" = \(tenant) AND key = ANY(\(person.keys)::text[])
                ORDER BY key FOR UPDATE
                """
            )
            try await connection.execute(
                "SELECT FROM contacts WHERE id = ANY(\(person.rows)::uuid[]) ORDER BY id FOR UPDATE"
            )
            // Ids may have been learned meanwhile.
            person = try await ErasedPerson.find(id, tenant: tenant, on: connection)
            var result = Result(contacts: person.rows.count)
            result.keepsOptOut = try await keepOptOut(of: person, tenant: tenant, by: key, on: connection)
            for statement in person.removals(tenant: tenant) {
                result.others += try await connection.execute(statement, deadline: .seconds(60))
            }
            try await connection.execute(person.emptied)
            try await connection.execute(
                """
                INSERT INTO contact_erasures ("contactId") SELECT unnest(\(person.rows)::uuid[])
                ON CONFLICT ("contactId") DO UPDATE SET "erasedAt" = excluded."erasedAt"
                """
            )
            return (result, person)
        }
    }

    /// Keeps the person under the hashes of all its ids, with its consent.
    ///
    /// - Returns: True if the person has opted out of some messages.
    private func keepOptOut(
        of person: ErasedPerson,
        tenant: String,
        by key: ErasureKey,
        on connection: PostgresConnection
    ) async throws -> Bool {
        let hashes = person.keys.map { key.hash($0, tenant: tenant) }
        let rows = try await connection.query(
            """
            WITH said AS MATERIALIZED (
                SELECT "optedOutAt" AS "outAt", "optedInAt" AS "inAt", "marketingOutAt", "marketingInAt"
                FROM suppressions WHERE "tenantId" = \(tenant) AND key = ANY(\(person.keys)::text[])
                UNION ALL
                -- Other systems opt out without a time.
                SELECT CASE WHEN "optedIn" IS NOT TRUE THEN coalesce("optedOutAt", now()) END, "optedInAt", NULL, "optedInAt"
                FROM contacts WHERE id = ANY(\(person.rows)::uuid[]) AND "erasedAt" IS NULL
            ), kept AS MATERIALIZED (
                SELECT max("outAt") AS "outAt", max("inAt") AS "inAt", max("marketingOutAt") AS "marketingOutAt",
                    max("marketingInAt") AS "marketingInAt"
                FROM said
            )
            INSERT INTO erased_people AS e (
                "tenantId", "keyId", hash, "erasedAt", "contactIds", "optedOutAt", "optedInAt", "marketingOutAt",
                "marketingInAt"
            )
            SELECT \(tenant), \(key.id), h.hash, clock_timestamp(), \(person.rows)::uuid[], k."outAt", k."inAt",
                k."marketingOutAt", k."marketingInAt"
            FROM kept k CROSS JOIN (SELECT DISTINCT hash FROM unnest(\(hashes)::text[]) AS h(hash) ORDER BY hash) h
            ON CONFLICT ("tenantId", "keyId", hash) DO UPDATE SET
                "erasedAt" = greatest(e."erasedAt", excluded."erasedAt"),
                "contactIds" = ARRAY(SELECT DISTINCT unnest(e."contactIds" || excluded."contactIds")),
                "optedOutAt" = greatest(e."optedOutAt", excluded."optedOutAt"),
                "optedInAt" = greatest(e."optedInAt", excluded."optedInAt"),
                "marketingOutAt" = greatest(e."marketingOutAt", excluded."marketingOutAt"),
                "marketingInAt" = greatest(e."marketingInAt", excluded."marketingInAt")
            RETURNING e.level IS NOT NULL
            """
        )
        return try rows.contains { try $0.decode(0) }
    }

    /// Finishes erasures of a recent time, and for the last time those of more than a day ago; harmless to repeat, and on any
    /// number of daemons.
    ///
    /// A launch, an event or an answer of WhatsApp that was under way during an erasure may have written the number after it. An
    /// erasure that no daemon has looked after for a day is finished whatever its age.
    ///
    /// - Parameter hours: The time since the erasures, up to a day.
    /// - Throws: `PostgresError`.
    public func sweep(hours: Int = 24) async throws {
        let day = try await pool.query("SELECT (now() - interval '1 day')::text")[0].decode(0, as: String.self)
        let rows = try await pool.query(
            """
            SELECT e."contactId" FROM contact_erasures e
            WHERE (
                    e."erasedAt" > now() - \(Double(hours)) * interval '1 hour' OR e."erasedAt" < \(day)::timestamptz
                ) AND EXISTS (
                    SELECT FROM campaign_messages m WHERE \(key: #"m."contactId""#, of: #"e."contactId""#)
                        AND (m.status IN \(anyOf: MessageStatus.waiting) OR \(fragment: Self.isHeld))
                )
            ORDER BY e."erasedAt"
            """,
            deadline: .seconds(120)
        )
        try await sweepAll(try rows.map { try $0.decode(0) })
        // An erasure that was repeated meanwhile has another time.
        try await pool.execute("DELETE FROM contact_erasures WHERE \"erasedAt\" < \(day)::timestamptz")
        try await ErasedPeople(pool: pool, key: key).sweepConsents()
        try await ContactStaging.dropOrphans(in: pool)
    }

    /// Finishes the erasure of contacts, in portions.
    func sweepAll(_ contacts: [UUID]) async throws {
        var rest = contacts[...]
        while !rest.isEmpty {
            _ = try await sweep(Array(rest.prefix(Self.largestSweep)))
            rest = rest.dropFirst(Self.largestSweep)
        }
    }

    /// True for a message, as `m`, that holds personal data.
    private static let isHeld: PostgresQuery = """
        (m."recipientPhone" <> '' OR num_nonnulls(m.context, m."errorMessage") > 0 OR m."waMessageId" NOT LIKE 'erased:%')
        """

    /// Cancels what is still to be sent to erased contacts, and empties their messages.
    ///
    /// - Returns: The number of messages that changed.
    private func sweep(_ contacts: [UUID]) async throws -> Int {
        guard !contacts.isEmpty else { return 0 }
        return try await pool.transaction(deadline: .seconds(120)) { connection in
            try await connection.execute(Self.cancelWaiting(contacts), deadline: .seconds(60))
            let events: PostgresQuery = """
                SELECT m."triggerEventId" FROM campaign_messages m
                WHERE m."contactId" = ANY(\(contacts)::uuid[]) AND m."triggerEventId" IS NOT NULL
                """
            try await connection.execute(ErasedPerson.emptyEvents("e.id = ANY(ARRAY(\(fragment: events)))"))
            try await connection.execute(
                """
                DELETE FROM webhook_inbox w USING campaign_messages m
                WHERE m."contactId" = ANY(\(contacts)::uuid[]) AND \(key: #"w."waMessageId""#, of: #"m."waMessageId""#)
                """
            )
            try await connection.execute(
                """
                UPDATE message_failures f SET "errorMessage" = '' FROM campaign_messages m
                WHERE m."contactId" = ANY(\(contacts)::uuid[]) AND \(key: #"f."messageId""#, of: "m.id")
                    AND f."errorMessage" <> ''
                """
            )
            // WhatsApp's ids of messages hold the number, in another writing.
            return try await connection.execute(
                """
                WITH held AS MATERIALIZED (
                    SELECT m.id FROM campaign_messages m
                    WHERE m."contactId" = ANY(\(contacts)::uuid[]) AND \(fragment: Self.isHeld)
                    ORDER BY m.id FOR NO KEY UPDATE
                )
                UPDATE campaign_messages m SET "recipientPhone" = '', context = NULL, "errorMessage" = NULL,
                    -- The country of the number tells the price of a message whose report is still to come.
                    "numberStart" = CASE
                        WHEN m."recipientPhone" <> '' AND NOT \(fragment: RunCharges.isCounted)
                            THEN \(fragment: NumberStart.of(#"m."recipientPhone""#))
                        ELSE m."numberStart"
                    END,
                    -- By the hash a late report still finds its message.
                    "waMessageId" = CASE WHEN starts_with(m."waMessageId", 'erased:') THEN m."waMessageId"
                        ELSE 'erased:' || encode(sha256(convert_to(m."waMessageId", 'UTF8')), 'hex') END
                FROM held WHERE \(key: "m.id", of: "held.id")
                """
            )
        }
    }

    private static func cancelWaiting(_ contacts: [UUID]) -> PostgresQuery {
        """
        WITH changed AS MATERIALIZED (
            SELECT m.id, m."runId", m.status AS old, \(message: .cancelled)::campaign_message_status_enum AS new,
                m."isCapped" AS "wasCapped", false AS "isCapped"
            FROM campaign_messages m
            WHERE m."contactId" = ANY(\(contacts)::uuid[]) AND m.status IN \(anyOf: MessageStatus.waiting)
            ORDER BY m.id FOR NO KEY UPDATE OF m
        ), written AS (
            UPDATE campaign_messages m SET status = \(message: .cancelled), "nextAttemptAt" = NULL, "isCapped" = false
            FROM changed WHERE \(key: "m.id", of: "changed.id")
        ), \(fragment: RunCounters.countedWithCapped)
        SELECT count(*) FROM changed
        """
    }
}
