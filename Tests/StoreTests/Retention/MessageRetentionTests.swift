import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Messages go when they are past the retention of their tenant, and what reports tell of them stays.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MessageRetentionTests {
    /// All that commands and the API print of a campaign, besides its messages.
    private struct Told: Equatable {
        var totals: [AnalyticsRepository.Totals] = []
        var failures: [[FailureCount]] = []
        var counters: [RunCounters] = []
        var responses: [RunResponses] = []
        var overview: AnalyticsRepository.Overview?
        var audit: [Int] = []
    }

    private static func told(_ fixture: Fixture, campaign: UUID, runs: [UUID]) async throws -> Told {
        var told = Told()
        let analytics = AnalyticsRepository(pool: fixture.pool)
        let log = MessageLogRepository(pool: fixture.pool)
        for run in [nil] + runs.map(Optional.some) {
            let totals = try #require(try await analytics.totals(campaign: campaign, tenant: "acme", run: run))
            told.totals.append(.init(counters: totals.counters, responses: totals.responses, deleted: 0))
            told.failures.append(try await log.failures(of: campaign, tenant: "acme", run: run))
        }
        for run in runs {
            let record = try #require(try await fixture.runs.find(run))
            told.counters.append(record.counters)
            told.responses.append(record.responses)
            told.failures.append(try await fixture.runs.failures(of: run))
            // A recount agrees with the counters, whatever rows are left.
            let recounted = try await fixture.pool.withConnection { try await fixture.runs.recount(run, on: $0) }
            #expect(recounted == record.counters)
        }
        told.overview = try await analytics.overview(tenant: "acme")
        let audit = try #require(try await fixture.wallets.audit(tenant: "acme"))
        #expect(audit.findings == [])
        told.audit = [audit.balance, audit.used, audit.messageUsed, audit.wrongRuns]
        return told
    }

    @Test func whatReportsTellStaysAsItWas() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(1_000, price: 2)
            let (run, ids) = try await fixture.sentCampaign(
                contacts: 30,
                failing: [0: "131026", 1: "131026", 2: "1", 3: "2"],
                losing: [5]
            )
            let retry = try await fixture.retry(["131026"]).run.id
            let repeated = try await fixture.send(retry, failing: [0: "131026"])
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.apply([
                fixture.report(ids[10], .delivered), fixture.report(ids[11], .read), fixture.report(ids[12], .failed),
                fixture.report(repeated[1], .read),
            ])
            // A failure whose text has a number, of a person perhaps.
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"errorMessage\" = 'code 2' WHERE id = \(ids[3])"
            )
            let campaign = try await fixture.campaignID()
            let before = try await Self.told(fixture, campaign: campaign, runs: [run, retry])
            try await fixture.age(100)
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            let portions = try await fixture.retain(.messages, size: 7)
            #expect(portions == [7, 7, 7, 7, 2, 2])
            #expect(try await fixture.count("campaign_messages") == 0)
            #expect(try await Self.told(fixture, campaign: campaign, runs: [run, retry]) == before)
            #expect(try await fixture.count("deleted_messages", "count > 0") > 4)
            // Late reports are about messages that are unknown, and change nothing.
            let late = [fixture.report(ids[10], .read), fixture.report(ids[13], .delivered)]
            #expect(try await messages.apply(late).count == 2)
            #expect(try await Self.told(fixture, campaign: campaign, runs: [run, retry]) == before)
        }
    }

    /// Answers that need the deleted rows say so.
    @Test func whatNeedsTheRowsTellsThatTheyAreGone() async throws {
        try await Fixture.with { fixture in
            let (run, _) = try await fixture.sentCampaign(contacts: 20, failing: [0: "1", 1: "2"], losing: [3, 4])
            let campaign = try await fixture.campaignID()
            try await fixture.age(100, "position <= 12")
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            try await fixture.retain(.messages)
            let log = MessageLogRepository(pool: fixture.pool)
            var query = MessageLogQuery(campaign: campaign, tenant: "acme")
            let page = try await log.page(query, page: 1, limit: 5)
            #expect(page.total == 8 && page.messages.map(\.position) == [13, 14, 15, 16, 17])
            #expect(try await log.page(query, page: 2, limit: 5).messages.map(\.position) == [18, 19, 20])
            #expect(try await log.deleted(query) == 12)
            query.status = .failed
            #expect(try await log.page(query, page: 1, limit: 5).total == 0)
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.total == 0 && preview.deleted == 4 && preview.inDoubt == 0)
            await #expect(throws: LaunchError.nothingToRetry(campaign: "promo", deleted: 4)) {
                _ = try await fixture.retry()
            }
            let settlements = SettlementRepository(pool: fixture.pool)
            #expect(try await settlements.deleted(of: campaign, tenant: "acme") == 2)
            let backlog = try await BacklogRepository(pool: fixture.pool).tenants(deadline: .seconds(30))
            #expect(backlog.map(\.unconfirmed) == [0], "nothing can settle them")
            #expect(try await fixture.runs.find(run)?.deletedCount == 12)
        }
    }

    @Test func rowsThatAreStillNeededStay() async throws {
        try await Fixture.with { fixture in
            try await fixture.setRetention(#"{"messages":"31d"}"#)
            let open = try await fixture.queuedRun(contacts: 5)
            try await fixture.age(400)
            #expect(try await fixture.retain(.messages) == [], "the run is open")
            try await fixture.send(open, failing: [0: "1"], losing: [1])
            try await fixture.pool.execute("UPDATE campaign_messages SET \"createdAt\" = now() - interval '400 days'")
            #expect(try await fixture.retain(.messages) == [], "they were sent just now")
            try await fixture.age(40, "true")
            try await fixture.pool.execute("UPDATE campaign_runs SET \"completedAt\" = now() - interval '30 days'")
            #expect(try await fixture.retain(.messages) == [], "reports may still come")
            try await fixture.pool.execute("UPDATE campaign_runs SET \"completedAt\" = now() - interval '32 days'")
            let retry = try await fixture.retry().run.id
            #expect(try await fixture.retain(.messages) == [], "an open run repeats messages of it")
            try await fixture.send(retry)
            try await fixture.pool.execute(
                "UPDATE tenants SET \"frequencyCap\" = '{\"messages\":1,\"within\":\"60d\",\"action\":\"skip\"}'"
            )
            #expect(try await fixture.retain(.messages) == [], "a frequency cap counts them")
            try await fixture.pool.execute("UPDATE tenants SET \"frequencyCap\" = NULL")
            try await fixture.addTriggered(cooldown: "90d")
            #expect(try await fixture.retain(.messages) == [], "a trigger looks at them")
            try await fixture.pool.execute("UPDATE campaign_triggers SET \"archivedAt\" = now()")
            #expect(try await fixture.retain(.messages) == [5])
            #expect(try await fixture.count("campaign_messages") == 1, "that of the retry is young")
        }
    }

    /// Messages of a standing run go while it is open, and it ends with the right counters.
    @Test func aStandingRunLosesItsOldMessages() async throws {
        try await Fixture.with { fixture in
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            try await fixture.addTriggered()
            try await fixture.addContacts(4, inWindow: 4, at: Date())
            for number in 1...12 { _ = try await fixture.fire([.init(contactID: Fixture.phone(number % 4 + 1))]) }
            let run: UUID = try await fixture.value("SELECT id FROM campaign_runs")
            let ids = try await fixture.send(run, failing: [2: "1"], isCompleted: false)
            // One waits for its answer since then.
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sending' WHERE id = \(ids[1])"
            )
            try await fixture.pool.execute("UPDATE campaign_runs SET sending = 1, sent = sent - 1")
            try await fixture.age(100, "position <= 8")
            let counters = try #require(try await fixture.runs.find(run)).counters
            #expect(try await fixture.retain(.messages, size: 3) == [2, 2, 2, 1])
            let left: [Int] = try await fixture.column("SELECT position FROM campaign_messages ORDER BY 1")
            #expect(left == [2, 9, 10, 11, 12])
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sent' WHERE status = 'sending'")
            try await fixture.pool.execute(
                "UPDATE campaign_runs SET sending = 0, sent = sent + 1, \"supersededAt\" = now()"
            )
            #expect(try await fixture.retain(.messages) == [1])
            let completed = try await fixture.runs.completeFinished(unconfirmedTimeout: .zero)
            #expect(completed.map(\.isCompleted) == [true] && completed[0].corrected == nil)
            let ended = try #require(try await fixture.runs.find(run)).counters
            #expect(ended.total == 12 && ended[.failed] == counters[.failed] && ended[.sent] == 11)
        }
    }

    /// A launch may have left out the last positions of a run.
    @Test func aRunWithoutRowsIsNotLookedAtAgain() async throws {
        try await Fixture.with { fixture in
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            let (run, ids) = try await fixture.sentCampaign(contacts: 5)
            try await fixture.pool.execute("DELETE FROM campaign_messages WHERE id = \(ids[4])")
            try await fixture.age(100)
            #expect(try await fixture.retain(.messages) == [4])
            let isDone: Bool = try await fixture.value(
                "SELECT \"deletedThrough\" = \"nextPosition\" - 1 FROM campaign_runs WHERE id = \(run)"
            )
            #expect(isDone)
        }
    }

    @Test func aPortionThatFailsLeavesEverything() async throws {
        try await Fixture.with { fixture in
            let (run, _) = try await fixture.sentCampaign(contacts: 5)
            try await fixture.age(100)
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            for (check, table) in [("false", "deleted_messages"), ("\"deletedCount\" = 0", "campaign_runs")] {
                try await fixture.failing(check, on: table) { try await fixture.retain(.messages) }
                #expect(try await fixture.count("campaign_messages") == 5)
                #expect(try await fixture.count("deleted_messages") == 0)
            }
            #expect(try await fixture.retain(.messages) == [5])
            #expect(try await fixture.runs.find(run)?.deletedCount == 5)
        }
    }

    @Test func ofManyDaemonsEachMessageIsCountedOnce() async throws {
        try await Fixture.with(connections: 8) { fixture in
            let (run, _) = try await fixture.sentCampaign(contacts: 60, failing: [1: "1"])
            try await fixture.age(100)
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...6 { group.addTask { try await fixture.retain(.messages, size: 5) } }
                try await group.waitForAll()
            }
            try await fixture.retain(.messages)
            #expect(try await fixture.count("campaign_messages") == 0)
            let counted: Int = try await fixture.value("SELECT sum(count)::int FROM deleted_messages")
            #expect(counted == 60)
            #expect(try await fixture.runs.find(run)?.deletedCount == 60)
        }
    }

    /// Numbers in texts of errors may be those of people.
    @Test func textsOfErrorsLoseTheirNumbers() async throws {
        try await Fixture.with { fixture in
            let (run, ids) = try await fixture.sentCampaign(contacts: 5, failing: [0: "1"])
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"errorMessage\" = 'to +254700000001: code 1' WHERE id = \(ids[0])"
            )
            try await fixture.age(100)
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            try await fixture.retain(.messages)
            #expect(try await fixture.runs.failures(of: run).map(\.message) == ["to +…: code 1"])
        }
    }
}
