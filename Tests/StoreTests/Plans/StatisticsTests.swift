import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Whatever fills tables leaves statistics behind.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct StatisticsTests {
    /// The number of rows that Postgres knows of; -1 without statistics.
    private static func known(_ table: StatisticsRepository.Table, _ fixture: Fixture) async throws -> Int {
        try await fixture.value(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(\(table.rawValue))"
        )
    }

    private static func withoutAutovacuum(_ body: (Fixture) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            for table in StatisticsRepository.Table.allCases {
                try await fixture.pool.execute(
                    "ALTER TABLE \(identifier: table.rawValue) SET (autovacuum_enabled = off)"
                )
            }
            try await body(fixture)
        }
    }

    @Test func launchLeavesThemBehind() async throws {
        try await Self.withoutAutovacuum { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(1_000)
            _ = try await fixture.launch()
            #expect(try await Self.known(.messages, fixture) == 1_000)
            #expect(try await Self.known(.chunks, fixture) == 10)
        }
    }

    @Test func smallLaunchDoesWithoutThem() async throws {
        try await Self.withoutAutovacuum { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            _ = try await fixture.launch()
            #expect(try await Self.known(.messages, fixture) == -1)
        }
    }

    @Test func migrationGivesThemToARestoredDatabase() async throws {
        try await Self.withoutAutovacuum { fixture in
            try await fixture.addContacts(5_000)
            #expect(try await Self.known(.contacts, fixture) == -1)
            #expect(try await Migrator(pool: fixture.pool, logger: TestDatabase.logger).migrate().isEmpty)
            #expect(try await Self.known(.contacts, fixture) == 5_000)
            // Empty tables stay without: for one that is known to be empty, Postgres chooses worse plans.
            #expect(try await Self.known(.events, fixture) == -1)
        }
    }

    @Test func tableIsAnalyzedAgainWhenItHasOutgrownThem() async throws {
        try await Self.withoutAutovacuum { fixture in
            let statistics = StatisticsRepository(pool: fixture.pool)
            #expect(try await statistics.refreshOutdated() == [])
            try await fixture.addContacts(5_000)
            #expect(try await statistics.refreshOutdated() == [.contacts])
            #expect(try await statistics.refreshOutdated() == [])
            try await fixture.addContacts(20_000, tenant: "other")
            #expect(try await statistics.refreshOutdated() == [.contacts])
            #expect(try await Self.known(.contacts, fixture) == 25_000)
        }
    }

    @Test func onlyAConsiderableChangeIsAnalyzed() async throws {
        try await Self.withoutAutovacuum { fixture in
            let statistics = StatisticsRepository(pool: fixture.pool)
            try await fixture.addContacts(1_000)
            try await statistics.refresh([.contacts], after: 1_000)
            try await fixture.addContacts(50, tenant: "other")
            try await statistics.refresh([.contacts], after: 50)
            #expect(try await Self.known(.contacts, fixture) == 1_000)
            try await statistics.refresh([.contacts], after: 100)
            #expect(try await Self.known(.contacts, fixture) == 1_050)
        }
    }
}
