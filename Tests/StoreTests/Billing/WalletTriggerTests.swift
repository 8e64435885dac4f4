import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// The standing run of a trigger sets tokens aside for each message that an event adds.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WalletTriggerTests {
    private static func fire(_ fixture: Fixture, _ contacts: ClosedRange<Int>, id: String? = nil) async throws
        -> [TriggerOutcome]
    {
        try await fixture.fire(
            contacts.map { number in
                TriggerRequest(
                    contactID: Fixture.phone(number),
                    context: nil,
                    eventID: id.map { "\($0)-\(number)" }
                )
            }
        )
    }

    private static func refusals(_ answers: [TriggerOutcome]) -> [TriggerRefusal?] {
        answers.map { $0.refused.first?.reason }
    }

    @Test func campaignsForOneEventShareTheBalance() async throws {
        try await Fixture.with { fixture in
            let campaigns = [try await fixture.addTriggered("first"), try await fixture.addTriggered("second")]
            try await fixture.addContacts(5)
            try await fixture.fund(15, price: 2)
            // The campaign with the lower id gets five tokens, the other one the rest.
            let answers = try await Self.fire(fixture, 1...5)
            let ordered = campaigns.sorted { $0.uuidString < $1.uuidString }
            #expect(
                answers.map { $0.matched.map(\.campaignId) } == [ordered, ordered] + [
                    [ordered[0]], [ordered[0]], [ordered[0]],
                ]
            )
            #expect(
                Self.refusals(answers) == [nil, nil] + [
                    .insufficientBalance, .insufficientBalance, .insufficientBalance,
                ]
            )
            try await fixture.expectWallet(available: 1, held: 14)
        }
    }

    @Test func eventsBeyondTheBalanceAreRefused() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(10)
            try await fixture.fund(7, price: 2)
            for time in 1...2 {
                let answers = try await Self.fire(fixture, 1...5, id: "a")
                #expect(
                    Self.refusals(answers) == [nil, nil, nil, .insufficientBalance, .insufficientBalance],
                    "\(time)"
                )
                try await fixture.expectWallet(available: 1, held: 6)
            }
            let run: UUID = try await fixture.value("SELECT id FROM campaign_runs")
            let ids = try await fixture.ids(of: run)
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'queued'")
            try await fixture.pool.execute("UPDATE campaign_runs SET queued = 3, pending = 0")
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.begin(ids, lease: 1)
            // The run stays open for years, so a failed message is refunded at once.
            let failure = MessageOutcome.Failure(code: "131026", message: "undeliverable")
            try await messages.record(
                fixture.sent([ids[0]]) + [MessageOutcome(messageID: ids[1], lease: 1, result: .failed(failure))]
            )
            try await fixture.expectWallet(available: 3, held: 2)
            #expect(Self.refusals(try await Self.fire(fixture, 6...7)) == [nil, .insufficientBalance])
            try await fixture.expectWallet(available: 1, held: 4)
            // It arrives after all, or fails after all.
            _ = try await messages.apply([fixture.report(ids[1], .delivered), fixture.report(ids[0], .failed)])
            try await fixture.expectWallet(available: 1, held: 4)
            _ = try await messages.apply([fixture.report(ids[0], .read)])
            try await fixture.expectWallet(available: -1, held: 4)
            #expect(Self.refusals(try await Self.fire(fixture, 8...8)) == [.insufficientBalance])

            #expect(try await RunRepository(pool: fixture.pool).cancel(run, reason: "over"))
            while try await RunRepository(pool: fixture.pool).cancelRest(batch: 10) != nil {}
            try await messages.record(fixture.sent([ids[2]]))
            try await fixture.expectWallet(available: 1, held: 0)
        }
    }

    @Test func aNewPriceIsForTheNextEvent() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(10)
            #expect(Self.refusals(try await Self.fire(fixture, 1...1)) == [nil])
            // From here on the tenant is billed, so the unpaid run is replaced.
            _ = try await fixture.wallets.topUp(100, tenant: "acme", reference: "1")
            #expect(Self.refusals(try await Self.fire(fixture, 2...3)) == [nil, nil])
            try await fixture.expectWallet(available: 98, held: 2)
            _ = try await fixture.wallets.setPrice(1, tenant: "acme")
            #expect(Self.refusals(try await Self.fire(fixture, 4...4)) == [nil])
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 2)
            _ = try await fixture.wallets.setPrice(10, tenant: "acme")
            #expect(Self.refusals(try await Self.fire(fixture, 5...5)) == [nil])
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 3)
            try await fixture.expectWallet(available: 87, held: 13)
        }
    }

    @Test func manyBatchesAtOnceTakeNoMoreThanThereIs() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(80)
            try await fixture.fund(35)
            let matched = try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        let answers = try await Self.fire(fixture, worker * 10 + 1...worker * 10 + 10)
                        return answers.count { !$0.matched.isEmpty }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(matched == 35)
            try await fixture.expectWallet(available: 0, held: 35)
        }
    }
}
