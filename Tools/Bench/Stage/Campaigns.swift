import BenchKit
import Foundation
import Postgres

/// What campaigns are made of, written straight into the tables.
extension Stage {
    static let tenant = "bench"
    static let firstPhone = 254_700_000_000

    /// Adds contacts to a tenant; two in five have written within the last day.
    func addContacts(_ count: Int, tenant: String = tenant) async throws {
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
        try await execute("VACUUM ANALYZE contacts")
    }

    /// Adds a sender; a million messages a second is no pacing.
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

    /// Gives the tenant quiet hours that last all day, or takes them away: its messages wait meanwhile.
    func setQuiet(_ isQuiet: Bool) async throws {
        try await execute(#"DELETE FROM tenants WHERE "tenantId" = \#(Self.tenant)"#)
        guard isQuiet else { return }
        try await execute(
            """
            INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours")
            VALUES (\(Self.tenant), \(Self.tenant), 'UTC', '{"from": "00:00", "to": "23:59", "action": "wait"}')
            """
        )
        // Daemons look at it once a second.
        try await Task.sleep(for: .seconds(2))
    }

    /// Messages of a tenant's runs that WhatsApp has accepted.
    func sentCount(of campaign: String, tenant: String = tenant) async throws -> Int {
        try await number(
            """
            SELECT coalesce(sum(r.sent + r.delivered + r.read), 0)::bigint FROM campaign_runs r
            JOIN campaigns c ON c.id = r."campaignId" WHERE c."tenantId" = \(tenant) AND c.name LIKE \(campaign)
            """
        )
    }
}
