public import Calendar
public import Foundation
import Postgres
import Spec

/// A time of a schedule, or of a campaign with a time of its own, that has passed.
public struct PastOccurrence: Hashable, Sendable {
    public let scheduledFor: Date
    /// The zone of the schedule, or of the tenant for a time of the campaign itself.
    public let timeZone: String
    public let campaignID: UUID
    public let campaignName: String
    /// `started`, `skipped`, `failed` or `waiting`.
    public let outcome: String
    /// The reason why nothing started, or why it waits, for people.
    public let reason: String?
    /// The run that it started.
    public let runID: UUID?
}

/// The sender of a campaign, as far as its pace is concerned.
public struct CampaignSender: Hashable, Sendable {
    public let id: UUID
    public let name: String
    public let ratePerSecond: Int
}

extension ScheduleRepository {
    /// The maximum number of past times that can be listed; the latest count.
    public static let occurrenceLimit = 10_000

    /// Returns a page of the past times of a tenant, latest first, and how many can be listed in all.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the campaigns.
    ///   - days: The days before now; rows are kept for 90 days.
    ///   - page: The number of the page, from 1.
    ///   - limit: The items of a page.
    /// - Returns: The page, and the number of all times, at most ``occurrenceLimit``.
    /// - Throws: `PostgresError`.
    public func occurrences(
        tenant: String,
        days: Int,
        page: Int,
        limit: Int
    ) async throws -> (items: [PastOccurrence], total: Int) {
        let all = Self.past(tenant: tenant, days: days)
        let offset = (page - 1) * limit
        guard offset < Self.occurrenceLimit else { return ([], try await count(all)) }
        let rows = try await pool.query(
            """
            SELECT * FROM (\(fragment: all)) o ORDER BY "scheduledFor" DESC, campaign, "campaignId"
            LIMIT \(min(limit, Self.occurrenceLimit - offset)) OFFSET \(offset)
            """,
            deadline: .seconds(10)
        )
        let items = try rows.map { row in
            PastOccurrence(
                scheduledFor: try row.decode("scheduledFor"),
                timeZone: try row.decode("timeZone"),
                campaignID: try row.decode("campaignId"),
                campaignName: try row.decode("campaign"),
                outcome: try row.decode("outcome"),
                reason: try row.decode("reason"),
                runID: try row.decode("runId")
            )
        }
        return (items, try await count(all))
    }

    private func count(_ query: PostgresQuery) async throws -> Int {
        let rows = try await pool.query(
            "SELECT count(*) FROM (SELECT FROM (\(fragment: query)) a LIMIT \(Self.occurrenceLimit)) o",
            deadline: .seconds(10)
        )
        return try rows[0].decode(0)
    }

    /// Selects the past times of schedules, the starts of campaigns with a time of their own, and the failures of these.
    ///
    /// Each part is bounded, and the index of the tenant's times serves the first one, which can be long.
    private static func past(tenant: String, days: Int) -> PostgresQuery {
        let start: PostgresQuery = "now() - \(Double(days)) * interval '1 day'"
        let zone: PostgresQuery = """
            coalesce((
                SELECT t."timeZone" FROM tenants t WHERE t."tenantId" = c."tenantId" AND t."archivedAt" IS NULL
            ), 'UTC')
            """
        return """
            SELECT o."scheduledFor", s."timeZone", c.id AS "campaignId", c.name AS campaign, o.outcome::text, o.reason, o."runId"
            FROM (
                SELECT * FROM schedule_occurrences
                WHERE "tenantId" = \(tenant) AND "scheduledFor" > \(fragment: start)
                ORDER BY "scheduledFor" DESC LIMIT \(occurrenceLimit)
            ) o
            JOIN campaign_schedules s ON s.id = o."scheduleId" JOIN campaigns c ON c.id = s."campaignId"
            UNION ALL (
                SELECT r."scheduledFor", \(fragment: zone), c.id, c.name, \(OccurrenceOutcome.started.rawValue)::text, NULL, r.id
                FROM campaign_runs r JOIN campaigns c ON c.id = r."campaignId"
                WHERE r."tenantId" = \(tenant) AND r."scheduleId" IS NULL AND NOT r."isTest" AND r."scheduledFor" > \(fragment: start)
                ORDER BY r."scheduledFor" DESC LIMIT \(occurrenceLimit)
            ) UNION ALL (
                SELECT c."scheduledAt", \(fragment: zone), c.id, c.name, \(OccurrenceOutcome.failed.rawValue)::text,
                    c."statusReason", NULL
                FROM campaigns c
                WHERE c."tenantId" = \(tenant) AND c."scheduledAt" BETWEEN \(fragment: start) AND now()
                    AND c.status = \(campaign: .failed) AND NOT EXISTS (
                        SELECT FROM campaign_runs r WHERE r."campaignId" = c.id AND r."scheduledFor" = c."scheduledAt"
                    )
                ORDER BY c."scheduledAt" DESC LIMIT \(occurrenceLimit)
            )
            """
    }

    /// Returns the senders of campaigns; a campaign without a sender is left out.
    public func senders(of campaigns: [UUID]) async throws -> [UUID: CampaignSender] {
        guard !campaigns.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT c.id AS campaign, s.id, s.name, s."ratePerSecond" FROM campaigns c JOIN senders s ON s.id = c."senderId"
            WHERE c.id = ANY(\(campaigns)::uuid[])
            """
        )
        var senders: [UUID: CampaignSender] = [:]
        for row in rows {
            senders[try row.decode("campaign")] = CampaignSender(
                id: try row.decode("id"),
                name: try row.decode("name"),
                ratePerSecond: try row.decode("ratePerSecond")
            )
        }
        return senders
    }

    /// Counts the recipients that a launch of a campaign would have now; it locks nothing.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - zone: The zone of its schedule, to count them by zone, too; `nil` if its schedule is not by the clock of each contact.
    ///   - timeout: The time after which Postgres gives up.
    /// - Returns: The numbers; `nil` if it takes longer, or the campaign lacks something that a launch needs.
    /// - Throws: `PostgresError` of any other kind.
    public func expectedRecipients(
        of campaign: UUID,
        tenant: String,
        zone: IANAZone?,
        within timeout: Duration
    ) async throws -> (recipients: Int, zones: AudienceZones?)? {
        do {
            return try await pool.transaction(readOnly: true, retries: 0) { connection in
                let limit = "\(max(1, Int(timeout.seconds * 1_000)))ms"
                try await connection.execute("SELECT set_config('statement_timeout', \(limit), true)")
                guard let candidate = try await LaunchCandidate.find(campaign, tenant: tenant, on: connection)
                else {
                    return nil
                }
                let content = try candidate.content()
                guard let audience = content.audience else { return nil }
                let now = try await LaunchRepository.present(nil, on: connection)
                let size = try await LaunchRepository.count(audience, content, of: candidate, now: now, on: connection)
                guard let zone else { return (size.total, nil) }
                return (size.total, try await Self.zones(of: candidate, else: zone, now: now, on: connection))
            }
        } catch LaunchError.noneReachable {
            return (0, nil)
        } catch is LaunchError {
            return nil
        } catch let error as PostgresError where error.isStatementTimeout {
            return nil
        }
    }
}
