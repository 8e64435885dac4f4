public import Foundation
public import Postgres
public import Spec

/// The conditions that make contacts recipients; plan, preview and launch all count with these.
enum AudienceQuery {
    /// The 24 h window after a contact's message, in seconds.
    static let windowLength: TimeInterval = 24 * 3600

    /// The facts by which contacts become recipients.
    struct Audience {
        let tenant: String
        let filter: AudienceFilter
        let category: TemplateSpec.Category
        let window: ContactWindow
    }

    /// Selects the recipients, as a condition on `contacts AS c`: the tenant's own, opted in, not suppressed, active,
    /// within the filter, and with a number if the message needs one.
    static func recipients(
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category,
        rules: FilterRules = .current,
        now: Date
    ) -> PostgresQuery {
        """
        c."tenantId" = \(tenant) AND c."deactivatedAt" IS NULL
            AND \(fragment: mayGet(category)) AND \(fragment: filter.condition(now: now, rules: rules))
        """
    }

    /// Returns the condition for contacts, as `c`, who agree to messages of a category, and can get them.
    static func mayGet(_ category: TemplateSpec.Category) -> PostgresQuery {
        let allowed = ConsentCondition.allows(category)
        return category.needsNumber ? "\(fragment: allowed) AND \(fragment: Recipient.hasNumber)" : allowed
    }

    /// Counts the recipients, split by their 24 hour window, and the others within the filter by the reason.
    static func size(
        of audience: Audience,
        in part: PostgresQuery = "",
        now: Date,
        countingNumbers: Bool = false,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        try await sizes(of: [audience], in: part, now: now, countingNumbers: countingNumbers, on: connection)[0]
    }

    /// Counts several audiences in one query, each in one pass over the contacts within its filter.
    ///
    /// - Parameters:
    ///   - audiences: The audiences.
    ///   - part: The clause that takes a part of the contacts; empty for all of them.
    ///   - now: The instant that counts.
    ///   - countingNumbers: True to count recipients by the beginnings of their numbers as well, in the same pass.
    ///   - connection: The connection to use.
    /// - Returns: The sizes, in the order of the audiences.
    /// - Throws: `PostgresError`.
    static func sizes(
        of audiences: [Audience],
        in part: PostgresQuery = "",
        now: Date,
        countingNumbers: Bool = false,
        on connection: PostgresConnection
    ) async throws -> [AudienceSize] {
        guard !audiences.isEmpty else { return [] }
        let queries = audiences.enumerated().map { index, audience -> PostgresQuery in
            let isRecipient: PostgresQuery = "c.\"deactivatedAt\" IS NULL AND \(fragment: mayGet(audience.category))"
            let reasons = LeftOut.Reason.counted.map { reason -> PostgresQuery in
                "count(*) FILTER (WHERE \(fragment: condition(of: reason, audience.category)))"
            }
            let start: PostgresQuery =
                countingNumbers
                ? ", CASE WHEN \(fragment: isRecipient) THEN \(fragment: NumberStart.of(AudienceZones.number)) END AS beginning"
                : ""
            return """
                SELECT \(index)::int AS number, count(*) FILTER (WHERE \(fragment: isRecipient)),
                    count(*) FILTER (WHERE \(fragment: isRecipient) AND \(fragment: audience.window.isOpen)),
                    \(fragment: .joined(reasons, separator: ", "))\(fragment: start)
                FROM contacts c \(fragment: part)
                WHERE c."tenantId" = \(audience.tenant) AND \(fragment: audience.filter.condition(now: now))
                \(fragment: countingNumbers ? "GROUP BY beginning" : "")
                """
        }
        let rows = try await connection.query(
            "\(fragment: .joined(queries, separator: " UNION ALL ")) ORDER BY number\(fragment: countingNumbers ? ", beginning" : "")",
            deadline: .seconds(300)
        )
        let empty = AudienceSize(total: 0, inWindow: 0, beginnings: countingNumbers ? [] : nil)
        var sizes = [AudienceSize](repeating: empty, count: audiences.count)
        for row in rows {
            var leftOut = LeftOut()
            for (index, reason) in LeftOut.Reason.counted.enumerated() { leftOut[reason] = try row.decode(3 + index) }
            let group = AudienceSize(total: try row.decode(1), inWindow: try row.decode(2), leftOut: leftOut)
            let beginning = countingNumbers ? try row.decode("beginning", as: String?.self) : nil
            sizes[try row.decode(0, as: Int.self)].add(group, beginning: beginning)
        }
        return sizes
    }

    /// Counts the contacts of tenants by the first reason why they get no messages, whatever the audience.
    static func contacts(
        of tenants: [String],
        in part: PostgresQuery = "",
        on connection: PostgresConnection
    ) async throws -> [String: TenantContacts] {
        let counts = LeftOut.Reason.counted.map { reason -> PostgresQuery in
            "count(*) FILTER (WHERE \(fragment: condition(of: reason, .marketing)))"
        }
        let rows = try await connection.query(
            """
            SELECT c."tenantId", count(*) FILTER (
                    WHERE c."deactivatedAt" IS NULL OR (c."erasedAt" IS NULL AND c."mergedInto" IS NULL)
                ), \(fragment: .joined(counts, separator: ", "))
            FROM contacts c \(fragment: part) WHERE c."tenantId" = ANY(\(tenants)::text[]) GROUP BY 1
            """,
            deadline: .seconds(300)
        )
        var contacts: [String: TenantContacts] = [:]
        for row in rows {
            var leftOut = LeftOut()
            for (index, reason) in LeftOut.Reason.counted.enumerated() { leftOut[reason] = try row.decode(2 + index) }
            contacts[try row.decode(0)] = TenantContacts(all: try row.decode(1), leftOut: leftOut)
        }
        return contacts
    }

    /// Returns the condition for contacts, as `c`, that are left out for a reason, and for none before it.
    ///
    /// Rows of people who were erased or merged are no contacts any more. The test that fails for most contacts comes first, because
    /// each contact is asked for each reason.
    private static func condition(of reason: LeftOut.Reason, _ category: TemplateSpec.Category) -> PostgresQuery {
        let isActive: PostgresQuery = "c.\"deactivatedAt\" IS NULL"
        return switch reason {
        case .deactivated: "c.\"deactivatedAt\" IS NOT NULL AND c.\"erasedAt\" IS NULL AND c.\"mergedInto\" IS NULL"
        case .optedOut: "c.\"optedIn\" IS NOT TRUE AND \(fragment: isActive)"
        case .suppressed: "c.\"suppressedLevel\" = 'all' AND c.\"optedIn\" AND \(fragment: isActive)"
        case .marketingStopped where category.isMarketing:
            "c.\"suppressedLevel\" <> 'all' AND c.\"optedIn\" AND \(fragment: isActive)"
        case .noNumber where category.needsNumber:
            """
            NOT \(fragment: Recipient.hasNumber) AND \(fragment: ConsentCondition.allows(category)) AND \(fragment: isActive)
            """
        case .marketingStopped, .noNumber, .windowClosed: "false"
        }
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
    ///   - category: The category of the message: people who stopped only marketing messages are recipients of others.
    ///   - number: The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    ///   - now: The instant of the launch.
    ///   - countingNumbers: True to count by the beginnings of numbers as well, for the costs.
    /// - Returns: The size.
    /// - Throws: `PostgresError`.
    public func size(
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category = .marketing,
        number: String? = nil,
        now: Date,
        countingNumbers: Bool = false
    ) async throws -> AudienceSize {
        try await pool.withConnection { connection in
            try await AudienceQuery.size(
                of: AudienceQuery.Audience(
                    tenant: tenant,
                    filter: filter,
                    category: category,
                    window: ContactWindow(at: now, number: number)
                ),
                now: now,
                countingNumbers: countingNumbers,
                on: connection
            )
        }
    }

    /// Counts the contacts of a tenant, whatever the audience.
    public func contacts(of tenant: String) async throws -> TenantContacts {
        try await pool.withConnection { try await AudienceQuery.contacts(of: [tenant], on: $0)[tenant] }
            ?? TenantContacts()
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
        of audiences: [(tenant: String, filter: AudienceFilter, category: TemplateSpec.Category, number: String?)],
        now: Date,
        countingNumbers: Bool = false,
        on connection: PostgresConnection
    ) async throws -> [AudienceSize] {
        try await AudienceQuery.sizes(
            of: audiences.map { audience in
                AudienceQuery.Audience(
                    tenant: audience.tenant,
                    filter: audience.filter,
                    category: audience.category,
                    window: ContactWindow(at: now, number: audience.number)
                )
            },
            now: now,
            countingNumbers: countingNumbers,
            on: connection
        )
    }

    /// Counts the contacts of tenants in one query, whatever the audience.
    public static func contacts(
        of tenants: [String],
        on connection: PostgresConnection
    ) async throws -> [String: TenantContacts] {
        try await AudienceQuery.contacts(of: tenants, on: connection)
    }
}

extension AudienceRepository {
    /// Returns the tenants whose specs were applied by the former rules of filters only.
    package static func tenantsOfFormerFilters(on connection: PostgresConnection) async throws -> Set<String> {
        let rows = try await connection.query(#"SELECT "tenantId" FROM former_filters"#)
        return Set(try rows.map { try $0.decode(0) })
    }

    /// Records that the specs of tenants were applied by the current rules of filters.
    package static func forgetFormerFilters(of tenants: [String], on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            DELETE FROM former_filters WHERE "tenantId" = ANY(\(tenants))
            """
        )
    }

    /// Counts the recipients of a filter by the former rules and by the current ones.
    package static func sizesByBothRules(
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> (former: Int, current: Int) {
        func recipients(_ rules: FilterRules) -> PostgresQuery {
            AudienceQuery.recipients(tenant: tenant, filter: filter, category: category, rules: rules, now: now)
        }
        let rows = try await connection.query(
            """
            SELECT (SELECT count(*) FROM contacts c WHERE \(fragment: recipients(.former))),
                (SELECT count(*) FROM contacts c WHERE \(fragment: recipients(.current)))
            """,
            deadline: .seconds(120)
        )
        return (try rows[0].decode(0), try rows[0].decode(1))
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
        category: TemplateSpec.Category = .marketing,
        isFreeText: Bool = false,
        number: String? = nil,
        now: Date,
        limit: Int
    ) async throws -> [AudienceSample] {
        let window = ContactWindow(at: now, number: number)
        let recipients: PostgresQuery = """
            \(fragment: AudienceQuery.recipients(tenant: tenant, filter: filter, category: category, now: now))
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
