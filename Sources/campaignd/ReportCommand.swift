import ArgumentParser
import CommandKit
import Foundation
import Spelling
import Store

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Report the result of a campaign's latest run.",
        discussion: "Exits with 1 if the run is not completed, or if its counters do not add up to its recipients."
    )

    @OptionGroup var campaign: CampaignSelection
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isGood = try await database.withPool { pool in
            let run = try await campaign.latestRun(pool)
            let failures = try await RunRepository(pool: pool).failures(of: run.id)
            print(DeliveryReport(run: run, failures: failures).text, terminator: "")
            return run.status == .completed && run.counters.total == run.recipientCount
        }
        if !isGood { throw ExitCode.failure }
    }
}

/// The result of a run as text.
struct DeliveryReport {
    let run: RunRecord
    let failures: [FailureCount]

    /// A table of the messages by status, and of the failures by reason.
    var text: String {
        let counters = run.counters
        var lines = ["\(run.tenantID)/\(run.campaignName)  \(run.status.rawValue)\(reason)  \(duration)"]
        lines.append(line("recipients", run.recipientCount))
        lines.append(line("accepted", counters.accepted, share: true))
        lines.append(line("  delivered", counters[.delivered] + counters[.read], share: true))
        lines.append(line("  read", counters[.read], share: true))
        if run.held > 0 { lines.append(line("  held", run.held, share: true)) }
        lines.append(line("failed", counters[.failed], share: true))
        for status in [MessageStatus.unconfirmed, .cancelled, .pending, .queued, .sending] where counters[status] > 0 {
            lines.append(line(status.rawValue, counters[status], share: true))
        }
        for failure in failures {
            let code = failure.code.isEmpty ? "no code" : failure.code
            lines.append("  \(failure.count.grouped.leftPadded(to: 7)) × \(code)  \(failure.message)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var reason: String { run.statusReason.map { " (\($0))" } ?? "" }

    private var duration: String {
        guard let start = run.startedAt, let end = run.completedAt else { return "" }
        let seconds = end.timeIntervalSince(start)
        let rate = seconds > 0 ? Double(run.recipientCount) / seconds : 0
        return "in \(NumberText.duration(seconds: seconds)) (\(Int(rate.rounded()).grouped)/s)"
    }

    private func line(_ name: String, _ count: Int, share: Bool = false) -> String {
        let text = "  " + name.padding(toLength: 14, withPad: " ", startingAt: 0) + count.grouped.leftPadded(to: 9)
        guard share else { return text }
        let part = run.recipientCount > 0 ? Double(count) / Double(run.recipientCount) : 0
        return text + NumberText.percent(part).leftPadded(to: 9)
    }
}
