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

    @Test func aReportShowsWhatWaitsForACap() async throws {
        try await withRun("status = 'running', \"recipientCount\" = 10, pending = 4, capped = 3, sent = 6") {
            run,
            failures in
            let lines = DeliveryReport(run: run, failures: failures).text.split(separator: "\n").map(String.init)
            #expect(lines.contains("    capped              3   30.0 %"), "\(lines)")
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

    /// The numbers are of what was sent.
    @Test func aCancelledRunCountsWhatWasSent() async throws {
        let changes = """
            status = 'cancelled', "recipientCount" = 985, "expectedCount" = 985, pending = 0, sent = 94, cancelled = 891,
            "startedAt" = now() - interval '4.7 s', "completedAt" = now()
            """
        try await withRun(changes) { run, _ in
            let lines = DeliveryReport(run: run, failures: []).text.split(separator: "\n").map(String.init)
            #expect(lines.first?.hasSuffix("(20/s)") == true, "\(lines)")
            #expect(lines.contains("  cancelled           891   90.5 %"))
            var view = ProgressView(isTerminal: false)
            let line = view.update([run], now: Date()) ?? ""
            #expect(line.contains("9.5 %  94/985  cancelled"), "\(line)")
        }
    }

    @Test func reportAndProgressSayWhyARunWaits() async throws {
        try await withRun("pending = 3") { run, _ in
            let since = Date(timeIntervalSince1970: 1_780_000_000)
            let waiting = Waiting(.quietHours, since: since, until: since + 3_600)
            let outlook = RunOutlook(waiting: waiting, estimatedCompletionAt: since + 3_601)
            let report = DeliveryReport(run: run, failures: [], outlook: outlook).text
            let words = "quiet_hours since 2026-05-28T20:26:40Z until 2026-05-28T21:26:40Z: quiet hours of the tenant"
            #expect(report.contains("  waits         \(words)\n"), "\(report)")
            #expect(report.contains("  done by       2026-05-28T21:26:41Z\n"))
            var view = ProgressView(isTerminal: false)
            let line = view.update([run], [run.id: outlook], now: since) ?? ""
            #expect(line.contains("  done by 2026-05-28T21:26:41Z\n  waits: \(words)\n"), "\(line)")
            // An end that only moves along with the clock would be a new line each time.
            let down = RunOutlook(waiting: Waiting(.noDaemon, since: since), estimatedCompletionAt: since)
            let still = view.update([run], [run.id: down], now: since) ?? ""
            #expect(still.contains("  waits: no_daemon since ") && !still.contains("done by"))
            // A line that is too long would take two rows, and the next update would overwrite the wrong ones.
            var narrow = ProgressView(isTerminal: true, width: 60)
            let drawn = narrow.update([run], [run.id: outlook], now: since) ?? ""
            let rows = drawn.split(separator: "\n").map { $0.replacing("\u{1B}[2K", with: "") }
            #expect(rows.count == 2 && rows.allSatisfy { $0.count <= 60 }, "\(rows)")
            let fewer = narrow.update([run], now: since) ?? ""
            #expect(fewer.hasPrefix("\u{1B}[2A") && fewer.hasSuffix("\u{1B}[J"), "clears the row that is gone")
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
