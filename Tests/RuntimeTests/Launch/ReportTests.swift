import Foundation
import Postgres
import Store
import TestSupport
import Testing

@testable import Runtime
@testable import campaignd

/// Reports on runs for people.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ReportTests {
    /// A run with the row that the test needs.
    private func withRun(
        _ changes: String,
        _ body: (RunRecord, [FailureCount]) async throws -> Void
    ) async throws {
        try await DeliveryFixture.with(contacts: 3) { fixture in
            let run = try await fixture.launch()
            try await fixture.pool.execute(PostgresQuery(sql: "UPDATE campaign_runs SET \(changes)"))
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET status = 'failed',
                    "errorCode" = CASE WHEN position < 3 THEN '131026' END,
                    "errorMessage" = CASE WHEN position < 3 THEN 'undeliverable' END
                """
            )
            try await body(try await fixture.run(run), try await fixture.runs.failures(of: run))
        }
    }

    @Test func aReportCountsByStatusAndByReason() async throws {
        let changes = """
            status = 'completed', "recipientCount" = 1000, pending = 0, sent = 100, delivered = 300, read = 500, failed = 90,
            unconfirmed = 10, "startedAt" = now() - interval '12.5 s', "completedAt" = now()
            """
        try await withRun(changes) { run, failures in
            let lines = DeliveryReport(run: run, failures: failures).text.split(separator: "\n").map(String.init)
            #expect(lines.first?.hasPrefix("acme/spring  completed  in ") == true)
            #expect(lines.first?.hasSuffix("(80/s)") == true)
            #expect(lines.contains("  accepted            900   90.0 %"))
            #expect(lines.contains("    delivered         800   80.0 %"))
            #expect(lines.contains("    read              500   50.0 %"))
            #expect(lines.contains("  failed               90    9.0 %"))
            #expect(lines.contains("  unconfirmed          10    1.0 %"))
            #expect(!lines.contains { $0.hasPrefix("  pending") })
            #expect(lines.contains("        2 × 131026  undeliverable"))
            #expect(lines.contains { $0.hasPrefix("        1 × no code") })
        }
    }

    @Test func aReportOfARetryCountsWhatItRepeatsToo() async throws {
        let changes = """
            status = 'completed', "recipientCount" = 10, pending = 0, sent = 9, failed = 1, "retryOf" = id
            """
        try await withRun(changes) { run, failures in
            let whole = RunCounters([.sent: 99, .failed: 1])
            let lines = DeliveryReport(run: run, failures: failures, whole: whole).text.split(separator: "\n")
            #expect(lines.contains { $0 == "  repeats run   \(run.id.uuidString.lowercased())" })
            #expect(lines.contains("  accepted              9   90.0 %"))
            let rest = try #require(lines.firstIndex(of: "with the runs that it repeats, each recipient once"))
                .advanced(by: 1)
            #expect(lines[rest...].starts(with: ["  recipients          100", "  accepted             99   99.0 %"]))
        }
    }

    @Test func aReportOfARunWithoutRecipientsDividesByNothing() async throws {
        try await withRun("status = 'paused', \"statusReason\" = '190: expired', \"recipientCount\" = 0") { run, _ in
            let text = DeliveryReport(run: run, failures: []).text
            #expect(text.contains("acme/spring  paused (190: expired)"))
            #expect(text.contains("0.0 %"))
        }
    }

    @Test func progressIsDrawnOverItselfOnATerminalAndOnceElsewhere() async throws {
        try await withRun("\"recipientCount\" = 200, \"expectedCount\" = 200, pending = 100, sent = 100") { run, _ in
            let now = Date(timeIntervalSince1970: 1_000)
            var terminal = ProgressView(isTerminal: true)
            let first = terminal.update([run], now: now) ?? ""
            #expect(first.hasPrefix("\u{1B}[2Kacme/spring"))
            #expect(first.contains(String(repeating: "█", count: 15) + String(repeating: "░", count: 15)))
            #expect(first.contains(" 50.0 %  100/200  running"))
            // After an earlier update there is a rate to show, and lines to overwrite.
            let second = terminal.update([run], now: now + 1) ?? ""
            #expect(second.hasPrefix("\u{1B}[1A\u{1B}[2K"))
            #expect(second.contains("0/s"))
            let third = terminal.update([run], now: now + 2)
            #expect(third == nil)

            var file = ProgressView(isTerminal: false)
            let line = file.update([run], now: now) ?? ""
            #expect(!line.contains("\u{1B}"))
            let empty = file.update([], now: now)
            #expect(empty == "no runs\n")
            let unchanged = file.update([], now: now)
            #expect(unchanged == nil)
        }
    }

    @Test func theProgressBarIsNeverTooLong() async throws {
        try await withRun("\"recipientCount\" = 0, \"expectedCount\" = 0, pending = 0") { run, _ in
            var view = ProgressView(isTerminal: false)
            let line = view.update([run], now: Date()) ?? ""
            #expect(line.contains("0/0"))
        }
        // Triggered runs have more messages than were expected.
        try await withRun("\"recipientCount\" = 1, \"expectedCount\" = 1, pending = 0, sent = 5") { run, _ in
            var view = ProgressView(isTerminal: false)
            let line = view.update([run], now: Date()) ?? ""
            #expect(line.contains(String(repeating: "█", count: 30)))
        }
    }
}
