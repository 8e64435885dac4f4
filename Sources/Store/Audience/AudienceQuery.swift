import Foundation
import Postgres
import Spec

/// The conditions that make contacts recipients; plan, preview and launch all count with these.
enum AudienceQuery {
    /// How long after a contact's message we may answer freely, in seconds.
    static let windowLength: TimeInterval = 24 * 3600

    /// A condition on `contacts AS c`: the tenant's own, opted in, active, and within the filter.
    static func recipients(tenant: String, filter: AudienceFilter, now: Date) -> PostgresQuery {
        """
        c."tenantId" = \(tenant) AND c."deactivatedAt" IS NULL AND c."optedIn" AND \(fragment: filter.condition(now: now))
        """
    }

    /// Counts the recipients, split by their 24 hour window.
    static func size(
        of recipients: PostgresQuery,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        let rows = try await connection.query(
            """
            SELECT count(*), count(*) FILTER (WHERE c."lastSeen" > \(now.addingTimeInterval(-windowLength)))
            FROM contacts c WHERE \(fragment: recipients)
            """,
            deadline: .seconds(120)
        )
        return AudienceSize(total: try rows[0].decode(0), inWindow: try rows[0].decode(1))
    }
}
