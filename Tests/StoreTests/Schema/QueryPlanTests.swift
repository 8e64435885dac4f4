import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Indexes find selective audiences among many contacts; the whole table is never read.
///
/// Postgres itself counts how often it has read a table from its beginning to its end, so these are the plans of the
/// real calls with their real parameters.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct QueryPlanTests {
    /// A filter that selects about half a percent, and the index that it needs.
    struct Selective: CustomTestStringConvertible, Sendable {
        let filter: String
        let index: String
        var testDescription: String { filter }
    }

    private static let now = Date()
    /// Planner settings: none, as for commands, and those of a daemon.
    private static let settings = [["jit": "on"], StablePlans.settings]
    private static let filters = [
        Selective(
            filter: #"{"field":"tags","operator":"contains_any","value":["vip"]}"#,
            index: "contacts_tags_index"
        ),
        Selective(
            filter: #"{"field":"tags","operator":"contains_all","value":["vip","gold"]}"#,
            index: "contacts_tags_index"
        ),
        Selective(
            filter: #"{"field":"paymentStatus","operator":"eq","value":"overdue"}"#,
            index: "\"contacts_tenantId_paymentStatus_index\""
        ),
        Selective(
            filter: #"{"field":"lastSeen","operator":"gt","value":"-1h"}"#,
            index: "\"contacts_tenantId_lastSeen_index\""
        ),
    ]

    @Test(.timeLimit(.minutes(3)), arguments: settings)
    func selectiveFiltersReadNoTableFromEndToEnd(settings: [String: String]) async throws {
        try await Self.withManyContacts(settings) { fixture in
            for (number, selective) in Self.filters.enumerated() {
                try await expectNoScan(selective, number, in: fixture)
            }
            // The same calls without their index, to see that this test can fail. A daemon takes another index then.
            guard settings != StablePlans.settings else { return }
            let first = Self.filters[0]
            try await fixture.pool.execute("DROP INDEX \(fragment: PostgresQuery(sql: first.index))")
            let scans = try await scans(in: fixture) { try await count(first, in: fixture) }
            #expect(scans["contacts", default: 0] > 0)
        }
    }

    /// A tenant with several numbers: the window of the sender's own number counts.
    @Test(.timeLimit(.minutes(3))) func theOwnWindowOfANumberIsFoundByItsKey() async throws {
        try await Self.withManyContacts(StablePlans.settings) { fixture in
            try await fixture.addSender("second", number: "2")
            try await fixture.pool.execute(
                """
                INSERT INTO contact_windows ("contactId", "phoneNumberId", "tenantId", "lastInboundAt")
                SELECT id, n, "tenantId", "lastSeen" FROM contacts, unnest('{1,2}'::text[]) n
                """,
                deadline: .seconds(60)
            )
            try await fixture.pool.execute("VACUUM ANALYZE contact_windows", deadline: .seconds(60))
            for (number, filter) in (Self.filters + [Selective(filter: "", index: "")]).enumerated() {
                let audience = filter.filter.isEmpty ? AudienceFilter.group(.and, []) : try Self.audience(filter)
                let counting = try await scans(in: fixture) {
                    let size = try await AudienceRepository(pool: fixture.pool)
                        .size(tenant: "acme", filter: audience, number: "1", now: Self.now)
                    #expect(size.inWindow > 0)
                }
                #expect(counting == [:], "count \(filter)")
                let launch = try await scans(in: fixture) {
                    let name = "window-\(number)"
                    try await fixture.addCampaign(name, filter: #"{"logic":"AND","conditions":[\#(filter.filter)]}"#)
                    let run = try await fixture.launch(name, at: Self.now)
                    let inWindow = try await RunRepository(pool: fixture.pool).find(run)?.inWindowCount
                    #expect(inWindow ?? 0 > 0)
                }
                #expect(launch == [:], "launch \(filter)")
            }
        }
    }

    private func expectNoScan(_ selective: Selective, _ number: Int, in fixture: Fixture) async throws {
        let counting = try await scans(in: fixture) { try await count(selective, in: fixture) }
        #expect(counting == [:], "count")
        let preview = try await scans(in: fixture) {
            let audiences = AudienceRepository(pool: fixture.pool)
            let samples = try await audiences.samples(
                tenant: "acme",
                filter: try Self.audience(selective),
                now: Self.now,
                limit: 20
            )
            #expect(samples.count == 20)
        }
        #expect(preview == [:], "preview")
        let launch = try await scans(in: fixture) {
            let name = "selective-\(number)"
            try await fixture.addCampaign(name, filter: #"{"logic":"AND","conditions":[\#(selective.filter)]}"#)
            let run = try await fixture.launch(name, at: Self.now)
            let total = try await RunRepository(pool: fixture.pool).find(run)?.counters.total
            #expect(total.map { (100...2_000).contains($0) } == true, "\(total ?? 0) recipients")
        }
        #expect(launch == [:], "launch")
    }

    private func count(_ selective: Selective, in fixture: Fixture) async throws {
        let size = try await AudienceRepository(pool: fixture.pool).size(
            tenant: "acme",
            filter: try Self.audience(selective),
            now: Self.now
        )
        #expect((100...2_000).contains(size.total), "\(size.total) recipients")
    }

    private static func audience(_ selective: Selective) throws -> AudienceFilter {
        try AudienceFilter(json: JSONValue(parsing: #"{"logic":"AND","conditions":[\#(selective.filter)]}"#))
    }

    /// Number of sequential reads of each big table during `body`; tables without any are left out.
    private func scans(in fixture: Fixture, during body: () async throws -> Void) async throws -> [String: Int] {
        let before = try await sequentialScans(in: fixture)
        try await body()
        let after = try await sequentialScans(in: fixture)
        return after.mapValues { $0 }.merging(before) { $0 - $1 }.filter { $0.value > 0 }
    }

    private func sequentialScans(in fixture: Fixture) async throws -> [String: Int] {
        // The pool has one connection, which flushes its own counts.
        _ = try await fixture.pool.query("SELECT pg_stat_force_next_flush()")
        let rows = try await fixture.pool.query(
            """
            SELECT relname::text, seq_scan FROM pg_stat_user_tables
            WHERE relname IN ('contacts', 'campaign_messages', 'contact_windows') ORDER BY 1
            """
        )
        var scans: [String: Int] = [:]
        for row in rows { scans[try row.decode(0)] = try row.decode(1) }
        return scans
    }

    /// 120,000 contacts of two tenants, and a run with 100,000 messages.
    private static func withManyContacts(
        _ settings: [String: String],
        _ body: (Fixture) async throws -> Void
    ) async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            let pool = PostgresPool(
                configuration: postgres.settingInSessions(settings),
                maxConnections: 1,
                logger: TestDatabase.logger
            )
            let result: Result<Void, any Error>
            do {
                let fixture = Fixture(pool: pool)
                try await fill(fixture)
                result = .success(try await body(fixture))
            } catch {
                result = .failure(error)
            }
            await pool.shutdown()
            try result.get()
        }
    }

    private static func fill(_ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", name, tags, "paymentStatus", "lastSeen")
            SELECT CASE WHEN n % 6 = 0 THEN 'other' ELSE 'acme' END, (254700000000 + n)::text, 'Contact ' || n,
                CASE WHEN n % 199 = 0 THEN '{vip,gold}'::text[] ELSE '{newsletter}' END,
                CASE WHEN n % 211 = 0 THEN 'overdue' ELSE 'paid' END,
                \(now)::timestamptz - CASE WHEN n % 223 = 0 THEN interval '30 minutes' ELSE interval '2 days' END
            FROM generate_series(1, 120000) n
            """,
            deadline: .seconds(120)
        )
        try await fixture.addCampaign("everybody")
        let launches = LaunchRepository(pool: fixture.pool)
        guard case .opened(var run) = try await launches.open(campaign: "everybody", tenant: "acme", now: now) else {
            throw NotInTime(description: "the campaign was launched before")
        }
        while run.status == .launching { run = try await launches.writeBatch(of: run.id).run }
        #expect(run.counters.total == 100_000)
        try await fixture.pool.execute("VACUUM ANALYZE contacts", deadline: .seconds(60))
        try await fixture.pool.execute("VACUUM ANALYZE campaign_messages", deadline: .seconds(60))
    }
}
