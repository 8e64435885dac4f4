import Calendar
public import Foundation
public import Postgres
public import Spec

/// Counts messages that arrived by what WhatsApp reported of their price, in the statement that reports them.
///
/// A message counts once it has arrived and its price is known, whichever report brings which, and never again: then it is
/// delivered or read with a price, which it remains. The 1,000 service messages that are free in a month come as free ones, so
/// they are not counted again here.
enum RunCharges {
    /// Returns the price of a message `m` after a report `r`: the first one that was counted, else the last one.
    static func pricing(counted: PostgresQuery) -> PostgresQuery {
        "CASE WHEN \(fragment: counted) THEN m.pricing ELSE coalesce(r.pricing, m.pricing) END"
    }

    /// True for a message `m` that was counted before a report.
    static let isCounted: PostgresQuery = """
        (m.pricing IS NOT NULL AND m.status IN (\(message: .delivered), \(message: .read)))
        """

    /// The expression `charged`, which reads an expression `changed` with the columns `new`, `pricing`, `"wasCharged"`, `"chargedAt"`
    /// and `phone`, and comes after `locked`, so that charges are written after the runs are locked.
    static let counted: PostgresQuery = """
        charged AS (
            INSERT INTO run_charges AS n ("runId", "chargedAt", type, category, beginning, count)
            SELECT c."runId", c.period, split_part(c.pricing, '/', 1), split_part(c.pricing, '/', 2), c.beginning, count(*)
            FROM (
                SELECT "runId", pricing, \(fragment: NumberStart.of("phone")) AS beginning, CASE
                    WHEN abs(extract(epoch FROM "chargedAt" - date_trunc('month', "chargedAt" + interval '1 day', 'UTC')))
                        <= 86400
                        THEN date_bin(interval '15 minutes', "chargedAt", timestamptz '2026-01-01 00:00Z')
                    ELSE date_trunc('month', "chargedAt", 'UTC') + interval '14 days'
                END AS period
                FROM changed WHERE pricing IS NOT NULL AND new IN (\(message: .delivered), \(message: .read)) AND NOT "wasCharged"
            ) c
            -- Reads all of them, so that the runs are locked first.
            WHERE (SELECT count(*) FROM locked) >= 0
            GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
            ON CONFLICT ("runId", "chargedAt", type, category, beginning) DO UPDATE SET count = n.count + excluded.count
        )
        """
}

/// Reads what runs were charged.
public struct ChargeRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns what WhatsApp charged for a campaign, by the prices of its tenant.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - run: Only this run; `nil` for all.
    /// - Returns: The costs of the messages that have arrived.
    /// - Throws: `PostgresError`, or `JSONError`.
    public func charged(campaign: UUID, tenant: String, run: UUID? = nil) async throws -> ChargedCost {
        let chosen: PostgresQuery = run.map { "AND r.id = \($0)" } ?? ""
        return try await pool.withConnection { connection in
            let rows = try await connection.query(
                """
                SELECT n."chargedAt", n.type, n.category, n.beginning, sum(n.count)::bigint
                FROM campaign_runs r JOIN run_charges n ON n."runId" = r.id
                WHERE r."campaignId" = \(campaign) AND r."tenantId" = \(tenant) \(fragment: chosen)
                GROUP BY 1, 2, 3, 4
                """
            )
            let charges = try rows.map { row in
                Charge(
                    at: try row.decode(0),
                    type: try row.decode(1),
                    category: try row.decode(2),
                    beginning: try row.decode(3),
                    count: try row.decode(4)
                )
            }
            let rates = try await TenantRates.read(of: tenant, on: connection)
            return ChargedCost(charges, by: rates?.book, zone: rates?.zone ?? .utc, currency: rates?.currency)
        }
    }
}
