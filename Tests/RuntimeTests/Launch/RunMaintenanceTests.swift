import Foundation
import Postgres
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Runtime

/// The recount at the end of a run, and its log lines.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RunMaintenanceTests {
    @Test func aRunIsCompleteOnlyAfterItsRecount() async throws {
        try await DeliveryFixture.with(contacts: 4) { fixture in
            let run = try await fixture.launch()
            // The counters say that no message is open, but all rows are.
            try await fixture.pool.execute("UPDATE campaign_runs SET pending = 0, queued = 0, sent = 4")
            let log = LogCollector()
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    await RunMaintenance(
                        runs: fixture.runs,
                        messages: fixture.messages,
                        unconfirmedTimeout: .zero,
                        retries: RetryPolicy(),
                        logger: log.logger
                    ).run()
                }
                try await eventually("the counters are put right") {
                    log.text.contains("Corrected run counters")
                }
                #expect(try await fixture.run(run).status == .running)
                try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sent'")
                try await fixture.pool.execute("UPDATE campaign_runs SET pending = 0, queued = 0, sent = 4")
                try await eventually("it is told of as complete") { log.text.contains("Run completed") }
                group.cancelAll()
            }
            #expect(try await fixture.run(run).status == .completed)
            let lines = log.text.split(separator: "\n")
            #expect(lines.count { $0.contains("Corrected run counters") } == 1, "\(log.text)")
            #expect(lines.count { $0.contains("Run completed") } == 1, "\(log.text)")
        }
    }
}
