public import Foundation
public import Postgres

/// Finds contacts that are one person, and joins them.
public struct ContactDuplicates: Sendable {
    /// A contact among others of the same person.
    public struct Contact: Hashable, Sendable {
        public let id: UUID
        public let contactID: String
        public let name: String?
        /// Messages that were written to it.
        public let messages: Int
        public let lastSeen: Date?
        public let isOptedIn: Bool
    }

    /// Contacts of one person, the oldest first.
    public struct Person: Hashable, Sendable {
        /// An id that they have in common.
        public let sharedID: String
        public let contacts: [Contact]
    }

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Finds people with several contacts: two numbers that WhatsApp takes for one, or contacts of which it named the same id.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - limit: The most people.
    /// - Returns: The people in the order of their ids.
    /// - Throws: `PostgresError`.
    public func find(tenant: String, limit: Int) async throws -> [Person] {
        let rows = try await pool.query(
            """
            WITH named AS (
                SELECT contact_key(c."contactId") AS key, c.id FROM contacts c
                WHERE c."tenantId" = \(tenant) AND \(fragment: Recipient.isNamedByContactID())
                UNION
                SELECT k.key, k."contactId" FROM contact_ids k WHERE k."tenantId" = \(tenant)
            ), shared AS (
                -- Contacts that share several ids are listed once.
                SELECT DISTINCT ON (ids) key, ids FROM (
                    SELECT key, array_agg(id ORDER BY id) AS ids FROM named GROUP BY key HAVING count(*) > 1
                ) s ORDER BY ids, key
            )
            SELECT s.key, c.id, c."contactId", c.name, c."lastSeen", c."optedIn" IS TRUE,
                (SELECT count(*) FROM campaign_messages m WHERE m."contactId" = c.id)
            FROM (SELECT * FROM shared ORDER BY key LIMIT \(limit)) s JOIN contacts c ON c.id = ANY(s.ids)
            ORDER BY s.key, c."createdAt", c.id
            """,
            deadline: .seconds(300)
        )
        var people: [Person] = []
        for row in rows {
            let key = try row.decode(0, as: String.self)
            let contact = Contact(
                id: try row.decode(1),
                contactID: try row.decode(2),
                name: try row.decode(3),
                messages: try row.decode(6),
                lastSeen: try row.decode(4),
                isOptedIn: try row.decode(5)
            )
            let others = people.last?.sharedID == key ? people.removeLast().contacts : []
            people.append(Person(sharedID: key, contacts: others + [contact]))
        }
        return people
    }
}

/// The reason why two contacts cannot be merged.
public enum ContactMergeError: Error, Hashable, CustomStringConvertible {
    case unknown(String, tenant: String)
    case ambiguous(String, [String])
    case same(String)
    case merged(String)
    /// An open run has messages to both.
    case inOpenRun(String, String, campaign: String)

    public var description: String {
        switch self {
        case .unknown(let id, let tenant): "tenant `\(tenant)` has no contact `\(id)`"
        case .ambiguous(let id, let ids):
            "`\(id)` names several contacts; name one as it is stored: \(ids.joined(separator: ", "))"
        case .same(let id): "`\(id)` is the same contact; name another one"
        case .merged(let id): "`\(id)` was merged already"
        case .inOpenRun(let kept, let other, let campaign):
            "campaign `\(campaign)` has messages to `\(kept)` and to `\(other)` in a run that is not over: merge them when it "
                + "is complete, or cancel it"
        }
    }
}

extension ContactDuplicates {
    /// Joins a contact into another one, in one transaction.
    ///
    /// The kept contact gets the messages, ids, windows and values that the other has and it lacks, and the stricter consent.
    /// The other row stays, deactivated, because other systems may refer to it. So do its messages of runs that also wrote to
    /// the kept contact: a run has one message to a contact. The message log shows both under either id.
    ///
    /// - Parameters:
    ///   - other: The contact that ends: its `contactId`, in any spelling, or its id.
    ///   - kept: The contact that stays.
    ///   - tenant: The owner of both.
    /// - Returns: The number of messages that moved.
    /// - Throws: ``ContactMergeError``, and nothing has happened then.
    public func merge(_ other: String, into kept: String, tenant: String) async throws -> Int {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let keptID = try await Self.contact(kept, tenant: tenant, on: connection)
            let otherID = try await Self.contact(other, tenant: tenant, on: connection)
            guard keptID != otherID else { throw ContactMergeError.same(other) }
            // New messages to either wait until the merge is over.
            let locked = try await connection.query(
                """
                SELECT id, "mergedInto" IS NOT NULL, "contactId" FROM contacts WHERE id = ANY(\([keptID, otherID])::uuid[])
                ORDER BY id FOR UPDATE
                """
            )
            for row in locked where try row.decode(1, as: Bool.self) {
                throw ContactMergeError.merged(try row.decode(2))
            }
            let open = try await connection.query(
                """
                SELECT p.name FROM campaign_messages m
                JOIN campaign_messages n ON n."runId" = m."runId" AND n."contactId" = \(keptID)
                    AND n."triggerEventId" IS NOT DISTINCT FROM m."triggerEventId"
                JOIN campaign_runs r ON r.id = m."runId" AND r.status IN \(anyOf: RunStatus.open)
                JOIN campaigns p ON p.id = r."campaignId"
                WHERE m."contactId" = \(otherID) LIMIT 1
                """
            )
            if let row = open.first {
                throw ContactMergeError.inOpenRun(kept, other, campaign: try row.decode(0))
            }
            for statement in Self.statements(otherID, into: keptID) { try await connection.execute(statement) }
            let moved = try await connection.execute(Self.moveMessages(otherID, into: keptID))
            try await connection.execute(Self.moveResponses(otherID, into: keptID))
            try await connection.execute(Self.joinRows(otherID, into: keptID))
            try await connection.execute(
                """
                UPDATE contacts SET "mergedInto" = \(keptID), "deactivatedAt" = coalesce("deactivatedAt", now()),
                    "currentNumber" = NULL, "updatedAt" = now()
                WHERE id = \(otherID)
                """
            )
            return moved
        }
    }

    private static func contact(
        _ name: String,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> UUID {
        let rows = try await connection.query(
            """
            SELECT c.id, c."contactId" FROM contacts c
            WHERE c."tenantId" = \(tenant) AND (
                c.id = \(UUID(uuidString: name)) OR contact_key(c."contactId") = contact_key(\(name))
            )
            ORDER BY c."contactId" <> \(name), c."mergedInto" IS NOT NULL, c."contactId"
            """
        )
        guard let first = rows.first else { throw ContactMergeError.unknown(name, tenant: tenant) }
        let ids = try rows.map { try $0.decode(1, as: String.self) }
        guard rows.count == 1 || ids[0] == name else { throw ContactMergeError.ambiguous(name, ids) }
        return try first.decode(0)
    }

    private static func moveMessages(_ other: UUID, into kept: UUID) -> PostgresQuery {
        """
        UPDATE campaign_messages m SET "contactId" = \(kept)
        WHERE m."contactId" = \(other) AND NOT EXISTS (
            SELECT FROM campaign_messages n
            WHERE n."contactId" = \(kept) AND n."runId" = m."runId"
                AND n."triggerEventId" IS NOT DISTINCT FROM m."triggerEventId"
        )
        """
    }

    /// Moves the responses to runs that count none of the kept contact.
    private static func moveResponses(_ other: UUID, into kept: UUID) -> PostgresQuery {
        """
        UPDATE run_responses s SET "contactId" = \(kept)
        WHERE s."contactId" = \(other) AND NOT EXISTS (
            SELECT FROM run_responses n WHERE n."contactId" = \(kept) AND n."runId" = s."runId" AND n.kind = s.kind
        )
        """
    }

    /// Moves ids and windows; the id of the contact that ends becomes one of the kept contact.
    private static func statements(_ other: UUID, into kept: UUID) -> [PostgresQuery] {
        [
            """
            INSERT INTO contact_ids ("tenantId", key, "contactId", kind, id, "createdAt")
            SELECT "tenantId", key, \(kept)::uuid, kind, id, "createdAt" FROM contact_ids WHERE "contactId" = \(other)
            UNION ALL
            SELECT "tenantId", contact_key("contactId"), \(kept)::uuid, 'contactId', "contactId", now()
            FROM contacts WHERE id = \(other)
            ON CONFLICT DO NOTHING
            """,
            "DELETE FROM contact_ids WHERE \"contactId\" = \(other)",
            """
            INSERT INTO contact_windows AS i ("contactId", "phoneNumberId", "tenantId", "lastInboundAt")
            SELECT \(kept)::uuid, "phoneNumberId", "tenantId", "lastInboundAt" FROM contact_windows WHERE "contactId" = \(other)
            ON CONFLICT ("contactId", "phoneNumberId") DO UPDATE
            SET "lastInboundAt" = greatest(i."lastInboundAt", excluded."lastInboundAt")
            """,
            "DELETE FROM contact_windows WHERE \"contactId\" = \(other)",
            "UPDATE contacts SET \"mergedInto\" = \(kept) WHERE \"mergedInto\" = \(other)",
        ]
    }

    /// Fills what the kept contact lacks, and takes the stricter consent: opted in only if both are, and since the later time.
    private static func joinRows(_ other: UUID, into kept: UUID) -> PostgresQuery {
        """
        UPDATE contacts k SET
            name = coalesce(k.name, o.name), email = coalesce(k.email, o.email), pin = coalesce(k.pin, o.pin),
            "yearOfBirth" = coalesce(k."yearOfBirth", o."yearOfBirth"),
            "paymentStatus" = coalesce(k."paymentStatus", o."paymentStatus"),
            "messageCount" = least(coalesce(k."messageCount", 0)::bigint + coalesce(o."messageCount", 0), 2147483647),
            "firstSeen" = least(k."firstSeen", o."firstSeen"), "lastSeen" = greatest(k."lastSeen", o."lastSeen"),
            metadata = coalesce(o.metadata, '{}') || coalesce(k.metadata, '{}'),
            tags = ARRAY(SELECT DISTINCT t FROM unnest(coalesce(k.tags, '{}') || coalesce(o.tags, '{}')) t ORDER BY t),
            "optedIn" = k."optedIn" IS TRUE AND o."optedIn" IS TRUE,
            "suppressedLevel" = least(k."suppressedLevel", o."suppressedLevel"),
            "optedInAt" = greatest(k."optedInAt", o."optedInAt"), "optedOutAt" = greatest(k."optedOutAt", o."optedOutAt"),
            "deactivatedAt" = coalesce(k."deactivatedAt", o."deactivatedAt"),
            "currentNumber" = coalesce(k."currentNumber", CASE WHEN o."currentNumber" <> k."contactId" THEN o."currentNumber" END),
            "currentNumberAt" = coalesce(k."currentNumberAt", o."currentNumberAt"),
            "updatedAt" = now()
        FROM contacts o WHERE k.id = \(kept) AND o.id = \(other)
        """
    }
}
