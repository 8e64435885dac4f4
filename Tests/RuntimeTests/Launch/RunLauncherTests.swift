import Foundation
import Postgres
import Store
import TestSupport
import Testing

@testable import Runtime

/// Unfinished launches that several daemons continue.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RunLauncherTests {
    @Test func aLaunchThatTwoDaemonsFindIsReportedOnce() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            let launches = LaunchRepository(pool: fixture.pool)
            guard
                case .opened(let run) = try await launches.open(
                    campaign: DeliveryFixture.campaign,
                    tenant: DeliveryFixture.tenant
                )
            else { throw TestError.notOpened }
            // The first batch takes those in their window, the second all others: the last one is still to come.
            #expect(try await launches.writeBatch(of: run.id).run.status == .launching)
            let log = LogCollector()
            try await withThrowingDiscardingTaskGroup { group in
                let (locked, isLocked) = AsyncStream<Void>.makeStream()
                group.addTask {
                    try await fixture.pool.transaction { connection in
                        _ = try await connection.query("SELECT 1 FROM campaign_runs WHERE id = \(run.id) FOR UPDATE")
                        isLocked.finish()
                        try await eventually("both have found the launch, and wait for its row") {
                            try await Self.waiting(fixture) == 2
                        }
                    }
                }
                for await _ in locked {}
                for _ in 1...2 { group.addTask { await RunLauncher(launches: launches, logger: log.logger).run() } }
                try await eventually("the launch is complete, and both have seen it") {
                    guard try await fixture.run(run.id).status == .running else { return false }
                    return try await Self.waiting(fixture) == 0
                }
                group.cancelAll()
            }
            #expect(log.text.components(separatedBy: "Campaign launched").count == 2, "\(log.text)")
        }
    }

    /// Connections that wait for a lock.
    private static func waiting(_ fixture: DeliveryFixture) async throws -> Int {
        let rows = try await fixture.pool.query(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return rows.count
    }

    private enum TestError: Error { case notOpened }
}
