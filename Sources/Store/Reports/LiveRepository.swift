public import Foundation
public import Postgres

/// A run as people watch it.
public struct LiveRun: Sendable {
    public let run: RunRecord
    /// The campaign's title for people.
    public let title: String?
    /// The name of the schedule that opened it.
    public let schedule: String?
    public let createdAt: Date

    fileprivate init(row: PostgresRow) throws(PostgresError) {
        run = try RunRecord(row: row)
        title = try row.decode("title")
        schedule = try row.decode("schedule")
        createdAt = try row.decode("createdAt")
    }
}

/// The messages of a run that WhatsApp accepted, and those that failed, in one minute.
public struct LiveMinute: Hashable, Sendable {
    /// Messages that WhatsApp accepted.
    public let accepted: Int
    /// Messages that failed; below 0 if more arrived after all.
    public let failed: Int
}

/// A daemon as it says of itself.
public struct LiveDaemon: Sendable {
    public let id: UUID
    public let version: String
    public let startedAt: Date
    public let lastSeen: Date
    /// The time at which it stopped as it was told to.
    public let stoppedAt: Date?
    /// True if it was seen lately and has not stopped.
    public let isLive: Bool
}

/// Reads the present state of tenants for people who watch it.
public struct LiveRepository: Sendable {
    /// Number of minutes that are shown of a run.
    public static let minuteCount = 10
    /// The most runs of a tenant.
    public static let largestCount = 200
    /// Time for which a run is still shown after its end, in seconds.
    public static let afterglow = 600.0

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the time zone of a tenant; `nil` if it has no spec.
    ///
    /// - Throws: `PostgresError`.
    public func timeZone(ofTenant tenant: String) async throws(PostgresError) -> String? {
        let rows = try await pool.query(
            #"SELECT "timeZone" FROM tenants WHERE "tenantId" = \#(tenant) AND "archivedAt" IS NULL"#
        )
        return try rows.first?.decode("timeZone", as: String?.self)
    }

    /// Returns the open runs of tenants and those that ended lately, newest first.
    ///
    /// Standing runs of triggers are left out while they have nothing to send.
    ///
    /// - Parameters:
    ///   - tenants: The owners of the runs.
    ///   - seen: Runs that were returned before and are wanted again.
    ///   - deadline: The longest time that the statement may take.
    /// - Returns: At most ``largestCount`` of each tenant, and those of `seen`.
    /// - Throws: `PostgresError`.
    public func runs(
        of tenants: [String],
        seen: [UUID],
        deadline: Duration
    ) async throws(PostgresError) -> [LiveRun] {
        let rows = try await pool.query(
            """
            SELECT q.*, x."createdAt", c.title, d.name AS schedule
            FROM (\(fragment: RunRecord.selection)) q
            JOIN campaign_runs x ON x.id = q.id
            JOIN campaigns c ON c.id = q."campaignId"
            LEFT JOIN campaign_schedules d ON d.id = x."scheduleId"
            WHERE x.id IN (
                SELECT l.id FROM unnest(\(tenants)::text[]) AS t(id) CROSS JOIN LATERAL (
                    SELECT r.id FROM campaign_runs r
                    WHERE r."tenantId" = t.id AND r.status IN \(anyOf: RunStatus.open) AND NOT r."isTest"
                        AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
                    ORDER BY r.id DESC LIMIT \(Self.largestCount)
                ) l
                UNION ALL
                SELECT l.id FROM unnest(\(tenants)::text[]) AS t(id) CROSS JOIN LATERAL (
                    SELECT r.id FROM campaign_runs r
                    WHERE r."tenantId" = t.id AND r."completedAt" > now() - \(Self.afterglow) * interval '1 second'
                        AND NOT r."isTest"
                    ORDER BY r."completedAt" DESC LIMIT \(Self.largestCount)
                ) l
                UNION ALL SELECT s.id FROM unnest(\(seen)::uuid[]) AS s(id)
            )
            ORDER BY x.id DESC
            """,
            deadline: deadline
        )
        return try rows.map { (row) throws(PostgresError) in try LiveRun(row: row) }
    }

    /// Returns what happened to the messages of runs in the present minute and the nine before it.
    ///
    /// - Parameters:
    ///   - runs: The runs.
    ///   - deadline: The longest time that the statement may take.
    /// - Returns: Ten minutes of each run that had any, oldest first.
    /// - Throws: `PostgresError`.
    public func minutes(of runs: [UUID], deadline: Duration) async throws(PostgresError) -> [UUID: [LiveMinute]] {
        guard !runs.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT m."runId", m.accepted, m.failed,
                (extract(epoch FROM date_trunc('minute', now()) - m.minute) / 60)::int AS age
            FROM unnest(\(runs)::uuid[]) AS r(id)
            JOIN run_minutes m ON m."runId" = r.id AND m.minute >= date_trunc('minute', now()) - interval '9 minutes'
            """,
            deadline: deadline
        )
        var minutes: [UUID: [LiveMinute]] = [:]
        for row in rows {
            let age = try row.decode("age", as: Int.self)
            guard (0..<Self.minuteCount).contains(age) else { continue }
            let none = Array(repeating: LiveMinute(accepted: 0, failed: 0), count: Self.minuteCount)
            minutes[try row.decode("runId"), default: none][Self.minuteCount - 1 - age] = LiveMinute(
                accepted: try row.decode("accepted"),
                failed: try row.decode("failed")
            )
        }
        return minutes
    }

    /// Returns how often WhatsApp silenced senders for their rate within 15 minutes, by sender.
    ///
    /// - Throws: `PostgresError`.
    public func throttles(
        of senders: [UUID],
        deadline: Duration
    ) async throws(PostgresError) -> [UUID: Int] {
        guard !senders.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT t."senderId", sum(t.count)::bigint AS count FROM unnest(\(senders)::uuid[]) AS s(id)
            JOIN sender_throttles t ON t."senderId" = s.id AND t.minute > now() - interval '15 minutes'
            GROUP BY 1
            """,
            deadline: deadline
        )
        var counts: [UUID: Int] = [:]
        for row in rows { counts[try row.decode("senderId")] = try row.decode("count") }
        return counts
    }

    /// Returns the daemons that were seen lately, the oldest first.
    ///
    /// - Parameter deadline: The longest time that the statement may take.
    /// - Returns: The daemons, and the clock of Postgres.
    /// - Throws: `PostgresError`.
    public func daemons(deadline: Duration) async throws(PostgresError) -> (now: Date, daemons: [LiveDaemon]) {
        let rows = try await pool.query(
            """
            SELECT clock_timestamp() AS now, d.id, d.version, d.since, d."lastSeen", d."stoppedAt"
            FROM (VALUES (1)) one(n) LEFT JOIN daemon_heartbeats d ON true ORDER BY d.since, d.id
            """,
            deadline: deadline
        )
        let now = try rows[0].decode("now", as: Date.self)
        var daemons: [LiveDaemon] = []
        for row in rows {
            guard let id = try row.decode("id", as: UUID?.self) else { continue }
            let seen = try row.decode("lastSeen", as: Date.self)
            let stopped = try row.decode("stoppedAt", as: Date?.self)
            daemons.append(
                LiveDaemon(
                    id: id,
                    version: try row.decode("version"),
                    startedAt: try row.decode("since"),
                    lastSeen: seen,
                    stoppedAt: stopped,
                    isLive: stopped == nil && now.timeIntervalSince(seen) <= WaitingFacts.heartbeatLimit
                )
            )
        }
        return (now, daemons)
    }
}
