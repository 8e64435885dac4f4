import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Quota groups are the tenant's own, and the quota counts at least 24 hours.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct QuotaGroupTests {
    private static func addSender(
        _ name: String,
        tenant: String,
        phone: String,
        group: String,
        _ pool: PostgresPool
    ) async throws {
        try await pool.execute(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup", "dailyLimit")
            VALUES (\(tenant), \(name), \(phone), 'env:TOKEN', 80, \(group), 100)
            """
        )
    }

    private static func use(_ group: String, tenant: String, _ count: Int, hoursAgo: Int, _ pool: PostgresPool)
        async throws
    {
        try await pool.execute(
            """
            INSERT INTO quota_hours ("quotaGroup", hour, "tenantId", count)
            VALUES (\(group), date_trunc('hour', now(), 'UTC') - \(Double(hoursAgo)) * interval '1 hour', \(tenant), \(count))
            """
        )
    }

    private static func status(_ tenant: String, _ pool: PostgresPool) async throws -> [String: Int] {
        let senders = try await SenderRepository(pool: pool).all(tenant: tenant)
        let quotas = try await QuotaRepository().status(of: senders, now: Date(), on: pool)
        return Dictionary(uniqueKeysWithValues: quotas.map { ($0.sender.name, $0.quota.businessSent24h) })
    }

    @Test func twoTenantsWithOneNameShareNothing() async throws {
        try await Fixture.with { fixture in
            try await Self.addSender("a", tenant: "acme", phone: "1", group: "portfolio", fixture.pool)
            try await Self.addSender("b", tenant: "acme", phone: "2", group: "portfolio", fixture.pool)
            try await Self.addSender("c", tenant: "other", phone: "3", group: "portfolio", fixture.pool)
            // A number is one number, whoever uses it.
            try await Self.addSender("d", tenant: "acme", phone: "4", group: "4", fixture.pool)
            try await Self.addSender("d", tenant: "other", phone: "4", group: "4", fixture.pool)
            // A name that is somebody's number is only a name.
            try await Self.addSender("e", tenant: "other", phone: "5", group: "4", fixture.pool)
            let groups = try await fixture.column(
                "SELECT \"quotaGroup\" FROM senders ORDER BY \"tenantId\", name",
                as: String.self
            )
            #expect(groups == ["acme/portfolio", "acme/portfolio", "4", "other/portfolio", "4", "other/4"])
            try await Self.use("acme/portfolio", tenant: "acme", 7, hoursAgo: 1, fixture.pool)
            try await Self.use("4", tenant: "acme", 3, hoursAgo: 1, fixture.pool)
            #expect(try await Self.status("acme", fixture.pool) == ["a": 7, "b": 7, "d": 3])
            #expect(try await Self.status("other", fixture.pool) == ["c": 0, "d": 3, "e": 0])
            let names = try await SenderRepository(pool: fixture.pool).all(tenant: "other").map(\.quotaName)
            #expect(names == ["portfolio", "4", "4"])
        }
    }

    @Test func theNameInASpecIsTheNameWithoutItsTenant() {
        #expect(QuotaGroup.stored("portfolio", tenant: "acme", phoneNumberID: "1") == "acme/portfolio")
        #expect(QuotaGroup.stored("1", tenant: "acme", phoneNumberID: "1") == "1")
        #expect(QuotaGroup.name(of: "acme/portfolio", tenant: "acme") == "portfolio")
        #expect(QuotaGroup.name(of: "1", tenant: "acme") == "1")
    }

    @Test func anHourCountsUntilAllOfItIsADayOld() async throws {
        try await Fixture.with { fixture in
            try await Self.addSender("a", tenant: "acme", phone: "1", group: "1", fixture.pool)
            for (hours, count) in [(0, 1), (24, 4), (25, 100)] {
                try await Self.use("1", tenant: "acme", count, hoursAgo: hours, fixture.pool)
            }
            #expect(try await Self.status("acme", fixture.pool) == ["a": 5])
        }
    }

    /// A number that joins the group of its portfolio brings what it has sent, and has its lanes rebuilt there.
    @Test func aNumberTakesWhatItHasSentIntoItsNewGroup() async throws {
        try await Fixture.with { fixture in
            let pool = fixture.pool
            try await Self.addSender("a", tenant: "acme", phone: "1", group: "1", pool)
            try await Self.addSender("b", tenant: "acme", phone: "2", group: "portfolio-5", pool)
            try await Self.use("1", tenant: "acme", 7, hoursAgo: 1, pool)
            try await Self.use("1", tenant: "other", 100, hoursAgo: 1, pool)
            try await Self.use("acme/portfolio-5", tenant: "acme", 3, hoursAgo: 1, pool)
            try await pool.execute("INSERT INTO queue_epochs VALUES ('acme/portfolio-5', 4, now()), ('1', 2, now())")
            func move(_ group: String) async throws {
                try await pool.execute("UPDATE senders SET \"quotaGroup\" = \(group) WHERE name = 'a'")
            }
            try await move("portfolio-5")
            #expect(try await Self.status("acme", pool) == ["a": 10, "b": 10])
            let lanes = LaneRepository(pool: pool)
            let restored = try await Restored.lanes(of: "acme/portfolio-5", from: 5, lanes)
            #expect(restored.filter { $0.leftGroup != nil }.map(\.leftGroup) == ["1"])
            // The pace of the former lane is over before the new one begins.
            #expect(restored.filter { $0.leftGroup != nil }.map(\.pause) == [.seconds(1)])
            #expect(restored.filter { $0.leftGroup == nil }.map(\.pause) == [.zero])
            // A change of other fields is no move.
            try await pool.execute("UPDATE senders SET \"ratePerSecond\" = 40")
            #expect(try await Self.status("acme", pool) == ["a": 10, "b": 10])
            // Back in its own group, it finds what it had sent from there.
            try await move("1")
            #expect(try await Self.status("acme", pool) == ["a": 107, "b": 10])
            let epochs: [Int] = try await fixture.column("SELECT epoch FROM queue_epochs ORDER BY \"quotaGroup\"")
            #expect(epochs.sorted() == [3, 6])
        }
    }

    @Test func anUpgradeCarriesWhatWasUsedToTheNewNames() async throws {
        try await TestDatabase.with { pool in
            let former = Migration.all.filter { $0.version < 19 }
            try await Migrator(pool: pool, migrations: former, logger: TestDatabase.logger).migrate()
            try await Self.addSender("a", tenant: "acme", phone: "1", group: "portfolio", pool)
            try await Self.addSender("b", tenant: "other", phone: "2", group: "portfolio", pool)
            try await Self.addSender("c", tenant: "acme", phone: "3", group: "3", pool)
            try await Self.use("portfolio", tenant: "acme", 10, hoursAgo: 3, pool)
            try await Self.use("portfolio", tenant: "other", 5, hoursAgo: 3, pool)
            try await Self.use("3", tenant: "acme", 2, hoursAgo: 3, pool)
            try await pool.execute("INSERT INTO queue_epochs VALUES ('portfolio', 7, now()), ('3', 4, now())")
            try await Migrator(pool: pool, logger: TestDatabase.logger).migrate()
            // Both were held to the sum before, and are so until its hours have left the quota.
            #expect(try await Self.status("acme", pool) == ["a": 15, "c": 2])
            #expect(try await Self.status("other", pool) == ["b": 15])
            let epochs = try await pool.query(
                "SELECT \"quotaGroup\" || ' ' || epoch || ' ' || coalesce(\"formerGroup\", '-') FROM queue_epochs ORDER BY 1"
            )
            #expect(
                try epochs.map { try $0.decode(0, as: String.self) }
                    == ["3 4 -", "acme/portfolio 7 portfolio", "other/portfolio 7 portfolio"]
            )
            let left = try await pool.query("SELECT count(*) FROM quota_hours WHERE \"quotaGroup\" = 'portfolio'")
            #expect(try left[0].decode(0, as: Int.self) == 0)
            // The first rebuild gets the former name, the next one does not.
            let lanes = LaneRepository(pool: pool)
            for (epoch, expected) in [(7, "portfolio"), (8, nil)] {
                let restored = try await Restored.of("acme/portfolio", from: epoch, lanes)
                #expect(restored == [expected])
            }
        }
    }

    /// The lanes that a rebuild hands over.
    private actor Restored {
        private var lanes: [LaneRebuild] = []

        private func add(_ lanes: [LaneRebuild]) { self.lanes += lanes }

        static func lanes(
            of group: String,
            from epoch: Int,
            _ lanes: LaneRepository
        ) async throws -> [LaneRebuild] {
            let restored = Restored()
            _ = try await lanes.rebuild(group: group, from: epoch) { await restored.add($1) }
            return await restored.lanes
        }

        static func of(_ group: String, from epoch: Int, _ lanes: LaneRepository) async throws -> [String?] {
            try await Self.lanes(of: group, from: epoch, lanes).map(\.formerGroup)
        }
    }
}
