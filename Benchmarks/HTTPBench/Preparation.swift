import Crypto
import Foundation
import Logging
import Postgres
import Store

/// Contacts for events, messages for webhooks, and a campaign of ten million for analytics.
struct Preparation {
    static let contacts = 100_000
    static let messages = 200_000

    let folder: URL

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try PostgresConfiguration(
            environment["DATABASE_URL"] ?? "",
            applicationName: "HTTPBench"
        )
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        let pool = PostgresPool(configuration: configuration, maxConnections: 2, logger: logger)
        let result: Result<Void, any Error>
        do {
            _ = try await Migrator(pool: pool, logger: logger).migrate()
            try await fill(pool)
            try webhooks(secret: environment["WHATSAPP_APP_SECRET"] ?? "")
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await pool.shutdown()
        try result.get()
    }

    private func fill(_ pool: PostgresPool) async throws {
        let sender: UUID = try await pool.query(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
            VALUES ('bench', 'main', '1001', 'env:BENCH_TOKEN', 1, 'bench') RETURNING id
            """
        )[0].decode(0)
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", name)
            SELECT 'bench', (254700000000 + n)::text, 'Contact ' || n FROM generate_series(1, \(Self.contacts)) n
            """,
            deadline: .seconds(300)
        )
        for (name, status, event) in [
            ("event", "running", "bench.event"), ("sent", "completed", nil), ("big", "completed", nil),
        ] {
            try await pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, status, "senderId", "messageTemplate", "audienceFilter", "triggerType")
                VALUES ('bench', \(name), \(event == nil ? "manual" : "event_triggered"), \(status), \(sender),
                    '{"type": "template", "template": {"name": "hello", "language": {"code": "en"}}}',
                    '{"logic": "AND", "conditions": []}', \(event))
                """
            )
        }
        for (name, count) in [("sent", Self.messages), ("big", 10_000_000)] {
            try await pool.execute(
                """
                WITH revision AS (
                    INSERT INTO campaign_revisions ("campaignId", "tenantId", number, digest, content)
                    SELECT id, "tenantId", 1, 'bench', '{"message": {}}' FROM campaigns WHERE name = \(name) RETURNING *
                )
                INSERT INTO campaign_runs (
                    id, "campaignId", "tenantId", "revisionId", "senderId", status, "isFreeText", "windowCutoff",
                    "launchPhase", "nextPosition", "recipientCount", sent
                )
                SELECT gen_random_uuid(), "campaignId", "tenantId", id, \(sender), 'completed', false, now(), 'done',
                    \(count + 1), \(count), \(count)
                FROM revision
                """
            )
        }
        try await pool.execute(
            """
            INSERT INTO campaign_messages (
                id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated",
                status, "waMessageId", "sentAt"
            )
            SELECT message_id(r.id, n), r.id, n, r."campaignId", 'bench', c.id, c."contactId", true, 'sent', 'wamid.' || n,
                now()
            FROM campaign_runs r JOIN campaigns p ON p.id = r."campaignId" AND p.name = 'sent'
            CROSS JOIN generate_series(1, \(Self.messages)) n
            JOIN contacts c ON c."contactId" = (254700000000 + (n - 1) / 2 + 1)::text
            ON CONFLICT DO NOTHING
            """,
            deadline: .seconds(300)
        )
        try await pool.execute("ANALYZE", deadline: .seconds(300))
    }

    /// One line for each webhook, with one status: its signature, a space, its body.
    private func webhooks(secret: String) throws {
        let key = SymmetricKey(data: Data(secret.utf8))
        var text = ""
        for number in 1...Self.messages {
            let body =
                #"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"#
                + #""messaging_product":"whatsapp","metadata":{"display_phone_number":"1001","phone_number_id":"1001"},"#
                + #""statuses":[{"id":"wamid.\#(number)","status":"delivered","timestamp":"1750030073","#
                + #""recipient_id":"254700000001"}]}}]}]}"#
            let code = HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: key)
            for byte in code {
                text.append(byte < 16 ? "0" : "")
                text.append(String(byte, radix: 16))
            }
            text.append(" \(body)\n")
        }
        try Data(text.utf8).write(to: folder.appending(path: "webhooks.txt"))
    }
}
