public import Foundation
public import Postgres
public import Spec

extension AudienceRepository {
    /// Counts the recipients of several filters in one query.
    ///
    /// - Returns: The sizes, in the order of the filters.
    public static func sizes(
        of audiences: [(tenant: String, filter: AudienceFilter)],
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [AudienceSize] {
        guard !audiences.isEmpty else { return [] }
        let cutoff = now.addingTimeInterval(-AudienceQuery.windowLength)
        let queries = audiences.enumerated().map { index, audience -> PostgresQuery in
            let recipients = AudienceQuery.recipients(tenant: audience.tenant, filter: audience.filter, now: now)
            return """
                SELECT \(index)::int AS number, count(*), count(*) FILTER (WHERE c."lastSeen" > \(cutoff))
                FROM contacts c WHERE \(fragment: recipients)
                """
        }
        let rows = try await connection.query(
            "\(fragment: .joined(queries, separator: " UNION ALL ")) ORDER BY number",
            deadline: .seconds(300)
        )
        return try rows.map { AudienceSize(total: try $0.decode(1), inWindow: try $0.decode(2)) }
    }
}
