import Foundation
import Postgres

/// The rows and ids of a person.
struct ErasedPerson: Sendable {
    /// All rows of contacts, also those that were merged into another one.
    let rows: [UUID]
    /// All ids, each in its one form.
    let keys: [String]
    /// All ids as they are written.
    let ids: [String]

    /// Finds a person by an id in any spelling; also one who is no contact.
    static func find(_ id: String, tenant: String, on connection: PostgresConnection) async throws -> ErasedPerson {
        let key: PostgresQuery = "contact_key(\(id))"
        let rows = try await connection.query(
            """
            WITH named AS MATERIALIZED (
                SELECT c.id FROM (\(fragment: ContactLookup.byContactID(key, of: "\(tenant)"))) c
                UNION
                SELECT k."contactId" FROM (\(fragment: ContactLookup.byLearnedID(key, of: "\(tenant)"))) k
            ), found AS MATERIALIZED (
                SELECT id FROM named
                UNION
                -- A contact that has moved to another number, or was merged, is listed under its former one.
                SELECT c.id FROM contacts c
                WHERE c."tenantId" = \(tenant) AND c."contactId" = \(id) AND NOT EXISTS (SELECT FROM named)
            ), roots AS MATERIALIZED (
                SELECT DISTINCT coalesce(c."mergedInto", c.id) AS id FROM found f JOIN contacts c ON \(key: "c.id", of: "f.id")
            )
            SELECT id FROM roots
            UNION
            SELECT c.id FROM roots r JOIN contacts c ON \(key: #"c."mergedInto""#, of: "r.id") ORDER BY id
            """
        )
        let contacts = try rows.map { try $0.decode(0, as: UUID.self) }
        let names = try await connection.query(
            """
            SELECT n.id, contact_key(n.id) FROM (
                SELECT \(id)::text AS id
                UNION SELECT "contactId" FROM contacts WHERE id = ANY(\(contacts)::uuid[])
                UNION SELECT "currentNumber" FROM contacts WHERE id = ANY(\(contacts)::uuid[])
                UNION SELECT id FROM contact_ids WHERE "contactId" = ANY(\(contacts)::uuid[])
            ) n WHERE n.id IS NOT NULL
            """
        )
        return ErasedPerson(
            rows: contacts,
            keys: Set(try names.map { try $0.decode(1, as: String.self) }).sorted(),
            ids: try names.map { try $0.decode(0) }
        )
    }

    /// Returns the statements that remove what other tables hold.
    func removals(tenant: String) -> [PostgresQuery] {
        // A webhook has numbers without a plus sign. Short ids would be found in any webhook.
        let texts = Set(ids + keys).map { $0.hasPrefix("+") ? String($0.dropFirst()) : $0 }.filter {
            $0.utf8.count >= 7
        }
        return [
            "DELETE FROM suppressions WHERE \"tenantId\" = \(tenant) AND key = ANY(\(keys)::text[])",
            "DELETE FROM consent_changes WHERE \"tenantId\" = \(tenant) AND key = ANY(\(keys)::text[])",
            "DELETE FROM contact_ids WHERE \"contactId\" = ANY(\(rows)::uuid[])",
            """
            DELETE FROM contact_moves
            WHERE "tenantId" = \(tenant) AND (key = ANY(\(keys)::text[]) OR contact_key(number) = ANY(\(keys)::text[]))
            """,
            "DELETE FROM contact_windows WHERE \"contactId\" = ANY(\(rows)::uuid[])",
            """
            DELETE FROM webhook_forwards w WHERE w."tenantId" = \(tenant) AND EXISTS (
                SELECT FROM unnest(\(texts)::text[]) AS t(id) WHERE position(convert_to(t.id, 'UTF8') IN w.body) > 0
            )
            """,
            Self.emptyEvents(
                """
                e."tenantId" = \(tenant) AND contact_key(e."contactId") = ANY(\(keys)::text[])
                """
            ),
        ]
    }

    /// Empties events; repetitions of one are still recognized by the sender's own id of it.
    static func emptyEvents(_ condition: PostgresQuery) -> PostgresQuery {
        """
        UPDATE trigger_events e SET "contactId" = 'erased', context = NULL,
            answer = jsonb_set(e.answer, '{contactId}', '"erased"', false)
        WHERE \(fragment: condition) AND e."contactId" <> 'erased'
        """
    }

    /// Empties the rows of contacts.
    var emptied: PostgresQuery {
        """
        UPDATE contacts SET "contactId" = 'erased:' || id, name = NULL, email = NULL, pin = NULL, "yearOfBirth" = NULL,
            "messageCount" = 0, "firstSeen" = NULL, "lastSeen" = NULL, metadata = '{}', tags = '{}', "paymentStatus" = NULL,
            "optedIn" = false, "optedInAt" = NULL, "optedOutAt" = NULL, "suppressedLevel" = 'all', "currentNumber" = NULL,
            "currentNumberAt" = NULL, "deactivatedAt" = coalesce("deactivatedAt", now()), "erasedAt" = now(),
            "updatedAt" = now()
        WHERE id = ANY(\(rows)::uuid[])
        """
    }
}
