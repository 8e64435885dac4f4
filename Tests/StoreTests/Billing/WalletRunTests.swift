import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// A run holds what it needs, pays for what was accepted, and gives the rest back.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WalletRunTests {
    private static let failure = MessageOutcome.Failure(code: "131026", message: "undeliverable", httpStatus: 400)
    private static let lost = MessageOutcome.Failure(code: "answer_lost", message: "no answer")

    private static func outcome(_ id: UUID, _ result: MessageOutcome.Result) -> MessageOutcome {
        MessageOutcome(messageID: id, lease: 1, result: result)
    }

    @Test func onlyWhatIsAcceptedIsPaidOnceAndTheRestComesBack() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100, price: 3)
            let run = try await fixture.queuedRun(contacts: 10)
            try await fixture.expectWallet(available: 70, held: 30)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            try await fixture.expectWallet(available: 70, held: 30)
            let outcomes =
                fixture.sent(ids[0..<5]) + [
                    Self.outcome(ids[5], .failed(Self.failure)), Self.outcome(ids[6], .failed(Self.failure)),
                    Self.outcome(ids[7], .retry(after: .seconds(1), Self.failure)),
                    Self.outcome(ids[8], .released(after: .zero)), Self.outcome(ids[9], .unconfirmed(Self.lost)),
                ]
            for time in 1...2 {
                try await messages.record(outcomes)
                try await fixture.expectWallet(available: 70, held: 15, "\(time)")
            }
            _ = try await messages.begin([ids[7], ids[8]], lease: 2)
            try await messages.record(fixture.sent([ids[7], ids[8]], lease: 2))
            try await fixture.expectWallet(available: 70, held: 9)

            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.completeFinished(unconfirmedTimeout: .zero).map(\.run) == [run])
            #expect(try await runs.completeFinished(unconfirmedTimeout: .zero).isEmpty)
            try await fixture.expectWallet(available: 79, held: 0)

            // A message that is settled after the end of the run is paid from the wallet, once.
            for rank in [DeliveryStatus.Rank.sent, .sent, .delivered, .read, .sent] {
                _ = try await messages.apply([fixture.report(ids[9], rank)])
                try await fixture.expectWallet(available: 76, held: 0)
            }
            // A later failure is refunded, and charged again if the message is delivered after all.
            for (rank, available) in [(DeliveryStatus.Rank.failed, 79), (.failed, 79), (.delivered, 76)] {
                _ = try await messages.apply([fixture.report(ids[0], rank)])
                try await fixture.expectWallet(available: available, held: 0)
            }
            // One entry for all messages of a batch.
            let debits: [Int] = try await fixture.column(
                "SELECT amount FROM wallet_entries WHERE kind IN ('debit', 'refund') ORDER BY id"
            )
            #expect(debits == [-15, -6, -3, 3, -3])
        }
    }

    @Test func anUnconfirmedMessageIsPaidFromTheHoldWhileTheRunIsOpen() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(5)
            let run = try await fixture.queuedRun(contacts: 3)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            _ = try await messages.settle([ExpiredLease(messageID: ids[0], lease: 1, mayBeWritten: true)])
            try await messages.record([Self.outcome(ids[1], .unconfirmed(Self.lost))])
            try await fixture.expectWallet(available: 2, held: 3)
            _ = try await messages.apply([fixture.report(ids[0], .delivered), fixture.report(ids[1], .failed)])
            try await fixture.expectWallet(available: 2, held: 2)
            // A late answer to a message that a report has settled.
            try await messages.record(fixture.sent([ids[0], ids[1]]))
            try await fixture.expectWallet(available: 2, held: 2)
            _ = try await messages.apply([fixture.report(ids[2], .failed), fixture.report(ids[0], .failed)])
            try await messages.record(fixture.sent([ids[2]]))
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            try await fixture.expectWallet(available: 4, held: 0)
        }
    }

    @Test func aCancelledRunGivesBackWhenItsLastMessageHasEnded() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100)
            let run = try await fixture.queuedRun(contacts: 10)
            let messages = MessageRepository(pool: fixture.pool)
            let runs = RunRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(Array(ids[0..<3]), lease: 1)
            try await messages.record(fixture.sent([ids[0]]))
            #expect(try await runs.cancel(run, reason: "enough"))
            while try await runs.cancelRest(batch: 4) != nil {}
            try await fixture.expectWallet(available: 90, held: 9)
            try await messages.record(fixture.sent([ids[1]]))
            _ = try await messages.settle([ExpiredLease(messageID: ids[2], lease: 1, mayBeWritten: false)])
            try await fixture.expectWallet(available: 90, held: 8)
            while try await runs.cancelRest(batch: 4) != nil {}
            try await fixture.expectWallet(available: 98, held: 0)
            _ = try await messages.apply([fixture.report(ids[0], .read)])
            try await fixture.expectWallet(available: 98, held: 0)
        }
    }

    @Test func aLaunchThatIsCancelledBeforeItsMessagesGivesAllBack() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(10)
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            let launches = LaunchRepository(pool: fixture.pool)
            guard case .opened(let run) = try await launches.open(campaign: "promo", tenant: "acme", now: Fixture.now)
            else { throw NotInTime(description: "not opened") }
            try await fixture.expectWallet(available: 0, held: 10)
            #expect(try await RunRepository(pool: fixture.pool).cancel(run.id, reason: "wrong"))
            try await fixture.expectWallet(available: 10, held: 0)
        }
    }

    @Test func whatFailsHalfWayHasNotHappened() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100, price: 2)
            try await fixture.addCampaign("first")
            try await fixture.failing("kind <> 'hold'") {
                try await fixture.addContacts(1)
                _ = try await fixture.launch("first")
            }
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 0)
            try await fixture.expectWallet(available: 100, held: 0)
            try await fixture.pool.execute("DELETE FROM contacts")

            let run = try await fixture.queuedRun(contacts: 6)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            try await fixture.failing("kind <> 'debit'") { try await messages.record(fixture.sent(ids[0..<4])) }
            #expect(try await fixture.status(of: ids[0]) == .sending)
            try await fixture.expectWallet(available: 88, held: 12)
            try await messages.record(fixture.sent(ids[0..<4]) + [Self.outcome(ids[4], .failed(Self.failure))])
            try await messages.record([Self.outcome(ids[5], .failed(Self.failure))])

            let runs = RunRepository(pool: fixture.pool)
            try await fixture.failing("kind <> 'release'") {
                _ = try await runs.completeFinished(unconfirmedTimeout: .zero)
            }
            try await fixture.expectWallet(available: 88, held: 4)
            #expect(try await runs.completeFinished(unconfirmedTimeout: .zero).count == 1)
            try await fixture.expectWallet(available: 92, held: 0)
        }
    }

    @Test func manyDaemonsRecordAtOnce() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.fund(10_000, price: 7)
            let run = try await fixture.queuedRun(contacts: 600)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Each outcome twice, from two daemons, while reports come in for the same messages and tokens arrive.
                for daemon in 0..<4 {
                    group.addTask {
                        for start in stride(from: daemon % 2 * 25, to: 575, by: 50) {
                            try await messages.record(fixture.sent(ids[start..<start + 50].shuffled()))
                        }
                    }
                }
                group.addTask {
                    for start in stride(from: 0, to: 600, by: 60) {
                        _ = try await messages.apply(ids[start..<start + 30].map { fixture.report($0, .delivered) })
                        _ = try await messages.apply(ids[start + 30..<start + 60].map { fixture.report($0, .failed) })
                    }
                }
                group.addTask { for _ in 1...5 { try await fixture.fund(100, price: 7) } }
                try await group.waitForAll()
            }
            try await messages.record(fixture.sent(ids))
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.rows.accepted + counters.rows[.failed] == 600)
            let used = counters.rows.accepted * 7
            try await fixture.expectWallet(available: 10_500 - 4_200, held: 4_200 - used)
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            try await fixture.expectWallet(available: 10_500 - used, held: 0)
        }
    }

    @Test func withoutAWalletNobodyPays() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(1, tenant: "other")
            let run = try await fixture.queuedRun(contacts: 4)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            try await messages.record(fixture.sent(ids[0..<2]))
            // A wallet that is created during a run applies to later runs.
            try await fixture.fund(10)
            try await messages.record(fixture.sent(ids[2..<4]))
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            try await fixture.expectWallet(available: 10, held: 0)
            try await fixture.expectWallet(available: 1, held: 0, tenant: "other")
            #expect(try await fixture.wallets.find(tenant: "third") == nil)
            #expect(try await fixture.wallets.audit(tenant: "third") == nil)
            #expect(try await fixture.value("SELECT count(*) FROM wallet_holds", as: Int.self) == 0)
        }
    }
}
