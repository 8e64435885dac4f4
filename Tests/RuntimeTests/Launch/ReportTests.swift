import API
import CommandKit
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

    /// The run as `watch` sees it.
    private func watched(_ run: RunRecord, _ outlook: RunOutlook? = nil, rate: Double? = nil) -> WatchedRun {
        WatchedRun(run: run, outlook: outlook, rate: rate)
    }

    @Test func aReportShowsWhatWaitsForACap() async throws {
        try await withRun("status = 'running', \"recipientCount\" = 10, pending = 4, capped = 3, sent = 6") {
            run,
            failures in
            let lines = DeliveryReport(run: run, failures: failures).text.split(separator: "\n").map(String.init)
            #expect(lines.contains("    capped              3   30.0 % of recipients"), "\(lines)")
        }
    }

    @Test func aReportCountsByStatusAndByReason() async throws {
        let changes = """
            status = 'completed', "recipientCount" = 1000, pending = 0, sent = 100, delivered = 300, read = 500, failed = 90,
            unconfirmed = 10, "startedAt" = now() - interval '12.5 s', "completedAt" = now()
            """
        try await withRun(changes) { run, failures in
            let lines = DeliveryReport(run: run, failures: failures).text.split(separator: "\n").map(String.init)
            #expect(lines.first?.hasPrefix("acme/spring  completed  1,000 tried in ") == true)
            #expect(lines.first?.hasSuffix("(80/s)") == true)
            #expect(lines.contains("  accepted            900   90.0 % of tried"))
            #expect(lines.contains("    delivered         800   88.9 % of accepted"))
            #expect(lines.contains("    read              500   55.6 % of accepted"))
            #expect(lines.contains("  failed               90    9.0 % of tried"))
            #expect(lines.contains("  unconfirmed          10    1.0 % of tried"))
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
            #expect(lines.contains("  accepted              9   90.0 % of tried"))
            let rest = try #require(lines.firstIndex(of: "with the runs that it repeats, each recipient once"))
                .advanced(by: 1)
            #expect(
                lines[rest...].starts(with: [
                    "  recipients          100", "  tried               100  100.0 % of recipients",
                ])
            )
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
            #expect(lines.contains("  tried                94    9.5 % of recipients"))
            #expect(lines.contains("  accepted             94  100.0 % of tried"))
            #expect(lines.contains("  cancelled           891   90.5 % of recipients"))
            var view = ProgressView(isTerminal: false)
            let line = view.update([watched(run)], now: Date()) ?? ""
            #expect(line.contains("spring  cancelled  9.5 %: 94 of 985 tried  "), "\(line)")
            #expect(line.contains("cancelled 891"))
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
            let line = view.update([watched(run, outlook)], now: since) ?? ""
            #expect(line.contains("  done by 2026-05-28T21:26:41Z\n  waits: \(words)\n"), "\(line)")
            // An end that only moves along with the clock would be a new line each time.
            let down = RunOutlook(waiting: Waiting(.noDaemon, since: since), estimatedCompletionAt: since)
            let still = view.update([watched(run, down)], now: since) ?? ""
            #expect(still.contains("  waits: no_daemon since ") && !still.contains("done by"))
            // A line that is too long would take two rows, and the next update would overwrite the wrong ones.
            var narrow = ProgressView(isTerminal: true, size: .init(columns: 60, rows: 24))
            let drawn = narrow.update([watched(run, outlook)], now: since) ?? ""
            let rows = drawn.split(separator: "\n").map { $0.replacing("\u{1B}[2K", with: "") }
            #expect(rows.count > 2 && rows.allSatisfy { $0.count <= 60 }, "\(rows)")
            #expect(rows.joined(separator: " ").replacing(#/ +/#, with: " ").contains(words), "\(rows)")
            let fewer = narrow.update([watched(run)], now: since) ?? ""
            #expect(
                fewer.hasPrefix("\u{1B}[\(rows.count)A") && fewer.hasSuffix("\u{1B}[J"),
                "clears the rows that are gone"
            )
        }
    }

    @Test func progressIsDrawnOverItselfOnATerminalAndOnceElsewhere() async throws {
        try await withRun("\"recipientCount\" = 200, \"expectedCount\" = 200, pending = 100, sent = 100") { run, _ in
            let now = Date(timeIntervalSince1970: 1_000)
            var terminal = ProgressView(isTerminal: true, size: .init(columns: 200, rows: 24))
            let first = terminal.update([watched(run)], now: now) ?? ""
            #expect(first.hasPrefix("\u{1B}[2Kacme/spring  running  "))
            #expect(first.contains(String(repeating: "█", count: 15) + String(repeating: "░", count: 15)))
            #expect(first.contains("  50.0 %: 100 of 200 tried  "))
            let second = terminal.update([watched(run, rate: 76.4)], now: now + 1) ?? ""
            #expect(second.hasPrefix("\u{1B}[1A\u{1B}[2K"))
            #expect(second.contains("  76/s of \(run.ratePerSecond)/s  "), "\(second)")
            let third = terminal.update([watched(run, rate: 76.4)], now: now + 2)
            #expect(third == nil)
            terminal.size = .init(columns: 199, rows: 24)
            let resized = terminal.update([watched(run, rate: 76.4)], now: now + 2) ?? ""
            #expect(resized.hasPrefix("\u{1B}[H\u{1B}[2Jacme/spring"), "\(resized)")

            var file = ProgressView(isTerminal: false)
            let line = file.update([watched(run)], now: now) ?? ""
            #expect(!line.contains("\u{1B}") && !line.contains("░"))
            let empty = file.update([], now: now)
            #expect(empty == "no open runs\n")
            let unchanged = file.update([], now: now)
            #expect(unchanged == nil)
        }
    }

    @Test func theProgressBarIsNeverTooLong() async throws {
        let size = Terminal.Size(columns: 200, rows: 24)
        try await withRun("\"recipientCount\" = 0, \"expectedCount\" = 0, pending = 0") { run, _ in
            var view = ProgressView(isTerminal: true, size: size)
            let line = view.update([watched(run)], now: Date()) ?? ""
            #expect(line.contains("0 of 0 tried"))
        }
        // Triggered runs have more messages than were expected.
        try await withRun("\"recipientCount\" = 1, \"expectedCount\" = 1, pending = 0, sent = 5") { run, _ in
            var view = ProgressView(isTerminal: true, size: size)
            let line = view.update([watched(run)], now: Date()) ?? ""
            #expect(
                line.contains(" " + String(repeating: "█", count: 30) + " ") && line.contains("100.0 %: 5 of 5 tried")
            )
        }
    }

    /// A low terminal shows less, because the cursor cannot move above its first row.
    @Test func aLowTerminalShowsWhatFits() async throws {
        try await withRun("\"recipientCount\" = 3") { run, _ in
            var view = ProgressView(isTerminal: true, size: .init(columns: 60, rows: 4))
            let text = view.update([watched(run), watched(run), watched(run)], now: Date()) ?? ""
            let rows = text.split(separator: "\n")
            #expect(rows.count == 3 && rows[2].contains("more lines"), "\(rows)")
        }
    }

    @Test func aRateIsMeasuredOverTheLastSeconds() {
        var meter = RateMeter(window: 4)
        let start = Date(timeIntervalSince1970: 1_000)
        let first = meter.note(100, at: start)
        #expect(first == nil)
        var rates: [Double?] = []
        for step in 1...40 { rates.append(meter.note(100 + step * 20, at: start + Double(step) / 4)) }
        #expect(rates.allSatisfy { $0.map { abs($0 - 80) < 0.001 } ?? false }, "\(rates)")
        var last: Double?
        for step in 41...60 { last = meter.note(900, at: start + Double(step) / 4) }
        #expect(last == 0, "what was sent before the window does not count")
    }
}
