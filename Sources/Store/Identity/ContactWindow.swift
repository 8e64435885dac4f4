import Foundation
import Postgres

/// The 24 hour window of contacts, as a sender sees it.
///
/// A message of a contact opens the window for the business number that it was sent to. A tenant with one number goes by
/// `contacts."lastSeen"`. If it has several, the contact must also have written to the sender's own number, unless the
/// tenant says `window: contact`. No window is open longer than `lastSeen` says, so its index serves in both cases.
struct ContactWindow: Hashable, Sendable {
    /// Contacts who wrote later are in their window.
    let cutoff: Date
    /// The business number whose own window counts; `nil` if `lastSeen` alone decides.
    let number: String?

    /// Makes the window at an instant.
    init(at now: Date, number: String?) {
        cutoff = now.addingTimeInterval(-AudienceQuery.windowLength)
        self.number = number
    }

    /// Makes the window with the cutoff of a launch.
    init(cutoff: Date, number: String?) {
        (self.cutoff, self.number) = (cutoff, number)
    }

    /// True for contacts, as `contacts AS c`, that are in their window; not true for all others.
    var isOpen: PostgresQuery {
        guard let number else { return "c.\"lastSeen\" > \(cutoff)" }
        return "(c.\"lastSeen\" > \(cutoff) AND \(fragment: Self.wrote(to: "\(number)::text", since: "\(cutoff)")))"
    }

    /// Returns the condition for contacts, as `c`, that have written to a business number.
    static func wrote(to number: PostgresQuery, since cutoff: PostgresQuery) -> PostgresQuery {
        """
        EXISTS (
            SELECT FROM contact_windows i
            WHERE i."contactId" = c.id AND i."phoneNumberId" = \(fragment: number)
                AND i."lastInboundAt" > \(fragment: cutoff)
        )
        """
    }

    /// The business number of `senders AS s` whose own window counts; NULL if `lastSeen` alone decides.
    static let numberOfSender: PostgresQuery = """
        CASE WHEN EXISTS (
            SELECT FROM senders o
            WHERE o."tenantId" = s."tenantId" AND o."archivedAt" IS NULL AND o."phoneNumberId" <> s."phoneNumberId"
        ) AND NOT EXISTS (
            SELECT FROM tenants w
            WHERE w."tenantId" = s."tenantId" AND w."archivedAt" IS NULL AND w."window" = 'contact'
        ) THEN s."phoneNumberId" END
        """

    /// Returns the business number whose own window counts for a sender; `nil` if `lastSeen` alone decides.
    static func number(of sender: UUID, on connection: PostgresConnection) async throws(PostgresError) -> String? {
        let rows = try await connection.query(
            "SELECT \(fragment: numberOfSender) FROM senders s WHERE s.id = \(sender)"
        )
        return try rows.first?.decode(0, as: String?.self)
    }
}
