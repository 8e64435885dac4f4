import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs that need more than the 24 h quota has left.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliveryQuotaTests {
    @Test(.timeLimit(.minutes(3)))
    func twoDaemonsTogetherStopAtTheQuotaAndGoOnWhereTheyStopped() async throws {
        try await DeliveryFixture.with(contacts: 200) { fixture in
            // The simulator counts every recipient against its limit; our quota counts only half of them.
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 30")
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await fixture.withDelivery {
                    try await eventually("all but the rest of the quota is sent") {
                        try await fixture.run(run).counters.accepted == 130
                    }
                    try await eventually("the campaign is paused") { try await fixture.run(run).status == .paused }
                    try await fixture.expectWaitingForQuota(run, messages: 70)
                    #expect(try await fixture.counted() == 30)

                    // Resumed without quota, it stops again before it sends anything.
                    #expect(try await fixture.runs.resume(run))
                    try await eventually("it is paused again") { try await fixture.run(run).status == .paused }
                    try await fixture.expectWaitingForQuota(run, messages: 70)
                    #expect(fixture.simulator.summary().accepted == 130)

                    try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 100")
                    #expect(try await fixture.runs.resume(run))
                    try await fixture.completes(run)
                }
            }
            try await fixture.expectDelivered(run, contacts: 200)
            #expect(try await fixture.counted() == 100)
        }
    }

    /// The messages that wait in the lane of the former group go on in that of the new one.
    @Test(.timeLimit(.minutes(3)))
    func aSenderThatChangesItsGroupTakesItsMessagesAlong() async throws {
        try await DeliveryFixture.with(contacts: 300, rate: 60) { fixture in
            let run = try await fixture.launch()
            try await TestRedis.withGroup(ofTenant: DeliveryFixture.tenant) { redis, group in
                try await fixture.withDelivery {
                    try await fixture.withDelivery {
                        try await eventually("the run is under way") {
                            try await fixture.run(run).counters.accepted > 60
                        }
                        try await fixture.pool.execute("UPDATE senders SET \"quotaGroup\" = \(group)")
                        try await fixture.completes(run)
                    }
                }
                let epochs = try await fixture.pool.query(
                    "SELECT epoch FROM queue_epochs WHERE \"quotaGroup\" = \(group)"
                )
                #expect(try epochs.map { try $0.decode(0, as: Int.self) > 1 } == [true], "its lanes were rebuilt")
                let sender = try await fixture.run(run).senderID
                let former = LaneQueue(redis: redis, quotaGroup: fixture.group, sender: sender)
                #expect(try await former.depth().total == 0)
            }
            try await fixture.expectDelivered(run, contacts: 300)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func theQuotaOfWhatsAppIsNeverReached() async throws {
        try await DeliveryFixture.with(contacts: 120, dailyLimit: 50) { fixture in
            try await fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = NULL")
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await fixture.withDelivery {
                    try await eventually("the campaign is paused") {
                        try await fixture.run(run).status == .paused
                    }
                    try await fixture.expectWaitingForQuota(run, messages: 70)
                }
            }
            let summary = fixture.simulator.summary()
            #expect(summary.accepted == 50)
            #expect(summary.rejected == 0)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func resumesByItselfWhenQuotaReturns() async throws {
        try await DeliveryFixture.with(contacts: 60, onQuotaExhausted: "wait") { fixture in
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 10")
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await eventually("the campaign is paused") {
                    try await fixture.run(run).status == .paused
                }
                try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = NULL")
                try await fixture.pool.execute("UPDATE campaign_runs SET \"quotaUntil\" = now()")
                try await fixture.completes(run)
            }
            try await fixture.expectDelivered(run, contacts: 60)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func theQuotaSurvivesTheLossOfRedis() async throws {
        try await DeliveryFixture.with(contacts: 100) { fixture in
            try await fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = NULL")
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 40")
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await eventually("half of the quota is used") {
                    try await fixture.run(run).counters.accepted >= 20
                }
                try await TestRedis.deleteKeys(of: fixture.group, on: fixture.redis)
                try await eventually("the campaign is paused") {
                    try await fixture.run(run).status == .paused
                }
                try await eventually("nothing is on its way") {
                    try await fixture.run(run).counters[.sending] == 0
                }
            }
            #expect(fixture.simulator.summary().accepted <= 40)
            #expect(try await fixture.counted() <= 40)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aWindowThatClosesInTheQueueCostsQuotaAndOneThatOpensDoesNot() async throws {
        try await DeliveryFixture.with(contacts: 40) { fixture in
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 30")
            let run = try await fixture.launch()
            // Contacts 2 to 20 are out of their window by now, and the first ten odd ones have written.
            try await fixture.pool.execute(
                """
                UPDATE contacts SET "lastSeen" = CASE WHEN (metadata ->> 'number')::int % 2 = 1 THEN now()
                    ELSE now() - interval '2 days' END
                WHERE (metadata ->> 'number')::int <= 20
                """
            )
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 40)
            // Ten that closed, and those of 21 to 40 that never wrote.
            #expect(try await fixture.counted() == 20)
            let lane = LaneFixture(
                redis: fixture.redis,
                group: fixture.group,
                sender: try await fixture.run(run).senderID,
                lane: LaneQueue(redis: fixture.redis, quotaGroup: fixture.group, sender: UUID())
            )
            try await eventually("Redis counts the same") { try await lane.used() == 20 }
        }
    }

    @Test func aLaunchThatCouldSendNothingIsRefused() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            try await fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = NULL")
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 5")
            try await fixture.pool.execute(
                """
                INSERT INTO quota_hours SELECT "quotaGroup", date_trunc('hour', now(), 'UTC'), "tenantId", 5 FROM senders
                """
            )
            await #expect(throws: LaunchError.self) { _ = try await fixture.launch() }
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 8")
            let run = try await fixture.launch()
            let check = try #require(
                try await LaunchRepository(pool: fixture.pool).quota(of: run, now: Date())
            )
            #expect(check.canProceed)
            #expect(check.quotaStatus == QuotaStatus(businessSent24h: 5, tierLimit: 8))
            #expect(check.quotaStatus.remaining == 3)
            #expect(check.warning?.hasPrefix("10 recipients outside of their window, and 3 left") == true)
        }
    }
}

extension DeliveryFixture {
    /// Business-initiated messages in Postgres's count.
    func counted() async throws -> Int {
        try await pool.query("SELECT coalesce(sum(count), 0)::bigint FROM quota_hours")[0].decode(0)
    }

    func expectWaitingForQuota(_ run: UUID, messages: Int) async throws {
        try await eventually("the rest is pending") {
            let counters = try await self.run(run).counters
            return counters[.pending] == messages && counters.open == messages
        }
        let record = try await self.run(run)
        #expect(record.statusReason?.contains("quota") == true)
        let rows = try await pool.query(
            """
            SELECT r."quotaUntil" > now(), c.status::text, c."statusReason" = r."statusReason"
            FROM campaign_runs r JOIN campaigns c ON c.id = r."campaignId" WHERE r.id = \(run)
            """
        )
        #expect(try rows[0].decode(0, as: Bool.self))
        #expect(try rows[0].decode(1, as: String.self) == "paused")
        #expect(try rows[0].decode(2, as: Bool.self))
        try await expectCountersEqualRows(run)
    }
}
