import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// A campaign that the wallet cannot pay does not start.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WalletLaunchTests {
    private static func open(_ fixture: Fixture, _ name: String = "promo") async throws -> RunRecord {
        let launches = LaunchRepository(pool: fixture.pool)
        guard case .opened(let run) = try await launches.open(campaign: name, tenant: "acme", now: Fixture.now) else {
            throw NotInTime(description: "not opened")
        }
        return run
    }

    private static func write(_ run: UUID, _ fixture: Fixture) async throws -> RunRecord {
        let launches = LaunchRepository(pool: fixture.pool)
        while true {
            let record = try await launches.writeBatch(of: run, size: 7).run
            if record.status != .launching { return record }
        }
    }

    @Test func aLaunchThatCannotBePaidLeavesNothing() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            try await fixture.fund(29, price: 3)
            let refusal = LaunchError.insufficientBalance(campaign: "promo", needed: 30, available: 29)
            await #expect(throws: refusal) { try await Self.open(fixture) }
            #expect("\(refusal)".contains("30 tokens") && "\(refusal)".contains("29"))
            for table in ["campaign_runs", "campaign_revisions", "wallet_holds"] {
                let count: Int = try await fixture.value(PostgresQuery(sql: "SELECT count(*) FROM \(table)"))
                #expect(count == 0, "\(table)")
            }
            #expect(try await fixture.value("SELECT status::text FROM campaigns", as: String.self) == "draft")
            try await fixture.expectWallet(available: 29, held: 0)
            try await fixture.fund(1, price: 3)
            _ = try await Self.write(try await Self.open(fixture).id, fixture)
            try await fixture.expectWallet(available: 0, held: 30)
            // The run keeps its price.
            _ = try await fixture.wallets.setPrice(5, tenant: "acme")
            try await fixture.expectWallet(available: 0, held: 30)
        }
    }

    @Test func ofManyLaunchesAtOnceOnlyThoseGoThatArePaid() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.fund(25)
            try await fixture.addContacts(10)
            let names = (1...6).map { "promo-\($0)" }
            for name in names { try await fixture.addCampaign(name) }
            let results = await withTaskGroup(of: Bool?.self) { group in
                for name in names {
                    group.addTask {
                        do {
                            _ = try await Self.open(fixture, name)
                            return true
                        } catch LaunchError.insufficientBalance(_, 10, 5) {
                            return false
                        } catch {
                            return nil
                        }
                    }
                }
                return await group.reduce(into: [Bool?]()) { $0.append($1) }
            }
            #expect(results.count { $0 == true } == 2)
            #expect(results.count { $0 == false } == 4)
            try await fixture.expectWallet(available: 5, held: 20)
        }
    }

    @Test func anAudienceThatGrewWaitsUntilItIsPaid() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            try await fixture.fund(11)
            let run = try await Self.open(fixture)
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", name)
                SELECT 'acme', (254800000000 + n)::text, 'Late ' || n FROM generate_series(1, 3) n
                """
            )
            let record = try await Self.write(run.id, fixture)
            #expect(record.status == .paused && record.recipientCount == 13)
            #expect(record.statusReason?.contains("3 more are needed, 1 are available") == true)
            #expect(try await fixture.value("SELECT status::text FROM campaigns", as: String.self) == "paused")
            try await fixture.expectWallet(available: 1, held: 10)
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.running().isEmpty, "nothing is fed")
            let refusal = LaunchError.insufficientBalance(campaign: "promo", needed: 3, available: 1)
            await #expect(throws: refusal) { try await runs.resume(run.id) }
            #expect(try await runs.find(run.id)?.status == .paused)
            try await fixture.fund(2)
            #expect(try await runs.resume(run.id))
            try await fixture.expectWallet(available: 0, held: 13)
            #expect(try await runs.pause(run.id, reason: "by hand"))
            #expect(try await runs.resume(run.id))
            try await fixture.expectWallet(available: 0, held: 13)
        }
    }

    @Test func anAudienceThatShrankGivesBackAtOnce() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            try await fixture.fund(10)
            let run = try await Self.open(fixture)
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" < '254700000005'"
            )
            #expect(try await Self.write(run.id, fixture).status == .running)
            try await fixture.expectWallet(available: 4, held: 6)
        }
    }

    @Test func anOccurrenceThatCannotBePaidIsNotedAsFailed() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.addContacts(10)
            try await fixture.fund(15)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt", overlap)
                VALUES (\(campaign), 'acme', '0 9 * * *', \(Fixture.now), 'queue')
                """
            )
            let schedules = ScheduleRepository(pool: fixture.pool)
            guard case .started(let run) = try await schedules.fireNext(now: Fixture.now + 1)?.outcome else {
                throw NotInTime(description: "not started")
            }
            try await fixture.expectWallet(available: 5, held: 10)
            _ = try await Self.write(run, fixture)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'queued'")
            try await fixture.pool.execute("UPDATE campaign_runs SET queued = 10, pending = 0")
            _ = try await messages.begin(ids, lease: 1)
            try await messages.record(fixture.sent(ids))
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            try await fixture.expectWallet(available: 5, held: 0)

            let next = Fixture.now + 2 * 86_400
            guard case .failed(let reason) = try await schedules.fireNext(now: next)?.outcome else {
                throw NotInTime(description: "not refused")
            }
            #expect(reason.contains("needs 10 tokens, 5 available"))
            let noted: [String] = try await fixture.column(
                "SELECT reason FROM schedule_occurrences WHERE outcome = 'failed'"
            )
            #expect(noted == [reason])
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 1)
            try await fixture.expectWallet(available: 5, held: 0)
        }
    }
}
