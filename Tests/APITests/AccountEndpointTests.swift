import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import API

/// Accounts over HTTP: what was read, to those whose token has read it.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct AccountEndpointTests {
    /// Two tenants name one account; only `acme` has read it.
    private static func fill(_ api: APIFixture) async throws {
        let statements: [PostgresQuery] = [
            """
            INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken")
            VALUES ('acme', 'main', '77', 'env:TOKEN'), ('other', 'copy', '77', 'env:OTHER')
            """,
            """
            INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptFrom", "sweptAt", error, "errorAt")
            SELECT id, '77', CASE WHEN "tenantId" = 'acme' THEN now() END, CASE WHEN "tenantId" = 'acme' THEN now() END,
                CASE WHEN "tenantId" = 'other' THEN 'WhatsApp refuses the token env:OTHER' END,
                CASE WHEN "tenantId" = 'other' THEN now() END
            FROM accounts
            """,
            """
            INSERT INTO whatsapp_accounts ("businessAccountId", name, currency, "messagingLimit", "templateLimit", "readAt")
            VALUES ('77', 'Acme Ltd', 'USD', 2000, 250, now())
            """,
            """
            INSERT INTO whatsapp_numbers ("businessAccountId", "phoneNumberId", status, quality, "messagingTier", "readAt")
            SELECT '77', s."phoneNumberId", 'RESTRICTED', 'RED', 'TIER_2K', now() FROM senders s WHERE s."tenantId" = 'acme'
            """,
            """
            INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, "readAt", "goneAt")
            VALUES ('77', 'a', 'en', 'APPROVED', now(), NULL), ('77', 'b', 'en', 'PAUSED', now(), NULL),
                ('77', 'c', 'en', 'APPROVED', now(), now())
            """,
            """
            UPDATE senders s SET "accountId" = a.id FROM accounts a WHERE a."tenantId" = s."tenantId"
            """,
        ]
        for statement in statements { try await api.pool.execute(statement) }
    }

    @Test func showsATenantWhatItsTokenHasRead() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("GET", "/accounts").json["items"] == [])
            try await Self.fill(api)
            let reply = try await api.call("GET", "/accounts")
            let account = reply.json["items"]?[0]
            #expect(account?["wabaId"] == "77" && account?["title"] == "Acme Ltd", "\(reply.text)")
            #expect(account?["messagingLimit"] == 2_000 && account?["sweptAt"] != nil && account?["error"] == nil)
            #expect(account?["templates"] == ["total": 2, "limit": 250, "byStatus": ["APPROVED": 1, "PAUSED": 1]])
            #expect(account?["numbers"]?[0]?["canSend"] == false && account?["numbers"]?[0]?["quality"] == "RED")
            #expect(!reply.text.contains("env:"))
            let senders = try await api.call("GET", "/senders").json["items"]?[0]
            #expect(senders?["numberQuality"] == "RED" && senders?["messagingTier"] == "TIER_2K")
        }
    }

    @Test func tellsThoseWhoRunTheDaemonsWhatIsWrong() async throws {
        try await APIFixture.with { api in
            #expect(try await api.send("GET", "/readyz").json["accounts"] == nil)
            try await Self.fill(api)
            let accounts = try await api.send("GET", "/readyz").json["accounts"]?.arrayValue ?? []
            #expect(accounts.map { $0["tenant"] } == ["acme", "other"], "\(accounts)")
            #expect(accounts.first?["reason"]?.stringValue?.contains("status RESTRICTED, quality RED") == true)
        }
    }
}
