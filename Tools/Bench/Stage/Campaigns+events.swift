import BenchKit
import Foundation
import Postgres

/// Campaigns that have been sent, and campaigns that wait for events.
extension Stage {
    /// Adds a running campaign that waits for an event.
    func addTriggered(_ event: String) async throws {
        try await execute(
            """
            INSERT INTO campaigns ("tenantId", name, type, status, "senderId", "messageTemplate", "audienceFilter", "triggerType")
            SELECT \(Self.tenant), \(event), 'event_triggered', 'running', id, \(PostgresJSON(text: Self.message))::jsonb,
                '{"logic": "AND", "conditions": []}', \(event)
            FROM senders WHERE "tenantId" = \(Self.tenant)
            """
        )
    }

    /// Adds many running campaigns: every second waits for an event of its own, the others for this one about something else.
    func addTriggered(_ numbers: Range<Int>, beside event: String) async throws {
        try await execute(
            """
            INSERT INTO campaigns (
                "tenantId", name, type, status, "senderId", "messageTemplate", "audienceFilter", "triggerType", "triggerConfig"
            )
            SELECT \(Self.tenant), 'other-' || n, 'event_triggered', 'running', s.id,
                \(PostgresJSON(text: Self.message))::jsonb, '{"logic": "AND", "conditions": []}',
                CASE n % 2 WHEN 0 THEN \(event) ELSE 'other.' || n END,
                CASE n % 2 WHEN 0 THEN jsonb_build_object('orderId', 'o-' || n) END
            FROM senders s CROSS JOIN generate_series(\(numbers.lowerBound)::integer, \(numbers.upperBound - 1)::integer) n
            WHERE s."tenantId" = \(Self.tenant)
            """
        )
    }

    /// Adds a campaign that has been sent to so many, as far as its counters know.
    func addFinished(_ name: String, count: Int) async throws -> UUID {
        let campaign = try await addCampaign(name)
        try await execute(
            """
            WITH revision AS (
                INSERT INTO campaign_revisions ("campaignId", "tenantId", number, digest, content)
                VALUES (\(campaign), \(Self.tenant), 1, 'bench', '{"message": {}}') RETURNING *
            )
            INSERT INTO campaign_runs (
                id, "campaignId", "tenantId", "revisionId", "senderId", status, "isFreeText", "windowCutoff",
                "launchPhase", "nextPosition", "recipientCount", sent
            )
            SELECT gen_random_uuid(), \(campaign), \(Self.tenant), r.id, s.id, 'completed', false, now(), 'done',
                \(count + 1)::integer, \(count)::integer, \(count)::integer
            FROM revision r JOIN senders s ON s."tenantId" = r."tenantId"
            """
        )
        try await execute("UPDATE campaigns SET status = 'running' WHERE id = \(campaign)")
        try await execute("UPDATE campaigns SET status = 'completed' WHERE id = \(campaign)")
        return campaign
    }

    /// Adds the messages of a campaign of ``addFinished(_:count:)``, with ids `wamid.1` and so on.
    func addSentMessages(of campaign: UUID, count: Int) async throws {
        try await execute(
            """
            INSERT INTO campaign_messages (
                id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated",
                status, "waMessageId", "sentAt"
            )
            SELECT message_id(r.id, n), r.id, n, r."campaignId", c."tenantId", c.id, c."contactId", true, 'sent',
                'wamid.' || n, now()
            FROM campaign_runs r
            CROSS JOIN generate_series(1, \(count)) n
            JOIN contacts c ON c."tenantId" = r."tenantId" AND c."contactId" = (\(Self.firstPhone)::bigint + n)::text
            WHERE r."campaignId" = \(campaign)
            """
        )
        try await execute("VACUUM ANALYZE campaign_messages")
    }
}

extension Stage {
    /// Adds campaigns with a schedule that fires every Monday morning.
    func addSchedules(_ numbers: Range<Int>) async throws {
        try await execute(
            """
            WITH added AS (
                INSERT INTO campaigns ("tenantId", name, type, status, "senderId", "messageTemplate", "audienceFilter")
                SELECT \(Self.tenant), 'scheduled-' || n, 'scheduled', 'draft', s.id,
                    \(PostgresJSON(text: Self.message))::jsonb, '{"logic": "AND", "conditions": []}'
                FROM senders s CROSS JOIN generate_series(\(numbers.lowerBound)::integer, \(numbers.upperBound - 1)::integer) n
                WHERE s."tenantId" = \(Self.tenant) RETURNING id, "tenantId"
            )
            INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "timeZone", "nextRunAt")
            SELECT id, "tenantId", '0 9 * * MON', 'Africa/Nairobi', now() + interval '1 day' + random() * interval '6 days'
            FROM added
            """
        )
    }
}
