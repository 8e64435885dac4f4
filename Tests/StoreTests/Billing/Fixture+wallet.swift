import Foundation
import Postgres
import Testing

@testable import Store

extension Fixture {
    var wallets: WalletRepository { WalletRepository(pool: pool) }

    /// Gives a tenant tokens, and its messages a price.
    func fund(_ tokens: Int, price: Int = 1, tenant: String = "acme") async throws {
        _ = try await wallets.topUp(tokens, tenant: tenant, reference: UUID().uuidString)
        _ = try await wallets.setPrice(price, tenant: tenant)
    }

    /// Compares a wallet with what it should be, and counts it anew.
    func expectWallet(
        available: Int,
        held: Int,
        tenant: String = "acme",
        _ what: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let wallet = try #require(try await wallets.find(tenant: tenant), sourceLocation: sourceLocation)
        #expect([wallet.available, wallet.held] == [available, held], what, sourceLocation: sourceLocation)
        let audit = try #require(try await wallets.audit(tenant: tenant), sourceLocation: sourceLocation)
        #expect(audit.findings == [], what, sourceLocation: sourceLocation)
        #expect(audit.entryBalance == wallet.balance, what, sourceLocation: sourceLocation)
    }

    /// Makes a table refuse rows while `body` runs, as if the writer had crashed there.
    func failing(_ check: String, on table: String = "wallet_entries", _ body: () async throws -> Void) async throws {
        let sql = "ALTER TABLE \(table) ADD CONSTRAINT broken CHECK (\(check)) NOT VALID"
        try await pool.execute(PostgresQuery(sql: sql))
        await #expect(throws: PostgresError.self) { try await body() }
        try await pool.execute(PostgresQuery(sql: "ALTER TABLE \(table) DROP CONSTRAINT broken"))
    }

    func sent(_ ids: some Sequence<UUID>, lease: Int64 = 1) -> [MessageOutcome] {
        ids.map {
            MessageOutcome(messageID: $0, lease: lease, result: .sent(waMessageID: "wamid." + $0.uuidString))
        }
    }

    func report(_ id: UUID, _ rank: DeliveryStatus.Rank) -> DeliveryStatus {
        DeliveryStatus(
            waMessageID: "wamid." + id.uuidString,
            messageID: id,
            rank: rank,
            at: Fixture.now,
            failure: rank == .failed ? .init(code: "131026", message: "undeliverable") : nil
        )
    }
}
