import BenchKit
import Foundation
import Postgres

/// Writes the rows of campaigns directly into the tables.
extension Stage {
    static let tenant = "bench"
    static let firstPhone = 254_700_000_000

    /// Adds contacts to a tenant; two in five have written within the last day.
    func addContacts(_ count: Int, tenant: String = tenant, isAnalyzed: Bool = true) async throws {
        try await execute(
            """
            INSERT INTO contacts (
                "tenantId", "contactId", name, email, tags, "paymentStatus", "lastSeen", "messageCount", metadata
            )
            SELECT \(tenant), (\(Self.firstPhone)::bigint + n)::text, 'Contact ' || n, 'contact' || n || '@example.com',
                ARRAY['newsletter'], CASE WHEN n % 3 = 0 THEN 'unpaid' ELSE 'paid' END,
                now() - CASE WHEN n % 5 < 2 THEN n % 20 ELSE 48 + n % 2000 END * interval '1 hour', n % 40,
                '{"company": "Acme"}'
            FROM generate_series(1, \(count)) n
            """
        )
        if isAnalyzed { try await execute("VACUUM ANALYZE contacts") }
    }

    /// Stops autovacuum for all tables, as where it is off or behind.
    func stopAutovacuum() async throws {
        let tables = try await pool.query("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()")
        for table in tables {
            try await execute("ALTER TABLE \(identifier: try table.decode(0)) SET (autovacuum_enabled = off)")
        }
    }

    /// Adds a sender; the default rate disables pacing.
    func addSender(
        _ name: String = "main",
        tenant: String = tenant,
        phone: String = "100200300400",
        ratePerSecond: Int = 1_000_000
    ) async throws {
        try await execute(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
            VALUES (\(tenant), \(name), \(phone), \("env:" + Self.token), \(ratePerSecond), \(tenant + "-" + phone))
            """
        )
    }

    /// Adds a draft that goes to all contacts of its tenant.
    @discardableResult
    func addCampaign(_ name: String, tenant: String = tenant, sender: String = "main") async throws -> UUID {
        try await pool.query(
            """
            INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
            SELECT \(tenant), \(name), 'manual', id, \(PostgresJSON(text: Self.message))::jsonb,
                '{"logic": "AND", "conditions": []}'
            FROM senders WHERE "tenantId" = \(tenant) AND name = \(sender) RETURNING id
            """
        )[0].decode(0)
    }

    /// A template with two parameters.
    static let message = """
        {"type": "template", "template": {"name": "hello", "language": {"code": "en"}, "components": [{"type": "body",
        "parameters": [{"type": "text", "text": "{{name|there}}"}, {"type": "text", "text": "{{metadata.company|us}}"}]}]}}
        """

    /// Launches a campaign by the command, which returns when all messages are written.
    ///
    /// - Returns: How long the command took, in seconds.
    func launch(_ campaign: String, tenant: String = tenant) async throws -> Double {
        let start = ContinuousClock.now
        try await command("campaignd", "send", campaign, "--tenant", tenant)
        return (ContinuousClock.now - start).inSeconds
    }

    /// Sets quiet hours that last all day, so that messages wait, or removes them.
    func setQuiet(_ isQuiet: Bool) async throws {
        try await execute(#"DELETE FROM tenants WHERE "tenantId" = \#(Self.tenant)"#)
        guard isQuiet else { return }
        try await execute(
            """
            INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours")
            VALUES (\(Self.tenant), \(Self.tenant), 'UTC', '{"from": "00:00", "to": "23:59", "action": "wait"}')
            """
        )
        // Daemons read it once a second.
        try await Task.sleep(for: .seconds(2))
    }

    /// Returns the number of accepted messages of a tenant's runs.
    func sentCount(of campaign: String, tenant: String = tenant) async throws -> Int {
        try await number(
            """
            SELECT coalesce(sum(r.sent + r.delivered + r.read), 0)::bigint FROM campaign_runs r
            JOIN campaigns c ON c.id = r."campaignId" WHERE c."tenantId" = \(tenant) AND c.name LIKE \(campaign)
            """
        )
    }
}

/// Rows of campaigns that have been sent or wait for events.
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

    /// Adds running campaigns: every other one waits for an event of its own, the rest for this one with another `match`.
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

    /// Adds a completed campaign with counters for `count` messages, but without the messages.
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
