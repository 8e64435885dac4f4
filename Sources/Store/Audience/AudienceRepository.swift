public import Foundation
public import Postgres
public import Spec

/// Looks at audiences without sending anything: for plans and previews.
public struct AudienceRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Counts the recipients of a filter as a launch at `now` would.
    public func size(tenant: String, filter: AudienceFilter, now: Date) async throws -> AudienceSize {
        try await pool.withConnection { connection in
            try await Self.size(tenant: tenant, filter: filter, now: now, on: connection)
        }
    }

    /// The same, on a connection whose transaction the caller owns.
    public static func size(
        tenant: String,
        filter: AudienceFilter,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        let recipients = AudienceQuery.recipients(tenant: tenant, filter: filter, now: now)
        return try await AudienceQuery.size(of: recipients, now: now, on: connection)
    }
}
