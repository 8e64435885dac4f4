import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import API

/// Wallets over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct WalletEndpointTests {
    @Test func showsATenantItsOwnWallet() async throws {
        try await APIFixture.with(contacts: 5) { api in
            #expect(try await api.call("GET", "/wallet").status == 404)
            #expect(try await api.call("GET", "/wallet/entries").status == 404)
            let wallets = WalletRepository(pool: api.pool)
            _ = try await wallets.topUp(20, tenant: "acme", reference: "invoice 1")
            _ = try await wallets.setPrice(3, tenant: "acme")
            let id = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(id)/send", [:]).status == 202)
            let wallet = try await api.call("GET", "/wallet").json
            #expect(wallet == ["balance": 20, "held": 15, "available": 5, "pricePerMessage": 3])
            let page = try await api.call("GET", "/wallet/entries?limit=1").json
            #expect(page["total"] == 2 && page["items"]?.arrayValue?.first?["kind"] == "hold")
            let last = try await api.call("GET", "/wallet/entries?limit=1&page=2").json
            #expect(last["items"]?.arrayValue?.first?["reference"] == "invoice 1")
            #expect(try await api.call("GET", "/wallet", tenant: "other").status == 404)
            #expect(try await api.call("GET", "/wallet/entries", tenant: "other").status == 404)
            #expect(try await api.send("GET", "/wallet").status == 401)
        }
    }

    @Test func refusesALaunchWithInsufficientBalance() async throws {
        try await APIFixture.with(contacts: 5) { api in
            let wallets = WalletRepository(pool: api.pool)
            _ = try await wallets.topUp(4, tenant: "acme", reference: "1")
            let id = try await api.campaign()
            let refused = try await api.call("POST", "/campaigns/\(id)/send", [:])
            #expect((refused.status, refused.code) == (409, "insufficient_balance"), "\(refused.text)")
            #expect(refused.json["detail"] == "insufficient balance: the campaign needs 5 tokens, 4 are available")
            #expect(try await api.status(id) == "draft")
            _ = try await wallets.topUp(1, tenant: "acme", reference: "2")
            #expect(try await api.call("POST", "/campaigns/\(id)/send", [:]).status == 202)
            try await api.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", name) VALUES ('acme', '+254799999999', 'Late')
                """
            )
            try await api.finishLaunches()
            #expect(try await api.status(id) == "paused")
            let resumed = try await api.call("POST", "/campaigns/\(id)/resume", [:])
            #expect((resumed.status, resumed.code) == (409, "insufficient_balance"), "\(resumed.text)")
            _ = try await wallets.topUp(1, tenant: "acme", reference: "3")
            #expect(try await api.call("POST", "/campaigns/\(id)/resume", [:]).status == 200)
            #expect(try await api.call("GET", "/wallet").json["held"] == 6)
        }
    }
}
