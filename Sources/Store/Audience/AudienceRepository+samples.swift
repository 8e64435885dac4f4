public import Foundation
import Postgres
public import Spec

/// A recipient, as far as a preview shows them.
public struct AudienceSample: Hashable, Sendable {
    /// The phone number.
    public let contactID: String
    public let name: String?
    /// Whether they wrote within 24 hours.
    public let isInWindow: Bool
}

extension AudienceRepository {
    /// The first recipients of a filter in the order in which a launch walks them.
    ///
    /// - Throws: `PostgresError`.
    public func samples(tenant: String, filter: AudienceFilter, now: Date, limit: Int) async throws -> [AudienceSample]
    {
        let recipients = AudienceQuery.recipients(tenant: tenant, filter: filter, now: now)
        let cutoff = now.addingTimeInterval(-AudienceQuery.windowLength)
        let rows = try await pool.query(
            """
            SELECT c."contactId", c.name, coalesce(c."lastSeen" > \(cutoff), false)
            FROM contacts c WHERE \(fragment: recipients) ORDER BY c."contactId" LIMIT \(limit)
            """,
            deadline: .seconds(60)
        )
        return try rows.map { row in
            AudienceSample(
                contactID: try row.decode(0),
                name: try row.decode(1),
                isInWindow: try row.decode(2)
            )
        }
    }
}
