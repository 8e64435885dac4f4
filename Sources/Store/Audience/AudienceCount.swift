public import Foundation
import Postgres
public import Spec

/// The size of an audience beside that of its tenant, counted or estimated.
public struct AudienceCount: Sendable {
    public internal(set) var size: AudienceSize
    /// The contacts of the tenant, whatever the audience.
    public let contacts: TenantContacts
    /// True if the numbers are scaled up from a part of the contacts.
    public let isEstimate: Bool
    /// The prices of the tenant; `nil` if it has none.
    var rates: TenantRates?

    /// Estimates the costs of sending to the audience; `nil` without prices of the day.
    ///
    /// - Parameters:
    ///   - category: The category of the template.
    ///   - isFreeText: True for a message without a template.
    ///   - date: The instant of the launch.
    /// - Returns: The estimate.
    public func cost(of category: TemplateSpec.Category, isFreeText: Bool, at date: Date) -> CostEstimate? {
        let size = size.reached(byFreeText: isFreeText)
        return rates?.estimate(size, of: RateCategory(template: category, isFreeText: isFreeText), at: date)
    }
}

extension AudienceRepository {
    /// Number of pages of `contacts` that an estimate reads: 40 MB, with about 50,000 contacts of all tenants.
    public static let sampledPages = 5_000

    /// Counts an audience and its tenant; if that takes longer than the `StatementLimit` of the task, estimates both.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - filter: The filter.
    ///   - category: The category of the message.
    ///   - number: The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    ///   - now: The instant of the launch.
    ///   - pages: The number of pages that an estimate reads.
    /// - Returns: The numbers.
    /// - Throws: `PostgresError`; a timeout if an estimate is not possible in time, or would read all contacts again.
    public func count(
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category = .marketing,
        number: String? = nil,
        now: Date,
        samplingPages pages: Int = AudienceRepository.sampledPages
    ) async throws -> AudienceCount {
        let audience = AudienceQuery.Audience(
            tenant: tenant,
            filter: filter,
            category: category,
            window: ContactWindow(at: now, number: number)
        )
        var count: AudienceCount
        do {
            let size = try await pool.withConnection { try await AudienceQuery.size(of: audience, now: now, on: $0) }
            count = AudienceCount(size: size, contacts: try await contacts(of: tenant), isEstimate: false)
        } catch PostgresError.timeout(let limit) {
            guard let estimate = try await estimate(audience, now: now, pages: pages) else {
                throw PostgresError.timeout(limit)
            }
            count = estimate
        }
        return try await pool.withConnection { connection in
            guard let rates = try await TenantRates.read(of: tenant, on: connection) else { return count }
            // Counting by numbers takes four times as long, so a part of many contacts must do.
            let part = try await Self.sample(pages: pages, on: connection)?.clause ?? ""
            let numbers = try await AudienceQuery.size(
                of: audience,
                in: part,
                now: now,
                countingNumbers: true,
                on: connection
            )
            count.rates = rates
            count.size.spread(like: numbers)
            return count
        }
    }

    /// Returns the clause that takes some pages of the contacts, always the same ones, and the factor to all of them; `nil` if
    /// these are all pages.
    private static func sample(
        pages: Int,
        on connection: PostgresConnection
    ) async throws -> (clause: PostgresQuery, factor: Double)? {
        let rows = try await connection.query(
            """
            SELECT pg_relation_size('contacts') / current_setting('block_size')::bigint
            """
        )
        let all = try rows[0].decode(0, as: Int.self)
        guard all > pages else { return nil }
        let percent = 100 * Double(pages) / Double(all)
        return ("TABLESAMPLE SYSTEM (\(percent)::real) REPEATABLE (1)", 100 / percent)
    }

    /// Estimates an audience from some pages of the table, always the same ones, so that its steps fit together.
    ///
    /// - Returns: The numbers; `nil` if these are all pages.
    func estimate(
        _ audience: AudienceQuery.Audience,
        now: Date,
        pages: Int
    ) async throws -> AudienceCount? {
        try await pool.withConnection { connection in
            guard let (part, factor) = try await Self.sample(pages: pages, on: connection) else { return nil }
            let size = try await AudienceQuery.size(of: audience, in: part, now: now, on: connection)
            let contacts = try await AudienceQuery.contacts(of: [audience.tenant], in: part, on: connection)
            return AudienceCount(
                size: size.scaled(by: factor),
                contacts: (contacts[audience.tenant] ?? TenantContacts()).scaled(by: factor),
                isEstimate: true
            )
        }
    }
}
