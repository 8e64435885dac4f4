public import Foundation
public import Postgres

/// Ids that WhatsApp has for the contact of a message, as an answer or a status names them.
public struct LearnedIDs: Hashable, Sendable {
    /// The id of our message; `nil` if the status did not carry it.
    public let messageID: UUID?
    public let waMessageID: String
    /// The number by which WhatsApp knows the contact, without a plus sign.
    public let waID: String?
    /// Business-scoped user ids of the contact.
    public let userIDs: [String]

    /// Makes the ids; those that no row can hold are left out.
    ///
    /// - Returns: `nil` if there are none.
    public init?(messageID: UUID?, waMessageID: String, waID: String?, userIDs: [String]) {
        self.messageID = messageID
        self.waMessageID = waMessageID
        self.waID = waID.flatMap(Self.storable)
        self.userIDs = userIDs.compactMap(Self.storable)
        guard self.waID != nil || !self.userIDs.isEmpty else { return nil }
    }

    /// Returns an id if a row can hold it.
    public static func storable(_ id: String) -> String? {
        (1...150).contains(id.utf8.count) && !id.utf8.contains(0) ? id : nil
    }
}

/// An id of a contact that is known by its key.
struct ContactID: Hashable, Sendable {
    enum Kind: String {
        /// The number by which WhatsApp knows the person.
        case waID = "waId"
        /// A business-scoped user id.
        case userID = "userId"
    }

    let contact: UUID
    let kind: Kind
    let id: String
}

/// Learns the ids that WhatsApp has for contacts.
///
/// Everything may come twice and in any order: an id that is known is left alone.
public struct ContactIDRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Stores the ids of the contacts of messages, as far as they are new; ids of unknown messages are dropped.
    ///
    /// - Throws: `PostgresError`; later reports bring the same ids.
    public func learn(_ learned: [LearnedIDs]) async throws(PostgresError) {
        guard !learned.isEmpty else { return }
        var rows: [(learned: LearnedIDs, kind: ContactID.Kind, id: String)] = []
        for one in learned {
            if let id = one.waID { rows.append((one, .waID, id)) }
            rows += one.userIDs.map { (one, .userID, $0) }
        }
        let new = try await pool.query(
            """
            WITH named AS MATERIALIZED (
                SELECT * FROM unnest(
                    \(rows.map(\.learned.messageID))::uuid[], \(rows.map(\.learned.waMessageID))::text[],
                    \(rows.map(\.kind.rawValue))::text[], \(rows.map(\.id))::text[]
                ) AS n(message, "waMessageId", kind, id)
            ), owned AS MATERIALIZED (
                SELECT m."contactId", n.kind, n.id FROM named n JOIN campaign_messages m ON \(key: "m.id", of: "n.message")
                UNION ALL
                SELECT m."contactId", n.kind, n.id FROM named n CROSS JOIN LATERAL (
                    SELECT m."contactId" FROM campaign_messages m WHERE \(only: #"m."waMessageId""#, is: #"n."waMessageId""#)
                ) m WHERE n.message IS NULL
            ), \(fragment: Self.storing("owned"))
            \(fragment: Self.consequences)
            """
        )
        try await follow(new)
    }

    /// Stores the ids of contacts that are known, as far as they are new.
    func learn(_ ids: [ContactID]) async throws(PostgresError) {
        guard !ids.isEmpty else { return }
        let new = try await pool.query(
            """
            WITH owned AS MATERIALIZED (
                SELECT * FROM unnest(
                    \(ids.map(\.contact))::uuid[], \(ids.map(\.kind.rawValue))::text[], \(ids.map(\.id))::text[]
                ) AS o("contactId", kind, id)
            ), \(fragment: Self.storing("owned"))
            \(fragment: Self.consequences)
            """
        )
        try await follow(new)
    }

    /// Returns the expression `stored`, which writes the ids of an expression that are not known yet.
    ///
    /// A message of a contact that was merged into another one teaches the ids of that one.
    private static func storing(_ owned: PostgresQuery) -> PostgresQuery {
        """
        stored AS (
            INSERT INTO contact_ids ("tenantId", key, "contactId", kind, id)
            SELECT DISTINCT ON (c."tenantId", contact_key(o.id), coalesce(c."mergedInto", c.id))
                c."tenantId", contact_key(o.id), coalesce(c."mergedInto", c.id), o.kind, o.id
            FROM \(fragment: owned) o
            -- Planned alone, or the contacts might be read in the order that is asked for.
            CROSS JOIN LATERAL (SELECT * FROM contacts c WHERE \(key: "c.id", of: #"o."contactId""#) OFFSET 0) c
            WHERE o.id <> ltrim(c."contactId", '+')
            ORDER BY c."tenantId", contact_key(o.id), coalesce(c."mergedInto", c.id), o.kind
            ON CONFLICT DO NOTHING
            RETURNING "contactId", kind, id, "tenantId"
        )
        """
    }

    /// Selects the ids that have consequences: numbers, and ids of people who have opted out.
    private static let consequences: PostgresQuery = """
        SELECT s."contactId", s.kind, s.id, s."tenantId", c."suppressedLevel" IS NOT NULL FROM stored s
        CROSS JOIN LATERAL (SELECT * FROM contacts c WHERE \(key: "c.id", of: #"s."contactId""#) OFFSET 0) c
        WHERE s.kind = 'waId' OR c."suppressedLevel" IS NOT NULL
        """

    /// Gives contacts that were known by a user id alone the number to which messages go from now on, and has opt-outs count for
    /// the new ids.
    private func follow(_ new: PostgresRows) async throws(PostgresError) {
        guard !new.isEmpty else { return }
        var numbers: [UUID: String] = [:]
        for row in new {
            let contact = try row.decode(0, as: UUID.self)
            let id = try row.decode(2, as: String.self)
            if try row.decode(1, as: String.self) == ContactID.Kind.waID.rawValue { numbers[contact] = id }
            guard try row.decode(4, as: Bool.self) else { continue }
            try await ConsentRepository(pool: pool).carry([contact], to: [id], tenant: try row.decode(3))
        }
        let ids = Array(numbers.keys)
        guard !ids.isEmpty else { return }
        try await pool.execute(
            """
            UPDATE contacts c SET "currentNumber" = n.number, "currentNumberAt" = clock_timestamp(), "updatedAt" = now()
            FROM unnest(\(ids)::uuid[], \(ids.map { numbers[$0] })::text[]) AS n(id, number)
            WHERE \(key: "c.id", of: "n.id") AND c."currentNumber" IS NULL AND \(fragment: Recipient.isKnownByUserID)
                AND n.number ~ '^[0-9]{6,15}$'
            """
        )
    }
}
