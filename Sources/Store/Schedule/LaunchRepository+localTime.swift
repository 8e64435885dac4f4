import Postgres

/// The messages of a run that is sent, or leaves contacts in peace, by the clock of each contact.
///
/// Contacts of a batch are ordered by the instant at which the time of the run comes in their zone, and each such instant has
/// chunks of its own, which are not fed before. So the messages of later zones wait in Postgres, and a chunk holds those of
/// one instant only. If quiet hours follow the clocks of contacts, a chunk also holds those of one clock only, and waits while
/// it is quiet there.
extension LaunchRepository {
    /// Returns the statement that writes a batch of messages with their chunks; it selects the number of contacts that were
    /// read, of messages that were written and of those that are not sent, and the last `contactId`.
    static func localInsertion(_ launch: LaunchProgress, fallback: String, size: Int) -> PostgresQuery {
        let audience = AudienceQuery.recipients(
            tenant: launch.tenantID,
            filter: launch.audience,
            category: launch.category,
            now: launch.startedAt
        )
        return """
            WITH audience AS MATERIALIZED (
                SELECT c.id, c."contactId", \(fragment: Recipient.phone) AS phone,
                    \(fragment: zone(in: launch, else: fallback)) AS zone
                FROM contacts c
                WHERE \(fragment: audience) AND \(fragment: launch.window) AND c."contactId" > \(launch.cursor)
                ORDER BY c."contactId" LIMIT \(size)
            ), numbered AS MATERIALIZED (
                SELECT a.id, a.phone, z."sendAt", z."skipCode", z."quietZone", \(launch.nextPosition)::bigint - 1 + row_number() OVER (
                        ORDER BY z."skipCode" IS NOT NULL, z."sendAt", z."quietZone", a."contactId"
                    ) AS position
                FROM audience a JOIN run_zones z ON z."runId" = \(launch.runID) AND z.zone = a.zone
            ), inserted AS (
                INSERT INTO campaign_messages (
                    id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated",
                    status, "errorCode", "errorMessage"
                )
                SELECT message_id(\(launch.runID), position), \(launch.runID), position, \(launch.campaignID),
                    \(launch.tenantID), id, phone, \(launch.phase == .outOfWindow),
                    (CASE WHEN "skipCode" IS NULL THEN \(message: .pending) ELSE \(message: .cancelled) END)
                        ::campaign_message_status_enum,
                    "skipCode", \(fragment: reason)
                FROM numbered ORDER BY position
                ON CONFLICT ("contactId", "runId", "triggerEventId") DO NOTHING
                RETURNING "errorCode"
            ), chunks AS (\(fragment: localChunks(launch)))
            SELECT (SELECT count(*) FROM audience) AS scanned, (SELECT count(*) FROM inserted) AS inserted,
                (SELECT count(*) FROM inserted WHERE "errorCode" IS NOT NULL) AS skipped,
                (SELECT max("contactId") FROM audience) AS last
            """
    }

    /// Returns the zone of a contact `c`: one of those that the start of the run found.
    ///
    /// A name that came into the contact since then is not among them, and counts as none.
    private static func zone(in launch: LaunchProgress, else fallback: String) -> PostgresQuery {
        func known(_ name: PostgresQuery) -> PostgresQuery {
            """
            (SELECT z.zone FROM run_zones z WHERE z."runId" = \(launch.runID) AND z.zone = \(fragment: name))
            """
        }
        return """
            coalesce(
                \(fragment: known("c.metadata ->> 'timeZone'")),
                \(fragment: known("zone_of_number(\(fragment: AudienceZones.number))")), \(fallback)::text
            )
            """
    }

    private static let reason: PostgresQuery = {
        let cases = LocalTimes.SkipCode.allCases.map { code -> PostgresQuery in
            "WHEN \(code.rawValue) THEN \(code.message)"
        }
        return "CASE \"skipCode\" \(fragment: .joined(cases, separator: " ")) END"
    }()

    /// Returns the chunks of the batch: from each instant on, spaced so that the lane never grows faster than the sender empties
    /// it, as in runs that send at once.
    private static func localChunks(_ launch: LaunchProgress) -> PostgresQuery {
        let plan = LaunchPlan(recipients: launch.expectedCount, ratePerSecond: launch.ratePerSecond)
        let isSpaced = launch.phase == .outOfWindow
        let seconds = isSpaced ? plan.chunkDelay.seconds / Double(plan.chunkSize) : 0
        return """
            INSERT INTO campaign_chunks (
                "runId", "startPosition", "endPosition", "tenantId", "notBefore", "zoneTime", "quietZone"
            )
            SELECT \(launch.runID), s.start, least(s.start + \(plan.chunkSize), g.behind), \(launch.tenantID),
                greatest(g."sendAt", \(launch.startedAt)::timestamptz)
                    + (coalesce(e.messages, 0) + s.start - g.first) * \(seconds)::float8 * interval '1 second',
                CASE WHEN \(launch.hasLocalTime) THEN g."sendAt" END, g."quietZone"
            FROM (
                SELECT "sendAt", "quietZone", min(position)::int AS first, max(position)::int + 1 AS behind
                FROM numbered WHERE "skipCode" IS NULL GROUP BY 1, 2
            ) g
            -- Once for the batch, because a run has thousands of chunks.
            LEFT JOIN (
                SELECT k."zoneTime", k."quietZone", sum(k."endPosition" - k."startPosition")::int AS messages
                FROM campaign_chunks k
                WHERE k."runId" = \(launch.runID) AND k."startPosition" > \(launch.inWindowCount)
                GROUP BY 1, 2 OFFSET 0
            ) e ON (e."zoneTime" = g."sendAt" OR NOT \(launch.hasLocalTime))
                AND e."quietZone" IS NOT DISTINCT FROM g."quietZone"
            CROSS JOIN LATERAL generate_series(g.first, g.behind - 1, \(plan.chunkSize)) AS s(start)
            ON CONFLICT DO NOTHING
            """
    }
}
