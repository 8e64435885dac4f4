import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// A completed campaign is sent once more on purpose, once for each key.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SendAgainTests {
    private static func again(_ fixture: Fixture, _ key: String) async throws -> LaunchRepository.Repetition {
        try await LaunchRepository(pool: fixture.pool).openAgain(
            .name("promo"),
            tenant: "acme",
            key: key,
            by: .command("ana")
        )
    }

    private static func write(_ run: UUID, _ fixture: Fixture) async throws {
        while try await LaunchRepository(pool: fixture.pool).writeBatch(of: run).run.status == .launching {}
    }

    @Test func aKeyOpensOneRun() async throws {
        try await Fixture.with { fixture in
            let (run, _) = try await fixture.sentCampaign(contacts: 5)
            let first = try await Self.again(fixture, "a")
            #expect(first.isNew && first.previous?.id == run && first.quota != nil && first.run.status == .launching)
            #expect(first.previous?.recipientCount == 5 && first.previous?.startedAt != nil)
            let actions = try await RunActionRepository(pool: fixture.pool).latest(of: [first.run.id])[first.run.id]
            #expect(actions?.map(\.words) == ["sent again by ana (command)"])
            let repeated = try await Self.again(fixture, "a")
            #expect(!repeated.isNew && repeated.run.id == first.run.id && repeated.previous?.id == run)
            await #expect(throws: LaunchError.runOpen(campaign: "promo", status: .running)) {
                _ = try await Self.again(fixture, "b")
            }
            // Its audience is the present one.
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" = '254700000001'"
            )
            try await Self.write(first.run.id, fixture)
            try await fixture.send(first.run.id)
            #expect(try await Self.again(fixture, "a").run.status == .completed, "the key is still its own")
            let second = try await Self.again(fixture, "b")
            #expect(second.isNew && second.previous?.id == first.run.id && second.previous?.recipientCount == 4)
            #expect(try await fixture.analytics().total == 9, "a recipient of two launches counts twice")
        }
    }

    @Test(arguments: [true, false])
    func ofManyAtOnceOneOpensARun(isSameKey: Bool) async throws {
        try await Fixture.with(connections: 8) { fixture in
            _ = try await fixture.sentCampaign(contacts: 5)
            let runs = await withTaskGroup(of: (run: UUID, isNew: Bool)?.self) { group in
                for number in 1...6 {
                    group.addTask {
                        do {
                            let opened = try await Self.again(fixture, isSameKey ? "one" : "key \(number)")
                            return (opened.run.id, opened.isNew)
                        } catch LaunchError.runOpen {
                            return nil
                        } catch {
                            Issue.record(error)
                            return nil
                        }
                    }
                }
                return await group.reduce(into: [(run: UUID, isNew: Bool)]()) { opened, one in
                    if let one { opened.append(one) }
                }
            }
            #expect(runs.count == (isSameKey ? 6 : 1) && runs.count(where: \.isNew) == 1)
            #expect(Set(runs.map(\.run)).count == 1)
        }
    }

    @Test func onlyWhatIsCompletedIsSentAgain() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(2, inWindow: 2, at: Date())
            await #expect(throws: LaunchError.neverSent(campaign: "promo")) { _ = try await Self.again(fixture, "a") }
            let run = try await fixture.launch(at: Date())
            try await fixture.runs.pause(run, reason: "a test")
            await #expect(throws: LaunchError.runOpen(campaign: "promo", status: .paused)) {
                _ = try await Self.again(fixture, "a")
            }
            try await fixture.runs.cancel(run, reason: "a test")
            await #expect(throws: LaunchError.notLaunchable(campaign: "promo", status: .cancelled)) {
                _ = try await Self.again(fixture, "a")
            }
        }
    }

    @Test func isHeldToThePolicyTheWalletAndTheQuota() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(12, price: 2)
            _ = try await fixture.sentCampaign(contacts: 4)
            try await fixture.expectWallet(available: 4, held: 0)
            try await fixture.setPolicy(#"{"maxRecipients":3}"#)
            await #expect(throws: LaunchError.tooManyRecipients(campaign: "promo", recipients: 4, allowed: 3)) {
                _ = try await Self.again(fixture, "a")
            }
            try await fixture.setPolicy(#"{"maxRecipients":4}"#)
            await #expect(throws: LaunchError.insufficientBalance(campaign: "promo", needed: 8, available: 4)) {
                _ = try await Self.again(fixture, "a")
            }
            try await fixture.fund(4, price: 2)
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 1")
            try await fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = NULL")
            await #expect {
                _ = try await Self.again(fixture, "a")
            } throws: { error in
                if case LaunchError.quotaExhausted = error { true } else { false }
            }
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 100")
            #expect(try await Self.again(fixture, "a").isNew, "a refused request leaves its key free")
            try await fixture.expectWallet(available: 0, held: 8)
        }
    }

    @Test func aCampaignWithAScheduleIsSentAgainInBetween() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.sentCampaign(contacts: 2)
            let campaign = try await fixture.campaignID()
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
                VALUES (\(campaign), 'acme', '0 9 1 1 *', now() + interval '30 days')
                """
            )
            #expect(try await fixture.campaignStatus() == .scheduled)
            let again = try await Self.again(fixture, "a")
            try await Self.write(again.run.id, fixture)
            #expect(try await fixture.campaignStatus() == .running)
            try await fixture.send(again.run.id)
            #expect(try await fixture.campaignStatus() == .scheduled)
        }
    }

    @Test func aRetryRepeatsOnlyTheLastLaunch() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.sentCampaign(contacts: 4, failing: [0: "1", 1: "1"])
            let again = try await Self.again(fixture, "a")
            try await Self.write(again.run.id, fixture)
            try await fixture.send(again.run.id, failing: [3: "1"])
            let retry = try await fixture.retry()
            #expect(retry.run.recipientCount == 1 && retry.previous?.id == again.run.id)
        }
    }
}
