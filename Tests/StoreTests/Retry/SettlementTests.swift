import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// People settle messages whose answer was lost, and what they decide is counted, paid and recorded.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SettlementTests {
    private static func settlement(_ decision: Settlement.Decision) -> Settlement {
        Settlement(decision, olderThan: .seconds(900), actor: .command("ana"), reason: "no reports since Monday")
    }

    private static func settle(
        _ decision: Settlement.Decision,
        _ fixture: Fixture
    ) async throws -> SettlementRepository.Outcome {
        try await SettlementRepository(pool: fixture.pool)
            .settle(settlement(decision), of: try await fixture.campaignID(), tenant: "acme")
    }

    private static func counted(_ decision: Settlement.Decision, _ fixture: Fixture) async throws -> [Int] {
        try await SettlementRepository(pool: fixture.pool)
            .count(settlement(decision), of: try await fixture.campaignID(), tenant: "acme").map(\.messages)
    }

    private static func records(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            "SELECT concat_ws(' ', who, reason) FROM run_actions WHERE action = 'settle' ORDER BY id"
        )
    }

    /// The record of a decision about so many messages.
    private static func record(_ messages: Int, _ decision: String) -> String {
        "command:ana \(messages) unconfirmed for 15m or longer: \(decision) (no reports since Monday)"
    }

    @Test func whatIsSentIsPaidAndTakesReports() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100, price: 3)
            let (run, ids) = try await fixture.sentCampaign(contacts: 6, losing: [0, 1, 2, 3])
            try await fixture.expectWallet(available: 94, held: 0)
            #expect(try await Self.counted(.sent, fixture) == [], "a report may still come")
            #expect(try await Self.settle(.sent, fixture).settled == [:])
            try await fixture.ageDoubts()
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"unconfirmedAt\" = now() WHERE id = \(ids[3])"
            )
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.apply([fixture.report(ids[2], .delivered)])
            try await fixture.expectWallet(available: 91, held: 0)
            #expect(try await Self.counted(.sent, fixture) == [2])
            #expect(try await Self.settle(.sent, fixture).settled == [run: 2])
            try await fixture.expectWallet(available: 85, held: 0)
            #expect(try await fixture.analytics() == RunCounters.of([.sent: 4, .delivered: 1, .unconfirmed: 1]))
            try await fixture.expectCountersEqualRows(run)
            #expect(try await Self.records(fixture) == [Self.record(2, "sent")])
            #expect(try await Self.settle(.sent, fixture).settled == [:])
            _ = try await messages.apply([fixture.report(ids[0], .read), fixture.report(ids[1], .failed)])
            try await fixture.expectWallet(available: 88, held: 0, "the failed one is refunded")
        }
    }

    @Test func whatIsFailedIsReleasedAndNeverRepeated() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(10, price: 1)
            try await fixture.addCampaign()
            try await fixture.addContacts(4, inWindow: 4, at: Date())
            let run = try await fixture.launch(at: Date())
            let ids = try await fixture.send(run, failing: [0: "1"], losing: [1, 2], isCompleted: false)
            try await fixture.ageDoubts()
            #expect(try await Self.settle(.failed, fixture).settled == [run: 2])
            try await fixture.expectWallet(available: 6, held: 3)
            #expect(try await fixture.runs.completeFinished(unconfirmedTimeout: .seconds(900)).map(\.run) == [run])
            try await fixture.expectWallet(available: 9, held: 0)
            #expect(try await fixture.analytics() == RunCounters.of([.sent: 1, .failed: 3]))
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.total == 1 && preview.inDoubt == 2)
            #expect(try await fixture.retry().run.recipientCount == 1)
            // A report still counts.
            _ = try await MessageRepository(pool: fixture.pool).apply([fixture.report(ids[1], .delivered)])
            #expect(try await fixture.status(of: ids[1]) == .delivered)
            try await fixture.expectCountersEqualRows(run)
        }
    }

    @Test func whatIsSentAgainAfterTheRunGetsARunOfItsOwn() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(20, price: 2)
            let (run, ids) = try await fixture.sentCampaign(contacts: 5, failing: [0: "1"], losing: [1, 2, 3])
            try await fixture.expectWallet(available: 18, held: 0)
            try await fixture.ageDoubts()
            try await fixture.pool.execute(
                """
                UPDATE contacts SET "optedIn" = false
                WHERE id = (SELECT "contactId" FROM campaign_messages WHERE id = \(ids[3]))
                """
            )
            #expect(try await Self.counted(.resend, fixture) == [3])
            let outcome = try await Self.settle(.resend, fixture)
            let again = try #require(outcome.run)
            #expect(outcome.settled == [run: 2] && again.recipientCount == 2 && again.retryOf == run)
            let repeated = try await fixture.phones("m.\"runId\" = \(again.id)")
            let doubtful = try await fixture.phones("m.id = ANY(\([ids[1], ids[2]])::uuid[])")
            #expect(repeated == doubtful)
            try await fixture.expectWallet(available: 14, held: 4)
            let once = RunCounters.of([.pending: 2, .sent: 1, .failed: 1, .unconfirmed: 1])
            #expect(try await fixture.analytics() == once)
            #expect(try await Self.records(fixture) == Array(repeating: Self.record(2, "resend"), count: 2))
            try await fixture.send(again.id)
            try await fixture.expectWallet(available: 14, held: 0)
            for run in [run, again.id] { try await fixture.expectCountersEqualRows(run) }
            // The contact who opted out keeps the doubt, and nobody is left to send to.
            await #expect(throws: LaunchError.noneToResend(campaign: "promo")) {
                _ = try await Self.settle(.resend, fixture)
            }
            #expect(try await fixture.status(of: ids[3]) == .unconfirmed)
            #expect(try await fixture.retry().run.recipientCount == 1, "the failed one")
        }
    }

    @Test func whatIsSentAgainInAnOpenRunReturnsToTheLane() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(3, inWindow: 3, at: Date())
            let run = try await fixture.launch(at: Date())
            let ids = try await fixture.send(run, losing: [0, 1], isCompleted: false)
            try await fixture.ageDoubts()
            try await fixture.pool.execute("UPDATE campaign_messages SET attempts = 2 WHERE id = \(ids[1])")
            let outcome = try await Self.settle(.resend, fixture)
            #expect(outcome.settled == [run: 1] && outcome.run == nil, "the other one had its three attempts")
            #expect(try await fixture.status(of: ids[0]) == .pending)
            #expect(try await fixture.status(of: ids[1]) == .unconfirmed)
            try await fixture.expectCountersEqualRows(run)
            let attempts: Int = try await fixture.value("SELECT attempts FROM campaign_messages WHERE id = \(ids[0])")
            let chunks: [String] = try await fixture.column("SELECT status::text FROM campaign_chunks")
            #expect(attempts == 1 && chunks == ["waiting"])
            #expect(try await Self.records(fixture) == [Self.record(1, "resend")])
        }
    }

    /// A process that dies after some batches has settled these and recorded them, and the same call does the rest.
    @Test(arguments: [Settlement.Decision.sent, .failed])
    func aCrashBetweenBatchesIsContinued(decision: Settlement.Decision) async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(10, price: 1)
            let (run, _) = try await fixture.sentCampaign(contacts: 4, losing: [0, 1, 2])
            try await fixture.ageDoubts()
            let settlements = SettlementRepository(pool: fixture.pool, batch: 1)
            let campaign = try await fixture.campaignID()
            let last: Int = try await fixture.value("SELECT max(id) FROM run_actions")
            try await fixture.failing("id < \(last + 2)", on: "run_actions") {
                _ = try await settlements.settle(Self.settlement(decision), of: campaign, tenant: "acme")
            }
            let spent = decision == .sent ? 1 : 0
            #expect(try await fixture.analytics()[.unconfirmed] == 2)
            try await fixture.expectWallet(available: 9 - spent, held: 0)
            try await fixture.expectCountersEqualRows(run)
            let rest = try await settlements.settle(Self.settlement(decision), of: campaign, tenant: "acme")
            #expect(rest.settled == [run: 2])
            try await fixture.expectWallet(available: 9 - 3 * spent, held: 0)
            try await fixture.expectCountersEqualRows(run)
            #expect(try await Self.records(fixture).count == 3)
        }
    }

    /// The run completes while its messages are about to return to the lane: they would wait for ever.
    @Test func aRunThatEndsMeanwhileTakesNoMessagesBack() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(3, inWindow: 3, at: Date())
            let run = try await fixture.launch(at: Date())
            try await fixture.send(run, losing: [0, 1], isCompleted: false)
            try await fixture.ageDoubts()
            let settling = try await fixture.pool.transaction { connection in
                try await connection.execute(
                    "UPDATE campaign_runs SET status = 'completed', \"completedAt\" = now() WHERE id = \(run)"
                )
                try await connection.execute("UPDATE campaigns SET status = 'completed'")
                let settling = Task { try await Self.settle(.resend, fixture) }
                try await fixture.waitsForALock()
                return settling
            }
            let outcome = try await settling.value
            #expect(outcome.settled == [run: 2] && outcome.run?.recipientCount == 2 && outcome.run?.retryOf == run)
            for run in [run, try #require(outcome.run).id] { try await fixture.expectCountersEqualRows(run) }
            #expect(try await fixture.counters(of: run).rows[.failed] == 2)
            #expect(try await Self.records(fixture).count == 2, "of both runs")
        }
    }

    @Test func ofTwoPeopleAtOnceOneSettles() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.fund(100, price: 3)
            let (run, _) = try await fixture.sentCampaign(contacts: 9, losing: [0, 1, 2, 3, 4])
            try await fixture.ageDoubts()
            let settled = try await withThrowingTaskGroup(of: Int.self) { group in
                for decision in [Settlement.Decision.sent, .failed, .sent, .failed] {
                    group.addTask { try await Self.settle(decision, fixture).settled[run, default: 0] }
                }
                return try await group.reduce(0, +)
            }
            #expect(settled == 5)
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.rows[.unconfirmed] == 0)
            try await fixture.expectWallet(available: 100 - 3 * counters.rows.accepted, held: 0)
        }
    }

    /// The first request was accepted after all: the report is about the former message, and is paid.
    @Test func aLateReportAboutAMessageThatWasSentAgain() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(20, price: 2)
            let (run, ids) = try await fixture.sentCampaign(contacts: 3, losing: [0])
            try await fixture.ageDoubts()
            let again = try #require(try await Self.settle(.resend, fixture).run)
            try await fixture.send(again.id)
            try await fixture.expectWallet(available: 14, held: 0)
            _ = try await MessageRepository(pool: fixture.pool).apply([fixture.report(ids[0], .read)])
            #expect(try await fixture.status(of: ids[0]) == .read)
            try await fixture.expectWallet(available: 12, held: 0, "two were accepted")
            #expect(try await fixture.analytics() == RunCounters.of([.sent: 3]), "the recipient counts once")
            for run in [run, again.id] { try await fixture.expectCountersEqualRows(run) }
        }
    }

    @Test func aReportHasAQuarterOfAnHour() {
        #expect(Settlement(.sent, olderThan: .seconds(1), actor: .daemon, reason: "").olderThan == .seconds(900))
        #expect(Settlement(.sent, olderThan: .seconds(1_000), actor: .daemon, reason: "").olderThan == .seconds(1_000))
    }
}
