public import Foundation
public import Postgres

/// A reason why the next times of a schedule start no run, although the schedule itself is in order.
public struct ScheduleHindrance: Sendable {
    public let tenant: String
    public let schedule: String
    public let campaign: String
    /// The state of the campaign, if no schedule starts it in that state.
    public let status: CampaignStatus?
    /// The time of the clock for which a run is still being sent by the clocks of the contacts, and when its last zone comes.
    public let run: (time: String, last: Date)?
}

extension ScheduleRepository {
    /// Finds what keeps schedules from starting runs.
    ///
    /// - Parameters:
    ///   - schedules: The schedules.
    ///   - now: The present.
    ///   - connection: The connection to use; a role that may not read the zones of runs is told nothing of runs.
    /// - Returns: The hindrances, in the order of tenants and names; schedules without one are left out.
    /// - Throws: `PostgresError`.
    public static func hindrances(
        of schedules: [(tenant: String, name: String)],
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [ScheduleHindrance] {
        guard !schedules.isEmpty else { return [] }
        let mayRead = try await connection.query("SELECT has_table_privilege('run_zones', 'SELECT')")
        let runs: PostgresQuery =
            try mayRead[0].decode(0)
            ? """
            LEFT JOIN LATERAL (
                SELECT r."localTime", max(z."sendAt") AS last FROM campaign_runs r
                JOIN run_zones z ON z."runId" = r.id AND z."skipCode" IS NULL AND z.contacts > 0
                WHERE r."scheduleId" = s.id AND r."localTime" IS NOT NULL
                    AND r."scheduledFor" > \(now)::timestamptz - interval '3 days'
                    AND r.status NOT IN \(anyOf: [RunStatus.cancelled, .failed])
                GROUP BY r.id ORDER BY 2 DESC LIMIT 1
            ) r ON r.last > \(now)
            """
            : #"CROSS JOIN (SELECT NULL AS "localTime", NULL::timestamptz AS last) r"#
        let rows = try await connection.query(
            """
            SELECT s."tenantId", s.name, c.name AS campaign, c.status, r."localTime", r.last
            FROM unnest(\(schedules.map(\.tenant))::text[], \(schedules.map(\.name))::text[]) AS n(tenant, name)
            JOIN campaign_schedules s ON s."tenantId" = n.tenant AND s.name = n.name AND s."archivedAt" IS NULL
            JOIN campaigns c ON c.id = s."campaignId"
            \(fragment: runs)
            ORDER BY 1, 2
            """
        )
        return try rows.compactMap { row in
            let status = try row.decode("status", as: CampaignStatus.self)
            let isStopped = !CampaignStatus.sources(of: .startBySchedule).contains(status)
            let last = try row.decode("last", as: Date?.self)
            guard isStopped || last != nil else { return nil }
            return ScheduleHindrance(
                tenant: try row.decode("tenantId"),
                schedule: try row.decode("name"),
                campaign: try row.decode("campaign"),
                status: isStopped ? status : nil,
                run: try last.map { (try row.decode("localTime"), $0) }
            )
        }
    }
}
