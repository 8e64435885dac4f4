import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The tenant's policy, which every launch is held to, and free text to people outside of their window.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LaunchPolicyTests {
    private static let text = #"{"type":"text","text":{"body":"Hi"}}"#
    private static let nine = Date(timeIntervalSince1970: 1_780_304_400)

    private static func open(_ fixture: Fixture, _ name: String = "promo") async throws -> LaunchRepository.Opening {
        try await LaunchRepository(pool: fixture.pool).open(campaign: name, tenant: "acme", now: Fixture.now)
    }

    private static func setPolicy(_ json: String, allowing: String? = nil, _ fixture: Fixture) async throws {
        try await fixture.pool.execute("DELETE FROM tenants")
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, policy, "allowedPolicy")
            VALUES ('acme', 'acme', \(PostgresJSON(text: json)), \(allowing.map { PostgresJSON(text: $0) })::jsonb)
            """
        )
    }

    private static func allow(_ json: String, _ fixture: Fixture) async throws {
        try await fixture.pool.execute("UPDATE campaigns SET \"allowedPolicy\" = \(PostgresJSON(text: json))::jsonb")
    }

    @Test(arguments: [true, false])
    func moreRecipientsThanAllowedAreRefused(isManaged: Bool) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            if isManaged { try await fixture.pool.execute("UPDATE campaigns SET \"managedBy\" = 'spec'") }
            try await fixture.addContacts(3)
            try await Self.setPolicy(#"{"maxRecipients":2}"#, fixture)
            await #expect(throws: LaunchError.tooManyRecipients(campaign: "promo", recipients: 3, allowed: 2)) {
                _ = try await Self.open(fixture)
            }
            try await Self.allow(#"{"maxRecipients":"3"}"#, fixture)
            try await fixture.addContacts(1, tenant: "other")
            _ = try await fixture.launch()
            let status = try await fixture.value("SELECT status FROM campaigns", as: CampaignStatus.self)
            #expect(status == .running)
        }
    }

    /// Contacts that are imported between the count and the last batch are counted too.
    @Test func anAudienceThatGrowsDuringTheLaunchIsNotSent() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(8)
            try await Self.setPolicy(#"{"maxRecipients":20}"#, fixture)
            guard case .opened(var run) = try await Self.open(fixture) else { return }
            try await fixture.addContacts(40, tenant: "later")
            try await fixture.pool.execute(
                "UPDATE contacts SET \"tenantId\" = 'acme', \"contactId\" = '9' || \"contactId\" WHERE \"tenantId\" = 'later'"
            )
            let launches = LaunchRepository(pool: fixture.pool)
            while run.status == .launching { run = try await launches.writeBatch(of: run.id, size: 10).run }
            #expect(run.status == .cancelled)
            #expect(run.statusReason?.contains("beyond 20 recipients") == true)
            let runs = RunRepository(pool: fixture.pool)
            while try await runs.cancelRest(batch: 100) != nil {}
            let counters = try await fixture.counters(of: run.id)
            #expect(counters.counted == counters.rows && counters.rows[.pending] == 0)
            #expect(counters.rows[.cancelled] == run.recipientCount)
        }
    }

    @Test func anOccurrenceBeyondThePolicyIsSkippedWithTheReason() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.addContacts(5, at: Self.nine)
            try await Self.setPolicy(#"{"maxRecipients":4}"#, fixture)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
                VALUES (\(campaign), 'acme', '0 9 * * *', \(Self.nine))
                """
            )
            let schedules = ScheduleRepository(pool: fixture.pool)
            let firing = try await schedules.fireNext(now: Self.nine + 1)
            #expect(
                firing?.outcome
                    == .skipped(
                        reason: "campaign `promo` has 5 recipients, and the policy of its tenant allows 4"
                    )
            )
            // The next occurrence starts, and is refused when its audience has grown.
            try await Self.setPolicy(#"{"maxRecipients":5}"#, fixture)
            guard case .started(let id)? = try await schedules.fireNext(now: Self.nine + 86_401)?.outcome else {
                Issue.record("not started")
                return
            }
            try await fixture.addContacts(3, tenant: "acme2", at: Self.nine)
            try await fixture.pool.execute(
                "UPDATE contacts SET \"tenantId\" = 'acme', \"contactId\" = '9' || \"contactId\" WHERE \"tenantId\" = 'acme2'"
            )
            let launches = LaunchRepository(pool: fixture.pool)
            while try await launches.writeBatch(of: id).run.status == .launching {}
            let row = try await fixture.pool.query(
                "SELECT outcome, reason FROM schedule_occurrences WHERE \"runId\" = \(id)"
            )[0]
            #expect(try row.decode(0, as: String.self) == "skipped")
            #expect(try row.decode(1, as: String.self).contains("beyond 5 recipients"))
            let status = try await fixture.value("SELECT status FROM campaigns", as: CampaignStatus.self)
            #expect(status == .scheduled, "it waits for its next time")
        }
    }

    @Test func categoriesAreHeldAtTheLaunch() async throws {
        try await Fixture.with { fixture in
            let message = #"{"type":"template","template":{"name":"offer_1"}}"#
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(1)
            try await Self.setPolicy(#"{"allowedCategories":["utility"]}"#, fixture)
            let unknown = await #expect(throws: LaunchError.self) { _ = try await Self.open(fixture) }
            #expect(unknown?.description.contains("category `unknown`") == true)
            try await fixture.pool.execute(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body)
                VALUES ('acme', 'offer', 'offer_1', 'en', 'marketing', 'Hi')
                """
            )
            let refused = await #expect(throws: LaunchError.self) { _ = try await Self.open(fixture) }
            #expect(refused?.description.contains("category `marketing`") == true)
            try await Self.allow(#"{"allowedCategories":"marketing"}"#, fixture)
            _ = try await fixture.launch()
        }
    }

    @Test func campaignsUnderWayCount() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(1)
            for name in ["a", "b", "draft"] { try await fixture.addCampaign(name) }
            try await Self.setPolicy(#"{"maxCampaigns":1}"#, fixture)
            _ = try await fixture.launch("a")
            let refused = await #expect(throws: LaunchError.self) { _ = try await Self.open(fixture, "b") }
            #expect(refused?.description.contains("one of 2 campaigns") == true)
            try await Self.setPolicy(#"{"maxCampaigns":1}"#, allowing: #"{"maxCampaigns":"2"}"#, fixture)
            _ = try await fixture.launch("b")
        }
    }

    /// Two launches that count at the same time do not both get the last place.
    @Test func launchesOfATenantCountOneAfterTheOther() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(1)
            for number in 1...6 { try await fixture.addCampaign("c\(number)") }
            try await Self.setPolicy(#"{"maxCampaigns":3}"#, fixture)
            let opened = await withTaskGroup(of: Bool.self) { group in
                for number in 1...6 {
                    group.addTask { (try? await Self.open(fixture, "c\(number)")) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(opened == 3)
        }
    }

    @Test func startsThatFollowTooSoonAreSkipped() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.addContacts(1, at: Self.nine)
            try await Self.setPolicy(#"{"minScheduleInterval":"2h"}"#, fixture)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt", overlap)
                VALUES (\(campaign), 'acme', '0 * * * *', \(Self.nine), 'cancelRunning')
                """
            )
            let schedules = ScheduleRepository(pool: fixture.pool)
            var outcomes: [String] = []
            for hour in 0...2 {
                let now = Self.nine + Double(hour) * 3600 + 1
                switch try await schedules.fireNext(now: now)?.outcome {
                case .started: outcomes.append("started")
                case .skipped(let reason): outcomes.append(reason)
                default: outcomes.append("other")
                }
            }
            let refusal =
                "campaign `promo` would start again after 1h, and the policy of its tenant wants 2h between two starts"
            #expect(outcomes == ["started", refusal, "started"])
        }
    }

    @Test func freeTextIsCountedAndSentOnlyWithinTheWindow() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: Self.text)
            try await fixture.addContacts(10, inWindow: 4)
            try await fixture.fund(4)
            let run = try #require(try await RunRepository(pool: fixture.pool).find(try await fixture.launch()))
            #expect(run.recipientCount == 4 && run.inWindowCount == 4 && run.unreachableCount == 6)
            #expect(run.expectedCount == 4 && run.status == .running)
            let messages = try await fixture.value("SELECT count(*) FROM campaign_messages", as: Int.self)
            #expect(messages == 4)
            try await fixture.expectWallet(available: 0, held: 4)
        }
    }

    @Test func anAudienceThatFreeTextCannotReachIsRefused() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled", message: Self.text)
            try await fixture.addContacts(10, at: Self.nine)
            let expected = LaunchError.noneReachable(campaign: "promo", people: 10)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
                VALUES (\(campaign), 'acme', '0 9 * * *', \(Self.nine))
                """
            )
            let schedules = ScheduleRepository(pool: fixture.pool)
            let firing = try await schedules.fireNext(now: Self.nine + 1)
            #expect(firing?.outcome == .skipped(reason: expected.description))
            await #expect(throws: expected) {
                _ = try await LaunchRepository(pool: fixture.pool).open(
                    campaign: "promo",
                    tenant: "acme",
                    now: Self.nine
                )
            }
            // An empty audience is no mistake: the occurrence starts a run that completes at once.
            try await fixture.pool.execute("DELETE FROM contacts")
            guard case .started(let run)? = try await schedules.fireNext(now: Self.nine + 86_401)?.outcome else {
                Issue.record("not started")
                return
            }
            while try await LaunchRepository(pool: fixture.pool).writeBatch(of: run).run.status == .launching {}
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .seconds(1))
            #expect(try await RunRepository(pool: fixture.pool).find(run)?.status == .completed)
        }
    }
}
