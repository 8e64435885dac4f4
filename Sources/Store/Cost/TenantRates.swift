public import Calendar
import Foundation
import JSON
public import Postgres
public import Spec

/// The prices of a tenant as launches and reports use them.
public struct TenantRates: Sendable {
    public let book: RateBook
    /// The zone at whose midnight prices change: that of the tenant, or else UTC.
    public let zone: IANAZone
    /// The currency of estimates and reports; `nil` if the prices have several and none was chosen.
    public let currency: String?

    /// Reads the prices of a tenant; `nil` without any.
    public static func read(of tenant: String, on connection: PostgresConnection) async throws -> TenantRates? {
        let rows = try await connection.query(
            """
            SELECT r.rates, t."timeZone", t.policy ->> 'maxCost' AS "maxCost", (
                SELECT string_agg(DISTINCT a.currency, ',') FROM accounts a
                WHERE a."tenantId" = r."tenantId" AND a."archivedAt" IS NULL
            ) AS billed FROM tenant_rates r
            LEFT JOIN tenants t ON t."tenantId" = r."tenantId" AND t."archivedAt" IS NULL
            WHERE r."tenantId" = \(tenant) LIMIT 1
            """
        )
        guard let row = rows.first, let rates = try row.json("rates") else { return nil }
        let book = RateBook(json: rates)
        return TenantRates(
            book: book,
            zone: try row.decode("timeZone", as: String?.self).flatMap { IANAZone($0) } ?? .utc,
            currency: book.currency(
                limit: try row.decode("maxCost", as: String?.self).flatMap { Money($0) },
                billed: (try row.decode("billed", as: String?.self) ?? "").split(separator: ",").map(String.init)
            )
        )
    }

    /// Estimates the costs of a launch; `nil` if its numbers were not counted, or there are no prices of the day.
    ///
    /// - Parameters:
    ///   - size: The recipients.
    ///   - category: The category of the message.
    ///   - date: The instant of the launch.
    ///   - end: The time by which the last messages are due, if that may be another day.
    /// - Returns: The costs.
    func estimate(
        _ size: AudienceSize,
        of category: RateCategory,
        at date: Date,
        until end: Date? = nil
    ) -> CostEstimate? {
        guard let currency, let beginnings = size.beginnings else { return nil }
        func cost(at date: Date) -> CostEstimate? {
            let day = RateBook.day(of: date, in: zone)
            return CostRules.estimate(beginnings, of: category, on: day, in: currency, by: book)
        }
        return cost(at: date)?.spanning(end.flatMap(cost))
    }
}

/// Stores the prices beside the specs, so that daemons can count with them.
public enum RateRepository {
    /// Returns the tenants whose stored prices differ from a book; `nil` is a folder without prices.
    public static func differing(
        from book: RateBook?,
        of tenants: [String],
        on connection: PostgresConnection
    ) async throws -> [String] {
        let text = book.map { PostgresJSON(text: $0.json.canonicalText) }
        let rows = try await connection.query(
            """
            SELECT t.id FROM unnest(\(tenants)::text[]) AS t(id)
            LEFT JOIN tenant_rates r ON r."tenantId" = t.id WHERE r.rates IS DISTINCT FROM \(text)::jsonb ORDER BY 1
            """
        )
        return try rows.map { try $0.decode(0) }
    }

    /// Stores a book with tenants, or removes theirs.
    public static func store(
        _ book: RateBook?,
        of tenants: [String],
        on connection: PostgresConnection
    ) async throws {
        guard let book else {
            try await connection.execute("DELETE FROM tenant_rates WHERE \"tenantId\" = ANY(\(tenants)::text[])")
            return
        }
        try await connection.execute(
            """
            INSERT INTO tenant_rates AS r ("tenantId", rates)
            SELECT t.id, \(PostgresJSON(text: book.json.canonicalText))::jsonb FROM unnest(\(tenants)::text[]) AS t(id)
            ORDER BY 1
            ON CONFLICT ("tenantId") DO UPDATE SET rates = excluded.rates, "updatedAt" = now()
            WHERE r.rates <> excluded.rates
            """
        )
    }
}

/// The beginnings of numbers, by which markets are told.
enum NumberStart {
    /// Returns the expression for the beginning of a number or user id: three characters, or four digits after a 1.
    static func of(_ number: PostgresQuery) -> PostgresQuery {
        let digits: PostgresQuery = "ltrim(\(fragment: number), '+')"
        return "left(\(fragment: digits), CASE WHEN \(fragment: digits) LIKE '1%' THEN 4 ELSE 3 END)"
    }

    /// Counts recipients by the beginnings of their numbers, sorted.
    static func count(_ recipients: [(number: String, isInWindow: Bool)]) -> [NumberBeginning] {
        Dictionary(grouping: recipients) { recipient in
            let digits = recipient.number.drop { $0 == "+" }
            return String(digits.prefix(digits.hasPrefix("1") ? 4 : 3))
        }
        .map { NumberBeginning($0.key, recipients: $0.value.count, inWindow: $0.value.count(where: \.isInWindow)) }
        .sorted { $0.text < $1.text }
    }
}
