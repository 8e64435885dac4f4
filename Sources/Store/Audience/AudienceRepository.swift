public import Foundation
public import Postgres
public import Spec

/// The number of contacts in an audience.
public struct AudienceSize: Hashable, Sendable {
    public let total: Int
    /// Contacts in their 24 h window: free, and not counted against the quota.
    public let inWindow: Int
    /// Contacts that are not counted, because free text cannot reach them.
    public let unreachable: Int

    public init(total: Int, inWindow: Int, unreachable: Int = 0) {
        self.total = total
        self.inWindow = inWindow
        self.unreachable = unreachable
    }

    /// Returns the contacts that a message reaches: free text only those in their window, a template all.
    public func reached(byFreeText isFreeText: Bool) -> AudienceSize {
        guard isFreeText else { return self }
        return AudienceSize(total: inWindow, inWindow: inWindow, unreachable: unreachable + outOfWindow)
    }

    /// Contacts out of their window: each costs quota.
    public var outOfWindow: Int { total - inWindow }
}

/// The conditions that make contacts recipients; plan, preview and launch all count with these.
enum AudienceQuery {
    /// The 24 h window after a contact's message, in seconds.
    static let windowLength: TimeInterval = 24 * 3600

    /// Selects the recipients, as a condition on `contacts AS c`: the tenant's own, opted in, not suppressed, active, and
    /// within the filter.
    static func recipients(tenant: String, filter: AudienceFilter, isMarketing: Bool, now: Date) -> PostgresQuery {
        """
        c."tenantId" = \(tenant) AND c."deactivatedAt" IS NULL
            AND \(fragment: ConsentCondition.allows(isMarketing: isMarketing)) AND \(fragment: filter.condition(now: now))
        """
    }

    /// Counts the recipients, split by their 24 hour window.
    static func size(
        of recipients: PostgresQuery,
        window: ContactWindow,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        let rows = try await connection.query(
            """
            SELECT count(*), count(*) FILTER (WHERE \(fragment: window.isOpen))
            FROM contacts c WHERE \(fragment: recipients)
            """,
            deadline: .seconds(120)
        )
        return AudienceSize(total: try rows[0].decode(0), inWindow: try rows[0].decode(1))
    }
}

/// Counts and samples audiences, for plans and previews.
public struct AudienceRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Counts the recipients of a filter as a launch at `now` would.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - filter: The filter.
    ///   - isMarketing: False if contacts who stopped only marketing messages are recipients.
    ///   - number: The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    ///   - now: The instant of the launch.
    /// - Returns: The size.
    /// - Throws: `PostgresError`.
    public func size(
        tenant: String,
        filter: AudienceFilter,
        isMarketing: Bool = true,
        number: String? = nil,
        now: Date
    ) async throws -> AudienceSize {
        try await pool.withConnection { connection in
            let recipients = AudienceQuery.recipients(
                tenant: tenant,
                filter: filter,
                isMarketing: isMarketing,
                now: now
            )
            let window = ContactWindow(at: now, number: number)
            return try await AudienceQuery.size(of: recipients, window: window, on: connection)
        }
    }

    /// Returns the business number whose own 24 hour window counts for a sender; `nil` if any of the tenant's does.
    public func windowNumber(of sender: UUID) async throws -> String? {
        try await pool.withConnection { try await ContactWindow.number(of: sender, on: $0) }
    }
}

extension AudienceRepository {
    /// Counts the recipients of several filters in one query, each with the business number whose own 24 hour window
    /// counts.
    ///
    /// - Returns: The sizes, in the order of the filters.
    public static func sizes(
        of audiences: [(tenant: String, filter: AudienceFilter, isMarketing: Bool, number: String?)],
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [AudienceSize] {
        guard !audiences.isEmpty else { return [] }
        let queries = audiences.enumerated().map { index, audience -> PostgresQuery in
            let recipients = AudienceQuery.recipients(
                tenant: audience.tenant,
                filter: audience.filter,
                isMarketing: audience.isMarketing,
                now: now
            )
            let window = ContactWindow(at: now, number: audience.number)
            return """
                SELECT \(index)::int AS number, count(*), count(*) FILTER (WHERE \(fragment: window.isOpen))
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

/// A recipient in a preview.
public struct AudienceSample: Hashable, Sendable {
    /// The phone number.
    public let contactID: String
    public let name: String?
    /// True if the 24 hour window is open.
    public let isInWindow: Bool
}

extension AudienceRepository {
    /// Returns the first recipients of a filter, in the order in which a launch writes their messages; of free text only
    /// those in their window.
    ///
    /// - Throws: `PostgresError`.
    public func samples(
        tenant: String,
        filter: AudienceFilter,
        isMarketing: Bool = true,
        isFreeText: Bool = false,
        number: String? = nil,
        now: Date,
        limit: Int
    ) async throws -> [AudienceSample] {
        let window = ContactWindow(at: now, number: number)
        let recipients: PostgresQuery = """
            \(fragment: AudienceQuery.recipients(tenant: tenant, filter: filter, isMarketing: isMarketing, now: now))
                AND (NOT \(isFreeText) OR \(fragment: window.isOpen))
            """
        let rows = try await pool.query(
            """
            SELECT c."contactId", c.name, coalesce(\(fragment: window.isOpen), false)
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
