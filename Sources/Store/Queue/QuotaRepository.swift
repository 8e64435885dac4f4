public import Foundation
public import Postgres

/// The use of the 24 h quotas.
public struct QuotaRepository: Sendable {
    public init() {}

    /// Returns the business-initiated messages of the last 24 hours, counted like the buckets: this hour and the 24
    /// before.
    ///
    /// A message leaves the count when its whole hour is older than 24 hours, so never before WhatsApp stops counting it.
    ///
    /// - Returns: The numbers by quota group; a group that sent nothing is left out.
    public func used(
        by groups: [String],
        now: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [String: Int] {
        guard !groups.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT "quotaGroup", sum(count)::bigint FROM quota_hours
            WHERE "quotaGroup" = ANY(\(groups)::text[])
                AND hour > \(now)::timestamptz - interval '25 hours' AND hour <= \(now)
            GROUP BY "quotaGroup"
            """
        )
        var used: [String: Int] = [:]
        for row in rows { used[try row.decode(0)] = try row.decode(1) }
        return used
    }
}

/// The business-initiated messages of one hour.
public struct QuotaBucket: Hashable, Sendable {
    /// `YYYYMMDDHH`, in UTC.
    public let hour: String
    public let count: Int

    public init(hour: String, count: Int) {
        self.hour = hour
        self.count = count
    }
}

extension QuotaRepository {
    /// The limit of `senders AS s` for 24 hours: its own, or WhatsApp's for the account if that is lower.
    static let limit: PostgresQuery = "least(s.\"dailyLimit\", s.\"messagingLimit\")"

    /// A common table expression that counts messages against the quota of their group.
    ///
    /// It reads an earlier expression `changed` with the columns `"runId"` and `charged`, so that the statement that
    /// marks a message as sent also counts it. Messages that may have been accepted count too.
    static let counted: PostgresQuery = """
        charged AS (
            INSERT INTO quota_hours ("quotaGroup", hour, "tenantId", count)
            SELECT s."quotaGroup", date_trunc('hour', now(), 'UTC'), r."tenantId", count(*)
            FROM changed
            JOIN campaign_runs r ON \(key: "r.id", of: #"changed."runId""#)
            JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
            WHERE changed.charged GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT ("quotaGroup", hour, "tenantId") DO UPDATE SET count = quota_hours.count + excluded.count
        )
        """

    /// Returns the last 25 hours of a group, including those without messages; the current hour comes last.
    ///
    /// - Parameters:
    ///   - group: The quota group.
    ///   - underWay: Messages that are being sent at this moment; they count for the current hour.
    ///   - connection: The connection to use.
    /// - Returns: The hours in their order.
    /// - Throws: `PostgresError`.
    func buckets(
        of group: String,
        plus underWay: Int,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [QuotaBucket] {
        let rows = try await connection.query(
            """
            SELECT to_char(h.hour AT TIME ZONE 'UTC', 'YYYYMMDDHH24'), coalesce(sum(q.count), 0)::bigint
            FROM generate_series(
                date_trunc('hour', now(), 'UTC') - interval '24 hours', date_trunc('hour', now(), 'UTC'), interval '1 hour'
            ) AS h(hour)
            LEFT JOIN quota_hours q ON q."quotaGroup" = \(group) AND q.hour = h.hour
            GROUP BY h.hour ORDER BY h.hour
            """
        )
        var buckets: [QuotaBucket] = []
        for row in rows { buckets.append(QuotaBucket(hour: try row.decode(0), count: try row.decode(1))) }
        if let last = buckets.popLast() {
            buckets.append(QuotaBucket(hour: last.hour, count: last.count + underWay))
        }
        return buckets
    }

    /// Compares an audience with the quota that its sender has left.
    ///
    /// - Parameters:
    ///   - sender: The sender with the quota.
    ///   - audience: The number of recipients.
    ///   - now: The end of the 24 hours.
    ///   - connection: The connection to use.
    /// - Returns: The result: whether the launch can go ahead, and a warning if the quota does not suffice.
    /// - Throws: `PostgresError`.
    public func check(
        sender: UUID,
        audience: AudienceSize,
        now: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> QuotaCheck {
        let rows = try await connection.query(
            """
            SELECT s."quotaGroup", \(fragment: Self.limit), s."onQuotaExhausted" FROM senders s WHERE s.id = \(sender)
            """
        )
        guard let row = rows.first else {
            return QuotaCheck(audience: audience, quotaStatus: QuotaStatus(businessSent24h: 0, tierLimit: nil))
        }
        let group = try row.decode(0, as: String.self)
        let used = try await used(by: [group], now: now, on: connection)
        let status = QuotaStatus(
            businessSent24h: used[group] ?? 0,
            tierLimit: try row.decode(1),
            resumesByItself: try row.decode(2, as: String.self) == "wait"
        )
        return QuotaCheck(audience: audience, quotaStatus: status)
    }
}

extension QuotaRepository {
    /// Returns the quota of each sender.
    ///
    /// - Returns: The senders in their order, each with its quota; senders of one group share it.
    public func status(
        of senders: [SenderRecord],
        now: Date,
        on pool: PostgresPool
    ) async throws -> [(sender: SenderRecord, quota: QuotaStatus)] {
        let groups = Array(Set(senders.map(\.quotaGroup)))
        let used = try await pool.withConnection { try await self.used(by: groups, now: now, on: $0) }
        return senders.map { sender in
            let status = QuotaStatus(
                businessSent24h: used[sender.quotaGroup] ?? 0,
                tierLimit: sender.dailyLimit,
                resumesByItself: sender.resumesByItself
            )
            return (sender, status)
        }
    }
}
