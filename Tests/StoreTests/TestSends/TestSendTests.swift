import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Tests of campaigns: their message to named people, outside of everything that is counted.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TestSendTests {
    private static let known = "+254700000001"
    private static let stranger = "+254700000099"
    private static let message =
        #"{"type":"template","template":{"name":"hello","language":{"code":"en"},"components":["#
        + #"{"type":"body","parameters":[{"type":"text","text":"{{name|there}}"}]}]}}"#

    private static func with(
        recipients: [String] = [known, stranger],
        message: String = message,
        contacts: Int = 3,
        _ body: (Fixture, TestSendRepository) async throws -> Void
    ) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(contacts, at: Date())
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "testRecipients") VALUES (
                    'acme', 'acme', \(PostgresJSON(.array(recipients.map(JSONValue.string))))::jsonb
                )
                """
            )
            try await fixture.pool.execute(
                #"INSERT INTO contacts ("tenantId", "contactId", "optedIn") VALUES ('acme', '254700000099', false)"#
            )
            try await body(fixture, TestSendRepository(pool: fixture.pool))
        }
    }

    /// The claims of all messages of a run, after they were fed.
    private static func claim(_ run: UUID, _ fixture: Fixture) async throws -> [ClaimedMessage] {
        let chunks = ChunkRepository(pool: fixture.pool)
        while let claim = try await chunks.claim(run: run, limit: 100) { try await chunks.finish(claim) }
        let ids = try await fixture.ids(of: run)
        return try await MessageRepository(pool: fixture.pool).begin([SendClaim(ids, lease: 1)])
    }

    @Test func aTestTellsItsCosts() async throws {
        try await Self.with { fixture, tests in
            let prices = RateCard(
                from: "2025-01-01",
                currency: "USD",
                markets: ["Rest of Africa": [.marketing: 20_000]]
            )
            try await fixture.pool.transaction { connection in
                try await RateRepository.store(RateBook(cards: [prices]), of: ["acme"], on: connection)
            }
            let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known, Self.stranger])
            #expect(opened.test.run.estimatedCost?.words == "about USD 0.04: 2 marketing Rest of Africa")
        }
    }

    @Test func sendsToNamedPeopleAndLeavesTheCampaignADraft() async throws {
        try await Self.with { fixture, tests in
            let numbers = [Self.known, "00254 700 000 099", Self.known]
            let opened = try await tests.open(
                .name("promo"),
                tenant: "acme",
                to: numbers,
                reason: "words",
                by: .command("jane")
            )
            #expect(opened.isNew && opened.quota?.canProceed == true)
            #expect(opened.fillings.map(\.number) == [Self.known, Self.stranger])
            #expect(
                opened.fillings[1].fallbacks.map(\.path) == ["name"] && opened.fillings[1].fallbacks[0].text == "there"
            )
            let status: String = try await fixture.value("SELECT status FROM campaigns WHERE \"testOf\" IS NULL")
            #expect(status == "draft")

            let claimed = try await Self.claim(opened.test.run.id, fixture)
            #expect(claimed.map(\.status) == [.sending, .sending])
            #expect(Set(claimed.map(\.address)) == ["254700000001", "254700000099"])
            let messages = MessageRepository(pool: fixture.pool)
            try await messages.record(
                claimed.map { MessageOutcome(messageID: $0.id, lease: 1, result: .sent(waMessageID: "wamid.\($0.id)")) }
            )
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.completeFinished(unconfirmedTimeout: .zero).map(\.isCompleted) == [true])

            let list = try await tests.tests(ofCampaign: try await fixture.campaign(), tenant: "acme")
            #expect(list.map(\.run.status) == [.completed])
            #expect(list[0].recipients.map(\.status) == [.sent, .sent])
            #expect(list[0].action?.actor == .command("jane") && list[0].action?.reason == "words")
            #expect(try await tests.tests(ofCampaign: try await fixture.campaign(), tenant: "other").isEmpty)
            let after: String = try await fixture.value("SELECT status FROM campaigns WHERE \"testOf\" IS NULL")
            #expect(after == "draft")
            // The campaign is launched afterwards as if there had been no test; strangers are in no audience.
            let run = try await fixture.launch(at: Date())
            #expect(try await runs.find(run)?.recipientCount == 3)
        }
    }

    @Test func testsOfADeletedCampaignAreNotSent() async throws {
        try await Self.with { fixture, tests in
            let campaign = try await fixture.campaign()
            let opened = try await tests.open(.id(campaign), tenant: "acme", to: [Self.known])
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.endTests().isEmpty)
            try await fixture.pool.execute(#"UPDATE campaigns SET "archivedAt" = now() WHERE id = \#(campaign)"#)
            #expect(try await runs.endTests() == [opened.test.run.id])
            let ended = try await runs.find(opened.test.run.id)
            #expect(ended?.status == .cancelled && ended?.statusReason == "the campaign was deleted")
        }
    }

    @Test func aCancelledTestIsNotSentAndTheCampaignGoesOn() async throws {
        try await Self.with { fixture, tests in
            let campaign = try await fixture.campaign()
            let kept = try await tests.open(.id(campaign), tenant: "acme", to: [Self.known])
            let opened = try await tests.open(.id(campaign), tenant: "acme", to: [Self.known])
            let id = opened.test.run.id
            func cancel(_ tenant: String = "acme", _ other: UUID? = nil) async throws -> (
                test: TestSend, isChanged: Bool
            )? {
                try await tests.cancel(
                    id,
                    ofCampaign: other ?? campaign,
                    tenant: tenant,
                    reason: "by hand",
                    by: .command("jane")
                )
            }
            #expect(try await cancel("other") == nil)
            #expect(try await cancel("acme", UUID()) == nil)
            let (test, isChanged) = try #require(try await cancel())
            #expect(isChanged && test.run.status == .cancelled && test.run.statusReason == "by hand")
            let again = try #require(try await cancel())
            #expect(!again.isChanged, "it was over")
            let runs = RunRepository(pool: fixture.pool)
            while try await runs.cancelRest() != nil {}
            let list = try await tests.tests(ofCampaign: campaign, tenant: "acme")
            #expect(list.map { $0.recipients.map(\.status) } == [[.cancelled], [.pending]])
            #expect(try await runs.find(kept.test.run.id)?.status == .running)
            let status: String = try await fixture.value("SELECT status FROM campaigns WHERE \"testOf\" IS NULL")
            #expect(status == "draft")
            #expect(try await fixture.launch(at: Date()) != id)
        }
    }

    @Test func nothingThatCountsRunsSeesATest() async throws {
        try await Self.with { fixture, tests in
            try await fixture.pool.execute(
                #"UPDATE tenants SET notify = '{"url":"env:X","on":["paused","completed","failed"]}'"#
            )
            let campaign = try await fixture.campaign()
            let before = try await Self.views(of: campaign, fixture)
            let opened = try await tests.open(.id(campaign), tenant: "acme", to: [Self.known])
            #expect(try await Self.views(of: campaign, fixture) == before, "while it is open")
            let claimed = try await Self.claim(opened.test.run.id, fixture)
            try await MessageRepository(pool: fixture.pool)
                .record(
                    claimed.map {
                        MessageOutcome(messageID: $0.id, lease: 1, result: .sent(waMessageID: "wamid.\($0.id)"))
                    }
                )
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            #expect(try await Self.views(of: campaign, fixture) == before, "when it is complete")
            let second = try await tests.open(.id(campaign), tenant: "acme", to: [Self.known])
            try await RunRepository(pool: fixture.pool).pause(second.test.run.id, reason: "x", by: .command("jane"))
            #expect(try await Self.views(of: campaign, fixture) == before, "when it is paused")
            #expect(try await RunRepository(pool: fixture.pool).endTests() == [second.test.run.id])
            #expect(try await Self.views(of: campaign, fixture) == before, "when it was cancelled")
        }
    }

    /// Everything that shows runs of a campaign or sums of a tenant, as text.
    private static func views(of campaign: UUID, _ fixture: Fixture) async throws -> [String] {
        let pool = fixture.pool
        let (runs, analytics) = (RunRepository(pool: pool), AnalyticsRepository(pool: pool))
        let campaigns = CampaignRepository(pool: pool)
        let retries = RetryRepository(pool: pool)
        var neverSent = "sent"
        do {
            _ = try await retries.preview(.id(campaign), tenant: "acme")
        } catch {
            neverSent = "\(error)"
        }
        var log = MessageLogQuery(campaign: campaign, tenant: "acme")
        log.run = nil
        let messages = MessageLogRepository(pool: pool)
        // Dictionaries have no order, so that counters are written one by one.
        let overview = try await analytics.overview(tenant: "acme")
        let totals = try await analytics.totals(campaign: campaign, tenant: "acme")
        return [
            neverSent,
            "\(try await runs.latest(tenant: "acme").map(\.id))",
            "\(try await runs.latest(campaigns: [campaign]).map(\.id))",
            "\(try await runs.runs(ofCampaign: campaign, tenant: "acme", page: 1, limit: 10).total)",
            "\(try await runs.openRun(ofCampaign: campaign, tenant: "acme")?.run.id as Any)",
            "\(try await runs.watched(.open(tenant: nil)).map(\.run.id))",
            "\(try await runs.watched(.latest(of: [campaign])).map(\.run.id))",
            "\(overview.campaigns) \(overview.activeCampaigns) \(MessageStatus.allCases.map { overview.counters[$0] })",
            "\(totals.map { totals in MessageStatus.allCases.map { totals.counters[$0] } } as Any)",
            "\(try await messages.page(log, page: 1, limit: 10).total)",
            "\(try await messages.failures(of: campaign, tenant: "acme", run: nil))",
            "\(try await campaigns.list(tenant: "acme", CampaignQuery(), page: 1, limit: 10).campaigns.map(\.id))",
            "\(try await campaigns.overview(tenant: nil, limit: 10).map { "\($0.campaign.id) \($0.run?.run.id as Any)" })",
            "\(try await campaigns.named("promo", tenant: nil).map(\.id))",
            "\(try await campaigns.find(campaign, tenant: "acme")?.status as Any)",
            "\(try await fixture.value("SELECT count(*) FROM notifications", as: Int.self))",
        ]
    }

    @Test func aKeySendsOneTest() async throws {
        try await Self.with { fixture, tests in
            let first = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known], key: "one")
            let again = try await tests.open(.name("promo"), tenant: "acme", to: [Self.stranger], key: "one")
            #expect(!again.isNew && again.test.run.id == first.test.run.id)
            #expect(again.test.recipients.map(\.number) == [Self.known])
            try await fixture.pool.execute(
                "UPDATE tenants SET \"testRecipients\" = \(PostgresJSON(.array([.string(Self.stranger)])))::jsonb"
            )
            let unlisted = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known], key: "one")
            #expect(!unlisted.isNew && unlisted.test.run.id == first.test.run.id, "the person left the list meanwhile")
            try await fixture.pool.execute(
                "UPDATE tenants SET \"testRecipients\" = \(PostgresJSON(.array([.string(Self.known)])))::jsonb"
            )
            let other = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known], key: "two")
            #expect(other.isNew)
            let messages: Int = try await fixture.value("SELECT count(*) FROM campaign_messages")
            #expect(messages == 2)
            // Requests at the same time, too.
            let ids = try await withThrowingTaskGroup(of: UUID.self) { group in
                for _ in 1...4 {
                    group.addTask {
                        try await tests.open(.name("promo"), tenant: "acme", to: [Self.known], key: "three").test.run.id
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
        }
    }

    @Test func refusesNumbersThatAreNotListed() async throws {
        try await Self.with { fixture, tests in
            func refusal(_ numbers: [String], _ campaign: String = "promo") async throws -> String {
                var text = "none"
                do {
                    _ = try await tests.open(.name(campaign), tenant: "acme", to: numbers)
                } catch {
                    text = "\(error)"
                }
                return text
            }
            let unlisted = try await refusal([Self.known, "+254700000002"])
            #expect(
                unlisted.contains("+254700000002") && unlisted.contains("testRecipients")
                    && !unlisted.contains(Self.known)
            )
            #expect(try await refusal(["0700000001"]).contains("country code"))
            #expect(try await refusal(["hello"]).contains("is not a phone number"))
            #expect(try await refusal([]).contains("1 to 20"))
            #expect(try await refusal([Self.known], "nosuch").contains("nosuch"))
            let rows: Int = try await fixture.value(
                "SELECT (SELECT count(*) FROM campaign_runs) + (SELECT count(*) FROM campaigns)"
            )
            #expect(rows == 1)
            try await fixture.pool.execute(#"UPDATE tenants SET "archivedAt" = now()"#)
            #expect(try await refusal([Self.known]).contains("testRecipients"))
        }
    }

    @Test(
        arguments: [
            (#""optedIn" = false, "optedOutAt" = now()"#, "opted out"), (#""suppressedLevel" = 'all'"#, "opted out"),
            (#""suppressedLevel" = 'marketing'"#, "marketing"), (#""deactivatedAt" = now()"#, "deactivated"),
            (#""optedIn" = false"#, nil),
        ]
    )
    func refusesPeopleWhoOptedOut(change: String, problem: String?) async throws {
        try await Self.with { fixture, tests in
            try await fixture.pool.execute(
                PostgresQuery(sql: "UPDATE contacts SET \(change) WHERE \"contactId\" = '254700000001'")
            )
            guard let problem else {
                // The person never agreed, and never said no: being on the list is enough.
                let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
                #expect(try await Self.claim(opened.test.run.id, fixture).map(\.status) == [.sending])
                return
            }
            let error = await #expect(throws: TestSendError.self) {
                try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            }
            #expect(error?.description.contains(problem) == true, "\(error as Any)")
        }
    }

    @Test func refusesASuppressedPersonAndStrangers() async throws {
        try await Self.with { fixture, tests in
            let statement = ConsentStatement(
                tenantID: "acme",
                ids: [Self.stranger],
                .all,
                isOptedIn: false,
                source: .command
            )
            try await ConsentRepository(pool: fixture.pool).record([statement])
            await #expect(throws: TestSendError.self) {
                try await tests.open(.name("promo"), tenant: "acme", to: [Self.stranger])
            }
            let contacts: Int = try await fixture.value("SELECT count(*) FROM contacts")
            #expect(contacts == 4, "nothing has happened")
            try await fixture.pool.execute("UPDATE contacts SET \"contactId\" = '254700000098' WHERE name IS NULL")
            let error = await #expect(throws: TestSendError.self) {
                try await tests.open(.name("promo"), tenant: "acme", to: [Self.stranger])
            }
            #expect(error?.description.contains("is no contact") == true)
        }
    }

    @Test func anOptOutAfterTheRequestCountsAtTheClaim() async throws {
        try await Self.with { fixture, tests in
            let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            let statement = ConsentStatement(
                tenantID: "acme",
                ids: [Self.known],
                .all,
                isOptedIn: false,
                source: .command
            )
            try await ConsentRepository(pool: fixture.pool).record([statement])
            #expect(try await Self.claim(opened.test.run.id, fixture).map(\.status) == [.cancelled])
        }
    }

    @Test func theFrequencyCapDoesNotDelayATest() async throws {
        try await Self.with { fixture, tests in
            try await fixture.pool.execute(
                #"UPDATE tenants SET "frequencyCap" = '{"messages": 1, "within": "7d", "action": "skip"}'"#
            )
            for _ in 1...2 {
                let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
                let claimed = try await Self.claim(opened.test.run.id, fixture)
                #expect(claimed.map(\.status) == [.sending])
                try await MessageRepository(pool: fixture.pool)
                    .record(
                        claimed.map {
                            MessageOutcome(messageID: $0.id, lease: 1, result: .sent(waMessageID: "wamid.\($0.id)"))
                        }
                    )
            }
        }
    }

    @Test func aMessageThatCannotBeRenderedIsRefused() async throws {
        let message =
            #"{"type":"template","template":{"components":[{"type":"body","parameters":[{"type":"text","text":"{{pin}}"}]}]}}"#
        try await Self.with(message: message) { fixture, tests in
            let error = await #expect(throws: TestSendError.self) {
                try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            }
            #expect(error?.description.contains("{{pin|default}}") == true)
            try await fixture.pool.execute("UPDATE contacts SET pin = '1'")
            #expect(try await tests.open(.name("promo"), tenant: "acme", to: [Self.known]).isNew)
        }
    }

    @Test func freeTextNeedsTheWindow() async throws {
        try await Self.with(message: #"{"type":"text","text":{"body":"Hi"}}"#) { fixture, tests in
            let error = await #expect(throws: TestSendError.self) {
                try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            }
            #expect(error?.description.contains("24 hours") == true)
            try await fixture.pool.execute(#"UPDATE contacts SET "lastSeen" = now()"#)
            let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            #expect(opened.quota?.quotaStatus.businessSent24h == 0)
        }
    }

    /// WhatsApp bills a test like any message, so the wallet pays for it.
    @Test func aTestCostsWhatAMessageCosts() async throws {
        try await Self.with { fixture, tests in
            try await fixture.pool.execute(
                #"INSERT INTO wallets ("tenantId", available, "pricePerMessage") VALUES ('acme', 5, 3)"#
            )
            let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            let held: Int = try await fixture.value(#"SELECT amount FROM wallet_holds"#)
            #expect(held == 3)
            await #expect(throws: LaunchError.self) {
                try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            }
            let claimed = try await Self.claim(opened.test.run.id, fixture)
            try await MessageRepository(pool: fixture.pool)
                .record(
                    claimed.map {
                        MessageOutcome(messageID: $0.id, lease: 1, result: .sent(waMessageID: "wamid.\($0.id)"))
                    }
                )
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            let spent: Int = try await fixture.value(
                "SELECT sum(amount)::bigint FROM wallet_entries WHERE kind = 'debit'"
            )
            #expect(spent == -3)
        }
    }

    @Test func testsThatAreADayOldEnd() async throws {
        try await Self.with { fixture, tests in
            let old = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            let new = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            let waiting = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            try await fixture.pool.execute(
                #"UPDATE campaign_runs SET "createdAt" = now() - interval '25 hours' WHERE id = \#(old.test.run.id)"#
            )
            try await fixture.pool.execute(
                """
                UPDATE campaign_runs SET status = 'paused', "quotaUntil" = now() + interval '1 hour'
                WHERE id = \(waiting.test.run.id)
                """
            )
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.endTests() == [old.test.run.id])
            while try await runs.cancelRest() != nil {}
            let list = try await tests.tests(ofCampaign: try await fixture.campaign(), tenant: "acme")
            let ended = try #require(list.first { $0.run.id == old.test.run.id })
            #expect(ended.run.status == .cancelled && ended.run.statusReason?.contains("24 hours") == true)
            #expect(ended.recipients.map(\.status) == [.cancelled])
            #expect(list.first { $0.run.id == new.test.run.id }?.run.status == .running)
            #expect(list.first { $0.run.id == waiting.test.run.id }?.run.status == .paused)
            #expect(try await runs.endTests().isEmpty)
        }
    }

    @Test func triggeredAndRunningCampaignsCanBeTested() async throws {
        try await Self.with { fixture, tests in
            let run = try await fixture.launch(at: Date())
            let opened = try await tests.open(.name("promo"), tenant: "acme", to: [Self.known])
            #expect(opened.test.run.id != run)
            try await fixture.addCampaign("welcome", type: "event_triggered", message: Self.message)
            try await fixture.pool.execute(
                #"UPDATE campaigns SET "managedBy" = 'spec', "audienceFilter" = NULL WHERE name = 'welcome'"#
            )
            #expect(try await tests.open(.name("welcome"), tenant: "acme", to: [Self.known]).isNew)
            #expect(try await RunRepository(pool: fixture.pool).find(run)?.status == .running)
        }
    }
}

extension Fixture {
    /// The campaign that is no copy for a test, by name.
    fileprivate func campaign(_ name: String = "promo") async throws -> UUID {
        try await value(#"SELECT id FROM campaigns WHERE name = \#(name) AND "testOf" IS NULL"#)
    }
}
