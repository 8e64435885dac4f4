import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct FiringTests {
    private static let nine = Date(timeIntervalSince1970: 1_780_304_400)

    /// A schedule at nine o'clock each day.
    private static func add(
        to campaign: UUID,
        _ fixture: Fixture,
        cron: String = "0 9 * * *",
        next: Date = nine,
        maxRuns: Int? = nil,
        overlap: String = "skip"
    ) async throws -> UUID {
        try await fixture.value(
            """
            INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt", "maxRuns", overlap)
            VALUES (\(campaign), 'acme', \(cron), \(next), \(maxRuns), \(overlap)) RETURNING id
            """
        )
    }

    private static func finish(_ run: UUID, _ fixture: Fixture) async throws {
        let launches = LaunchRepository(pool: fixture.pool)
        while try await launches.writeBatch(of: run).run.status == .launching {}
        try await fixture.pool.execute("DELETE FROM campaign_messages WHERE \"runId\" = \(run)")
        try await fixture.pool.execute("UPDATE campaign_runs SET pending = 0 WHERE id = \(run)")
        _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .seconds(1))
    }

    private static func started(_ firing: Firing?) throws -> UUID {
        guard case .started(let run) = firing?.outcome else {
            throw NotInTime(description: "not started: \(String(describing: firing))")
        }
        return run
    }

    /// With many schedules, looking for the one that is due must not read those that are not.
    @Test func schedulesAndCampaignsThatAreNotDueAreNotRead() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.addContacts(3, at: Self.nine)
            let due = try await Self.add(to: campaign, fixture, next: Date() - 60)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
                SELECT \(campaign)::uuid, 'acme', '0 9 * * *', now() + n * interval '1 minute'
                FROM generate_series(1, 1000) n
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, status, "senderId", "messageTemplate", "audienceFilter", "scheduledAt")
                SELECT "tenantId", 'later-' || n, 'scheduled', 'scheduled', "senderId", "messageTemplate", "audienceFilter",
                    now() + n * interval '1 minute'
                FROM campaigns, generate_series(1, 3000) n WHERE id = \(campaign)
                """
            )
            for table in ["campaign_schedules", "campaigns"] {
                try await fixture.pool.execute("VACUUM ANALYZE \(fragment: PostgresQuery(sql: table))")
            }
            let schedules = ScheduleRepository(pool: fixture.pool)
            let before = try await fixture.rowsRead(of: ["campaign_schedules", "campaigns"])
            #expect(try await schedules.fireNext()?.schedule == due)
            #expect(try await schedules.fireNext() == nil)
            #expect(try await schedules.startNext() == nil)
            let read = try await fixture.rowsRead(of: ["campaign_schedules", "campaigns"]) - before
            #expect(read < 100, "\(read) rows of schedules and campaigns were read")
        }
    }

    @Test func eachTimeIsOneRun() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.addContacts(3, at: Self.nine)
            let schedule = try await Self.add(to: campaign, fixture, maxRuns: 2)
            let status: PostgresQuery = "SELECT status::text FROM campaigns"
            #expect(try await fixture.value(status) == "scheduled")
            let schedules = ScheduleRepository(pool: fixture.pool)
            #expect(try await schedules.fireNext(now: Self.nine - 1) == nil)

            let first = try Self.started(try await schedules.fireNext(now: Self.nine))
            #expect(try await schedules.fireNext(now: Self.nine) == nil)
            #expect(try await fixture.value(status) == "running")
            try await Self.finish(first, fixture)
            #expect(try await fixture.value(status) == "scheduled")

            let second = try Self.started(try await schedules.fireNext(now: Self.nine + 86_400))
            #expect(first != second)
            try await Self.finish(second, fixture)
            #expect(try await fixture.value(status) == "completed")
            let actions: [String] = try await fixture.column("SELECT action || ' by ' || who FROM run_actions")
            #expect(actions == ["send by schedule", "send by schedule"])
            #expect(try await schedules.fireNext(now: Self.nine + 2 * 86_400) == nil)
            let row = try await fixture.pool.query(
                """
                SELECT "runCount", "nextRunAt", "lastRunAt", (SELECT count(*) FROM schedule_occurrences WHERE outcome = 'started'),
                    (SELECT array_agg(extract(epoch FROM "scheduledFor")::int8 ORDER BY "scheduledFor") FROM campaign_runs)
                FROM campaign_schedules WHERE id = \(schedule)
                """
            )[0]
            #expect(try row.decode(0, as: Int.self) == 2)
            #expect(try row.decode(1, as: Date?.self) == nil)
            #expect(try row.decode(2, as: Date?.self) == Self.nine + 86_400)
            #expect(try row.decode(3, as: Int.self) == 2)
            #expect(try row.decode(4, as: [Int].self) == [1_780_304_400, 1_780_390_800])
        }
    }

    @Test func manyDaemonsFireEachTimeOnce() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addContacts(2, at: Self.nine)
            for number in 1...40 {
                let campaign = try await fixture.addCampaign("promo-\(number)", type: "scheduled")
                _ = try await Self.add(to: campaign, fixture)
            }
            let schedules = ScheduleRepository(pool: fixture.pool)
            try await withThrowingTaskGroup { group in
                for _ in 0..<6 {
                    group.addTask { while try await schedules.fireNext(now: Self.nine) != nil {} }
                }
                try await group.waitForAll()
            }
            let counts: [Int] = try await fixture.column(
                "SELECT count(r.id) FROM campaigns c LEFT JOIN campaign_runs r ON r.\"campaignId\" = c.id GROUP BY c.id"
            )
            #expect(counts == Array(repeating: 1, count: 40))
        }
    }

    @Test func aClockThatIsSetBackRepeatsNothing() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            _ = try await Self.add(to: campaign, fixture, overlap: "cancelRunning")
            let schedules = ScheduleRepository(pool: fixture.pool)
            _ = try Self.started(try await schedules.fireNext(now: Self.nine))
            #expect(try await schedules.fireNext(now: Self.nine - 3600) == nil)
            #expect(try await schedules.fireNext(now: Self.nine) == nil)
        }
    }

    @Test func overlappingStartsFollowTheirRule() async throws {
        try await Fixture.with { fixture in
            let schedules = ScheduleRepository(pool: fixture.pool)
            var runs: [String: UUID] = [:]
            for overlap in ["skip", "queue", "cancelRunning"] {
                let campaign = try await fixture.addCampaign(overlap, type: "scheduled")
                _ = try await Self.add(to: campaign, fixture, overlap: overlap)
                runs[overlap] = try Self.started(try await schedules.fireNext(now: Self.nine))
            }
            var outcomes: [String] = []
            while let firing = try await schedules.fireNext(now: Self.nine + 86_400) {
                let name: String = try await fixture.value("SELECT name FROM campaigns WHERE id = \(firing.campaignID)")
                if case .started = firing.outcome { outcomes.append(name + " started") } else { outcomes.append(name) }
            }
            #expect(outcomes.sorted() == ["cancelRunning started", "skip"])
            let former = try #require(runs["cancelRunning"])
            #expect(
                try await fixture.value("SELECT status::text FROM campaign_runs WHERE id = \(former)") == "cancelled"
            )
            #expect(
                try await fixture.value("SELECT status::text FROM campaigns WHERE name = 'cancelRunning'") == "running"
            )

            try await fixture.pool.execute("UPDATE campaign_runs SET \"completedAt\" = \(Self.nine + 90_000)")
            let waiting = try #require(runs["queue"])
            try await Self.finish(waiting, fixture)
            try await fixture.pool.execute(
                "UPDATE campaign_runs SET \"completedAt\" = \(Self.nine + 90_000) WHERE id = \(waiting)"
            )
            let firing = try #require(try await schedules.fireNext(now: Self.nine + 90_000))
            _ = try Self.started(firing)
            #expect(firing.scheduledFor == Self.nine + 86_400)
        }
    }

    @Test func anEmptyAudienceMakesARunThatEnds() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            _ = try await Self.add(to: campaign, fixture)
            let run = try Self.started(try await ScheduleRepository(pool: fixture.pool).fireNext(now: Self.nine))
            try await Self.finish(run, fixture)
            #expect(try await fixture.value("SELECT status::text FROM campaign_runs WHERE id = \(run)") == "completed")
        }
    }

    @Test func aBrokenScheduleStopsAndSaysWhy() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            let broken = try await Self.add(to: campaign, fixture)
            try await fixture.pool.execute("UPDATE campaign_schedules SET \"cronExpression\" = 'every day'")
            let other = try await fixture.addCampaign("other", type: "scheduled")
            _ = try await Self.add(to: other, fixture, next: Self.nine + 1)
            let schedules = ScheduleRepository(pool: fixture.pool)
            let firing = try #require(try await schedules.fireNext(now: Self.nine + 1))
            #expect(firing.schedule == broken)
            guard case .failed(let reason) = firing.outcome else {
                Issue.record("\(firing.outcome)")
                return
            }
            #expect(reason.contains("cronExpression"))
            _ = try Self.started(try await schedules.fireNext(now: Self.nine + 1))
            #expect(try await schedules.fireNext(now: Self.nine + 1) == nil)
        }
    }

    @Test func aCancelledCampaignDoesNotStartAgain() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            _ = try await Self.add(to: campaign, fixture)
            try await fixture.pool.execute("UPDATE campaigns SET status = 'cancelled'")
            let schedules = ScheduleRepository(pool: fixture.pool)
            let firing = try #require(try await schedules.fireNext(now: Self.nine))
            #expect(firing.outcome == .skipped(reason: "the campaign is cancelled"))
            #expect(try await schedules.untilNext() == nil)
        }
    }

    @Test func aCampaignStartsOnceAtItsOwnTime() async throws {
        try await Fixture.with { fixture in
            let good = try await fixture.addCampaign(type: "scheduled")
            let bad = try await fixture.addCampaign("bad", type: "scheduled")
            try await fixture.pool.execute(
                "UPDATE campaigns SET status = 'scheduled', \"scheduledAt\" = \(Self.nine)"
            )
            try await fixture.pool.execute("UPDATE campaigns SET \"audienceFilter\" = NULL WHERE id = \(bad)")
            let schedules = ScheduleRepository(pool: fixture.pool)
            #expect(try await schedules.startNext(now: Self.nine - 1) == nil)
            var outcomes: [UUID: Firing.Outcome] = [:]
            while let firing = try await schedules.startNext(now: Self.nine) {
                outcomes[firing.campaignID] = firing.outcome
            }
            #expect(outcomes.count == 2)
            guard case .started = outcomes[good], case .failed(let reason) = outcomes[bad] else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(reason.contains("no audience"))
            #expect(try await fixture.value("SELECT status::text FROM campaigns WHERE id = \(bad)") == "failed")
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 1)
        }
    }

    @Test func aStartThatCannotBePaidCancelsNothing() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.addContacts(3, at: Self.nine)
            try await fixture.fund(5)
            _ = try await Self.add(to: campaign, fixture, overlap: "cancelRunning")
            let schedules = ScheduleRepository(pool: fixture.pool)
            let run = try Self.started(try await schedules.fireNext(now: Self.nine))
            // The refund of the first run is not enough for the second.
            _ = try await fixture.wallets.setPrice(2, tenant: "acme")
            let firing = try #require(try await schedules.fireNext(now: Self.nine + 86_400))
            guard case .failed(let reason) = firing.outcome else {
                Issue.record("\(firing.outcome)")
                return
            }
            #expect(reason.contains("tokens"))
            #expect(try await fixture.value("SELECT status::text FROM campaign_runs WHERE id = \(run)") == "launching")
            #expect(try await fixture.value("SELECT count(*) FROM schedule_occurrences", as: Int.self) == 2)
        }
    }

    @Test func aCampaignThatCannotStartIsTriedAgainAtTheNextTime() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            _ = try await Self.add(to: campaign, fixture, cron: "* * * * *")
            try await fixture.pool.execute("UPDATE campaigns SET \"senderId\" = NULL")
            let schedules = ScheduleRepository(pool: fixture.pool)
            // A week with an occurrence each minute has passed; a single failure is recorded for all of them.
            let firing = try #require(try await schedules.fireNext(now: Self.nine + 7 * 86_400))
            #expect(firing.outcome == .failed(reason: "\(LaunchError.noSender(campaign: "promo"))"))
            #expect(try await schedules.fireNext(now: Self.nine + 7 * 86_400) == nil)
        }
    }

    @Test func aScheduleThatMovesTakesTheStatusAlong() async throws {
        try await Fixture.with { fixture in
            let one = try await fixture.addCampaign("one", type: "scheduled")
            let two = try await fixture.addCampaign("two", type: "scheduled")
            _ = try await Self.add(to: one, fixture)
            try await fixture.pool.execute("UPDATE campaign_schedules SET \"campaignId\" = \(two)")
            let statuses: [String] = try await fixture.column("SELECT status::text FROM campaigns ORDER BY name")
            #expect(statuses == ["draft", "scheduled"])
        }
    }

    @Test func deletingTheLastScheduleMakesADraftAgain() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            _ = try await Self.add(to: campaign, fixture)
            try await fixture.pool.execute("UPDATE campaign_schedules SET \"isActive\" = false, \"nextRunAt\" = NULL")
            #expect(try await fixture.value("SELECT status::text FROM campaigns") == "draft")
        }
    }
}
