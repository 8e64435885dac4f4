import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LaunchTests {
    private static func open(_ fixture: Fixture, _ campaign: String = "promo") async throws -> LaunchRepository.Opening
    {
        try await LaunchRepository(pool: fixture.pool).open(campaign: campaign, tenant: "acme", now: Fixture.now)
    }

    private static func opened(_ fixture: Fixture) async throws -> RunRecord {
        guard case .opened(let run) = try await open(fixture) else { throw NotInTime(description: "not a new run") }
        return run
    }

    /// Positions without a gap, one message per contact, in-window contacts first, chunks that cover all positions.
    private static func expectComplete(_ run: UUID, recipients: Int, inWindow: Int, _ fixture: Fixture) async throws {
        let row = try await fixture.pool.query(
            """
            SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0), count(DISTINCT "contactId"),
                count(*) FILTER (WHERE NOT "isBusinessInitiated"),
                count(*) FILTER (WHERE NOT "isBusinessInitiated" AND position <= \(inWindow)),
                count(*) FILTER (WHERE id = message_id("runId", position)),
                (SELECT coalesce(sum("endPosition" - "startPosition"), 0) FROM campaign_chunks WHERE "runId" = \(run)),
                (SELECT coalesce(max("endPosition"), 1) - 1 FROM campaign_chunks WHERE "runId" = \(run))
            FROM campaign_messages WHERE "runId" = \(run)
            """
        )[0]
        let values = try (0..<9).map { try row.decode($0, as: Int.self) }
        let n = recipients
        #expect(values == [n, 1, n, n, inWindow, inWindow, n, n, n])
        let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
        #expect(record.status == .running)
        #expect(record.recipientCount == recipients)
        #expect(record.inWindowCount == inWindow)
        let counters = try await fixture.counters(of: run)
        #expect(counters.counted == counters.rows)
        #expect(counters.rows[.pending] == recipients)
        let stored: PostgresQuery = "SELECT \"recipientCount\" FROM campaigns WHERE name = 'promo'"
        let count = try await fixture.value(stored, as: Int.self)
        #expect(count == recipients)
    }

    @Test func messagesAreWrittenInWindowFirst() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(300, inWindow: 120)
            try await fixture.addContacts(5, tenant: "other")
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" IN ('254700000001', '254700000300')"
            )
            try await fixture.pool.execute(
                "UPDATE contacts SET \"deactivatedAt\" = now() WHERE \"contactId\" = '254700000002'"
            )
            let run = try await fixture.launch()
            try await Self.expectComplete(run, recipients: 297, inWindow: 118, fixture)
        }
    }

    @Test func inWindowMeansLessThan24Hours() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(3)
            for (number, age) in [(1, 86_399), (2, 86_400), (3, 86_401)] {
                try await fixture.pool.execute(
                    """
                    UPDATE contacts SET "lastSeen" = \(Fixture.now.addingTimeInterval(-Double(age)))
                    WHERE "contactId" = \(String(254_700_000_000 + number))
                    """
                )
            }
            try await Self.expectComplete(try await fixture.launch(), recipients: 3, inWindow: 1, fixture)
        }
    }

    @Test(arguments: [
        (500, 1_000, 0.0), (999, 1_000, 0.0), (1_000, 100, 1.25), (5_000, 100, 1.25), (10_000, 100, 1.25),
        (10_001, 500, 6.25), (20_000, 500, 6.25), (1_000_000, 500, 6.25),
    ])
    func portionsFollowTheSizeOfTheAudience(recipients: Int, size: Int, delay: Double) {
        let plan = LaunchPlan(recipients: recipients, ratePerSecond: 80)
        #expect(plan.chunkSize == size)
        #expect(plan.chunkDelay == .seconds(delay))
        #expect(LaunchPlan(recipients: recipients, ratePerSecond: 40).chunkDelay == .seconds(delay * 2))
    }

    @Test(arguments: [(500, 0.0, 1), (5_000, 1.25, 100), (20_000, 6.25, 500)])
    func chunksBecomeDueAsFastAsTheSenderSends(recipients: Int, delay: Double, size: Int) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(recipients)
            let run = try await fixture.launch()
            let rows = try await fixture.pool.query(
                """
                SELECT "startPosition", extract(epoch FROM "notBefore" - \(Fixture.now)::timestamptz)::float8
                FROM campaign_chunks WHERE "runId" = \(run) ORDER BY 1
                """
            )
            #expect(rows.count == max(1, recipients / max(size, 100)) || recipients == 500)
            for row in rows {
                let start = try row.decode(0, as: Int.self)
                let due = try row.decode(1, as: Double.self)
                #expect(abs(due - Double((start - 1) / size) * delay) < 0.001, "position \(start)")
            }
            let end = try #require(try await RunRepository(pool: fixture.pool).find(run)?.estimatedCompletionAt)
            // The lane grants 96 % of the rate.
            #expect(abs(end.timeIntervalSince(Fixture.now) - Double(recipients) / (80 * 0.96)) < 0.01)
        }
    }

    @Test func inWindowContactsAreDueAtOnce() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(3_000, inWindow: 1_500)
            let run = try await fixture.launch()
            let due = try await fixture.pool.query(
                """
                SELECT sum("endPosition" - "startPosition") FILTER (WHERE "notBefore" = \(Fixture.now)),
                    max(extract(epoch FROM "notBefore" - \(Fixture.now)::timestamptz)::float8)
                FROM campaign_chunks WHERE "runId" = \(run)
                """
            )[0]
            #expect(try due.decode(0, as: Int.self) == 1_600)
            #expect(abs(try due.decode(1, as: Double.self) - 14 * 1.25) < 0.001)
        }
    }

    @Test func aLaunchGoesOnWhereItWasCutOff() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(1_050, inWindow: 430)
            var run = try await Self.opened(fixture)
            var batches = 0
            while run.status == .launching {
                // Each batch comes from a process of its own, which knows only committed data.
                let launches = LaunchRepository(pool: fixture.pool)
                #expect(try await launches.unfinished() == [run.id])
                run = try await launches.writeBatch(of: run.id, size: 100).run
                batches += 1
                try #require(batches < 30)
            }
            #expect(try await LaunchRepository(pool: fixture.pool).unfinished() == [])
            try await Self.expectComplete(run.id, recipients: 1_050, inWindow: 430, fixture)
        }
    }

    @Test func aBatchThatFailsLeavesNothing() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(250)
            let run = try await Self.opened(fixture)
            let launches = LaunchRepository(pool: fixture.pool)
            _ = try await launches.writeBatch(of: run.id, size: 100)
            try await fixture.pool.execute(
                "ALTER TABLE campaign_chunks ADD CONSTRAINT broken CHECK (\"startPosition\" < 101)"
            )
            // The batch before made a chunk for the empty first phase or for its hundred messages; the next fails.
            await #expect(throws: PostgresError.self) {
                for _ in 1...5 { _ = try await launches.writeBatch(of: run.id, size: 100) }
            }
            try await fixture.pool.execute("ALTER TABLE campaign_chunks DROP CONSTRAINT broken")
            var record = run
            while record.status == .launching { record = try await launches.writeBatch(of: run.id, size: 100).run }
            try await Self.expectComplete(run.id, recipients: 250, inWindow: 0, fixture)
        }
    }

    @Test func launchingTwiceIsOneRun() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            let ids = try await withThrowingTaskGroup(of: UUID.self) { group in
                for _ in 1...4 {
                    group.addTask {
                        switch try await Self.open(fixture) {
                        case .opened(let run), .underWay(let run), .over(let run): run.id
                        }
                    }
                }
                return try await group.reduce(into: Set<UUID>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 1)
            #expect(try await fixture.value("SELECT count(*) FROM campaign_revisions", as: Int.self) == 1)
        }
    }

    @Test func twoLaunchersShareOneRun() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(2_000, inWindow: 700)
            let run = try await Self.opened(fixture)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...2 {
                    group.addTask {
                        let launches = LaunchRepository(pool: fixture.pool)
                        while try await launches.writeBatch(of: run.id, size: 100).run.status == .launching {}
                    }
                }
                try await group.waitForAll()
            }
            try await Self.expectComplete(run.id, recipients: 2_000, inWindow: 700, fixture)
        }
    }

    /// Seconds after the launch began at which the contacts wrote; a webhook may bring that late, or a clock be wrong.
    @Test(arguments: [-3_600.0, -1, 0, 1, 3_600])
    func whoWritesDuringTheLaunchIsNeitherLostNorDoubled(seconds: Double) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(400, inWindow: 150)
            var run = try await Self.opened(fixture)
            let launches = LaunchRepository(pool: fixture.pool)
            var written = 0
            while run.status == .launching {
                run = try await launches.writeBatch(of: run.id, size: 50).run
                written += 1
                // In the middle of each phase, contacts of all kinds write.
                if written == 2 || written == 6 {
                    try await fixture.pool.execute(
                        """
                        UPDATE contacts SET "lastSeen" = \(Fixture.now.addingTimeInterval(seconds))
                        WHERE "contactId"::bigint % 5 = \(written % 5)
                        """
                    )
                }
            }
            let row = try await fixture.pool.query(
                """
                SELECT count(*), count(DISTINCT "contactId"), max(position) FROM campaign_messages WHERE "runId" = \(run.id)
                """
            )[0]
            #expect(try (0..<3).map { try row.decode($0, as: Int.self) } == [400, 400, 400])
            #expect(run.recipientCount == 400)
        }
    }

    @Test func saysWhyACampaignCannotBeLaunched() async throws {
        try await Fixture.with { fixture in
            await #expect(throws: LaunchError.unknownCampaign(tenant: "acme", name: "promo", known: [])) {
                _ = try await Self.open(fixture)
            }
            try await fixture.addCampaign("b")
            try await fixture.addCampaign("a")
            try await fixture.addCampaign("hidden", tenant: "other")
            let unknown = await #expect(throws: LaunchError.self) { _ = try await Self.open(fixture) }
            #expect(unknown?.description == "no campaign `promo` in tenant `acme`; known are `a`, `b`")
            let nobody = AudienceFunnel(nil, AudienceSize(total: 0, inWindow: 0), .marketing)
            await #expect(throws: LaunchError.emptyAudience(campaign: "a", nobody)) {
                _ = try await Self.open(fixture, "a")
            }
            try await fixture.addContacts(1)
            try await fixture.addCampaign("hook", type: "event_triggered")
            await #expect(throws: LaunchError.noEvent(campaign: "hook")) { _ = try await Self.open(fixture, "hook") }
            try await fixture.pool.execute("UPDATE campaigns SET \"senderId\" = NULL WHERE name = 'a'")
            await #expect(throws: LaunchError.noSender(campaign: "a")) { _ = try await Self.open(fixture, "a") }
            try await fixture.pool.execute("UPDATE campaigns SET status = 'cancelled' WHERE name = 'b'")
            await #expect(throws: LaunchError.notLaunchable(campaign: "b", status: .cancelled)) {
                _ = try await Self.open(fixture, "b")
            }
            try await fixture.pool.execute("UPDATE campaigns SET \"audienceFilter\" = NULL WHERE name = 'b'")
            await #expect(throws: LaunchError.noAudience(campaign: "b")) { _ = try await Self.open(fixture, "b") }
        }
    }

    @Test func movesBetweenStatusesAreCheckedInSQL() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            for (status, isAllowed) in [
                ("completed", false), ("paused", false), ("draft", true), ("running", true), ("draft", false),
                ("paused", true), ("scheduled", false), ("running", true), ("cancelled", true), ("running", false),
                ("draft", false),
            ] {
                let change: PostgresQuery = "UPDATE campaigns SET status = \(status) WHERE name = 'promo'"
                if isAllowed {
                    try await fixture.pool.execute(change)
                } else {
                    let error = await #expect(throws: PostgresError.self, "\(status)") {
                        try await fixture.pool.execute(change)
                    }
                    #expect(error?.isCheckViolation == true)
                    #expect(error?.serverError?.constraint == "campaign_status_moves")
                }
            }
        }
    }
}
