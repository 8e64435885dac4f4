import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WalletTests {
    @Test func aReferenceCountsOnce() async throws {
        try await Fixture.with(connections: 8) { fixture in
            let new = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 1...6 {
                    group.addTask {
                        try await fixture.wallets.topUp(500, tenant: "acme", reference: "invoice 7").isNew
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(new == 1)
            try await fixture.expectWallet(available: 500, held: 0)
            await #expect(throws: WalletError.referenceReused(reference: "invoice 7", tokens: 500)) {
                try await fixture.wallets.topUp(501, tenant: "acme", reference: "invoice 7")
            }
            let other = try await fixture.wallets.topUp(1, tenant: "acme", reference: "invoice 8")
            #expect(other.isNew && other.wallet.balance == 501)
            // References of different tenants are independent.
            #expect(try await fixture.wallets.topUp(9, tenant: "other", reference: "invoice 7").isNew)
            try await fixture.expectWallet(available: 501, held: 0)
            try await fixture.expectWallet(available: 9, held: 0, tenant: "other")
            let (entries, total) = try await fixture.wallets.entries(tenant: "acme", page: 1, limit: 1)
            #expect(total == 2 && entries.map(\.reference) == ["invoice 8"])
            #expect(try await fixture.wallets.entries(tenant: "acme", page: 2, limit: 1).entries.map(\.amount) == [500])
        }
    }

    @Test(arguments: [
        "UPDATE wallet_entries SET amount = 2", "DELETE FROM wallet_entries", "TRUNCATE wallet_entries",
        "INSERT INTO wallet_entries (\"tenantId\", kind, amount, held) VALUES ('acme', 'topUp', -5, 0)",
        "INSERT INTO wallet_entries (\"tenantId\", kind, amount, held) VALUES ('acme', 'gift', 5, 0)",
    ])
    func theLedgerOnlyGrows(statement: String) async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(1)
            await #expect(throws: PostgresError.self) {
                try await fixture.pool.execute(PostgresQuery(sql: statement))
            }
            try await fixture.expectWallet(available: 1, held: 0)
        }
    }

    @Test(arguments: [
        ("UPDATE wallets SET available = available + 1", "the balance is 101, and the entries add up to 100"),
        ("UPDATE wallet_holds SET amount = amount + 1", "11 tokens are held, and the entries add up to 10"),
        ("UPDATE wallet_holds SET used = used + 1", "1 tokens are spent, and the messages cost 0"),
        (
            "UPDATE campaign_messages SET status = 'sent' WHERE position = 1",
            "0 tokens are spent, and the messages cost 1"
        ),
        ("UPDATE wallet_holds SET amount = 9, used = 0", "1 runs have messages that are not paid for"),
    ])
    func anAuditFindsWhatIsWrong(statement: String, finding: String) async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100)
            _ = try await fixture.queuedRun(contacts: 10)
            try await fixture.expectWallet(available: 90, held: 10)
            try await fixture.pool.execute(PostgresQuery(sql: statement))
            let findings = try await fixture.wallets.audit(tenant: "acme")?.findings
            #expect(findings?.contains(finding) == true, "\(String(describing: findings))")
        }
    }
}
