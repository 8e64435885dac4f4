public import Foundation
import Postgres
import Spec

/// A person whom a webhook is about, as a tenant may know it.
struct Sighting: Hashable, Sendable {
    let tenantID: String
    let person: InboundReport.Person
    let at: Date
}

/// The contacts of the people whom webhooks are about.
///
/// A contact is found by any spelling of its number, by the ids that WhatsApp has for it, and by the message that the
/// person answers. Several rows of one person are all found.
struct InboundPeople: Sendable {
    private(set) var contacts: [Sighting: [UUID]] = [:]

    subscript(sighting: Sighting) -> [UUID] { contacts[sighting] ?? [] }

    /// Looks for the contacts of people who are not found yet.
    func finding(_ sightings: [Sighting], in pool: PostgresPool) async throws -> InboundPeople {
        let open = Array(Set(sightings.filter { contacts[$0] == nil }))
        guard !open.isEmpty else { return self }
        var names: [(sighting: Int, id: String)] = []
        for (index, sighting) in open.enumerated() {
            names += sighting.person.ids.map { (sighting: index, id: $0) }
        }
        let replies = open.indices.filter { open[$0].person.repliesTo != nil }
        let rows = try await pool.query(
            """
            WITH named AS MATERIALIZED (
                SELECT n.sighting, n.tenant, contact_key(n.id) AS key, n.at FROM unnest(
                    \(names.map(\.sighting))::int[], \(names.map { open[$0.sighting].tenantID })::text[],
                    \(names.map(\.id))::text[], \(names.map { open[$0.sighting].at })::timestamptz[]
                ) AS n(sighting, tenant, id, at)
            )
            SELECT n.sighting, c.id FROM named n
            CROSS JOIN LATERAL (\(fragment: ContactLookup.byContactID("n.key", of: "n.tenant", at: "n.at"))) c
            UNION
            SELECT n.sighting, k."contactId" FROM named n
            CROSS JOIN LATERAL (\(fragment: ContactLookup.byLearnedID("n.key", of: "n.tenant"))) k
            UNION
            SELECT r.sighting, coalesce(c."mergedInto", c.id) FROM unnest(
                \(replies)::int[], \(replies.map { open[$0].tenantID })::text[],
                \(replies.map { open[$0].person.repliesTo })::text[]
            ) AS r(sighting, tenant, id)
            CROSS JOIN LATERAL (
                SELECT m."contactId", m."tenantId" FROM campaign_messages m WHERE \(only: #"m."waMessageId""#, is: "r.id")
            ) m
            JOIN contacts c ON \(key: "c.id", of: #"m."contactId""#)
            WHERE m."tenantId" = r.tenant
            """
        )
        var found = self
        for row in rows {
            found.contacts[open[try row.decode(0, as: Int.self)], default: []].append(try row.decode(1))
        }
        return found
    }

    /// The ids that the webhooks have for the contacts.
    var ids: [ContactID] {
        contacts.flatMap { sighting, contacts in
            contacts.flatMap { contact in Self.ids(of: sighting.person, contact) }
        }
    }

    private static func ids(of person: InboundReport.Person, _ contact: UUID) -> [ContactID] {
        let users = person.userIDs.map { ContactID(contact: contact, kind: .userID, id: $0) }
        guard !person.userIDs.contains(person.id) else { return users }
        return users + [ContactID(contact: contact, kind: .waID, id: person.id)]
    }

    /// Makes contacts of people who are not found, for tenants that want it.
    ///
    /// They have not agreed to anything: they are opted out until they say so, or an import does.
    func creating(_ sightings: [Sighting], in pool: PostgresPool) async throws -> InboundPeople {
        let unknown = Array(
            Set(sightings.filter { contacts[$0] == nil && $0.person.id.utf8.count <= ContactRules.longestID })
        )
        guard !unknown.isEmpty else { return self }
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", name, "optedIn")
            SELECT DISTINCT ON (tenant, contact_key(id)) tenant, id, left(name, 255), false FROM unnest(
                \(unknown.map(\.tenantID))::text[], \(unknown.map(\.person.id))::text[],
                \(unknown.map(\.person.name))::text[]
            ) AS n(tenant, id, name)
            ORDER BY tenant, contact_key(id), id ON CONFLICT DO NOTHING
            """
        )
        return try await finding(unknown, in: pool)
    }
}

/// A contact that goes on under another number.
public struct MovedContact: Hashable, Sendable {
    public let tenantID: String
    public let contact: UUID
    /// Another contact that had the new number before; messages to it reach the person, and the two can be merged.
    public let other: UUID?
}

extension InboundPeople {
    /// Gives the contacts of a person who has moved the new number and ids; history and consent stay with them.
    ///
    /// Reports come in any order. A change is kept for some days, also if no contact has the former number, so that one that was
    /// reported before the change that led to it counts, too: the person ends at the number of the latest change.
    ///
    /// If another contact has the new number already, the person has two rows. Messages go to that one only, and it is opted
    /// out if one of them is.
    ///
    /// - Returns: The contacts that changed; none if the move is known.
    static func move(
        _ sighting: Sighting,
        _ move: InboundReport.Move,
        in pool: PostgresPool
    ) async throws -> [MovedContact] {
        // Kept before the contacts are looked for: of two changes at the same time, one sees the other.
        if let number = move.number { try await keep(sighting, number: number, at: move.at, in: pool) }
        let contacts = try await InboundPeople().finding([sighting], in: pool)[sighting]
        guard !contacts.isEmpty else { return [] }
        // Learned first: after a crash in between, the repeated report finds the contact.
        let users = contacts.flatMap { contact in
            move.userIDs.map { ContactID(contact: contact, kind: .userID, id: $0) }
        }
        try await ContactIDRepository(pool: pool).learn(users)
        guard let number = move.number else { return [] }
        var (last, moved) = (Destination(number: number, at: move.at), [MovedContact]())
        while true {
            last = try await destination(after: last, tenant: sighting.tenantID, in: pool)
            try await ContactIDRepository(pool: pool).learn(
                contacts.map { ContactID(contact: $0, kind: .waID, id: last.number) }
            )
            try await ConsentRepository(pool: pool).carry(
                contacts,
                to: [last.number] + move.userIDs,
                tenant: sighting.tenantID
            )
            moved = try await Self.move(contacts, to: last, tenant: sighting.tenantID, in: pool) + moved
            // A change that came in meanwhile did not find the contact under this number yet.
            guard try await destination(after: last, tenant: sighting.tenantID, in: pool) != last else { break }
        }
        var seen: Set<UUID> = []
        return moved.filter { seen.insert($0.contact).inserted }
    }

    /// A number that a person has moved to.
    private struct Destination: Hashable {
        let number: String
        let at: Date
    }

    private static func keep(_ sighting: Sighting, number: String, at time: Date, in pool: PostgresPool) async throws {
        try await pool.execute(
            """
            INSERT INTO contact_moves ("tenantId", key, at, number)
            SELECT DISTINCT \(sighting.tenantID)::text, contact_key(i.id), \(time)::timestamptz, \(number)::text
            FROM unnest(\(sighting.person.ids)::text[]) AS i(id) ORDER BY 2 ON CONFLICT DO NOTHING
            """
        )
    }

    /// Follows the changes that came after one: from each number the next one counts.
    private static func destination(
        after move: Destination,
        tenant: String,
        in pool: PostgresPool
    ) async throws -> Destination {
        let rows = try await pool.query(
            """
            WITH RECURSIVE way AS (
                SELECT \(move.number)::text AS number, \(move.at)::timestamptz AS at
                UNION ALL
                SELECT n.number, n.at FROM way CROSS JOIN LATERAL (
                    SELECT m.number::text, m.at FROM contact_moves m
                    WHERE m."tenantId" = \(tenant) AND m.key = contact_key(way.number) AND m.at > way.at
                    ORDER BY m.at, m.number LIMIT 1
                ) n
            )
            SELECT number, at FROM way ORDER BY at DESC LIMIT 1
            """
        )
        return Destination(number: try rows[0].decode(0), at: try rows[0].decode(1))
    }

    private static func move(
        _ contacts: [UUID],
        to destination: Destination,
        tenant: String,
        in pool: PostgresPool
    ) async throws -> [MovedContact] {
        let (number, time) = (destination.number, destination.at)
        let rows = try await pool.query(
            """
            WITH moving AS MATERIALIZED (
                SELECT c.id, o.id AS other, c."optedIn" IS NOT TRUE AS "isOut", c."optedOutAt", c."suppressedLevel"
                FROM contacts c LEFT JOIN LATERAL (
                    \(fragment: ContactLookup.byContactID("contact_key(\(number))", of: "\(tenant)"))
                ) o ON o.id <> c.id
                WHERE c.id = ANY(\(contacts)::uuid[]) AND \(time) > coalesce(c."currentNumberAt", '-infinity')
                ORDER BY c.id FOR NO KEY UPDATE OF c
            ), moved AS (
                UPDATE contacts c SET
                    "currentNumber" = CASE
                        WHEN m.other IS NULL AND contact_key(c."contactId") <> contact_key(\(number)) THEN \(number)
                    END,
                    "currentNumberAt" = \(time), "updatedAt" = now()
                FROM (SELECT DISTINCT ON (id) id, other FROM moving ORDER BY id, other) m
                WHERE \(key: "c.id", of: "m.id")
            ), warned AS (
                UPDATE contacts c SET
                    "optedIn" = c."optedIn" AND NOT m."isOut", "optedOutAt" = greatest(c."optedOutAt", m."optedOutAt"),
                    "suppressedLevel" = least(c."suppressedLevel", m."suppressedLevel"), "updatedAt" = now()
                FROM moving m
                WHERE \(key: "c.id", of: "m.other") AND (m."isOut" OR m."suppressedLevel" IS NOT NULL)
            )
            SELECT DISTINCT ON (id) id, other FROM moving ORDER BY id, other
            """
        )
        return try rows.map { row in
            MovedContact(tenantID: tenant, contact: try row.decode(0), other: try row.decode(1))
        }
    }
}
