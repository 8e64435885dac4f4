import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spec
import Spelling
import Store

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Report the result of a campaign's latest run.",
        discussion: """
            Accepted and failed messages are shown as a share of those that were tried, delivered and read ones of those that \
            were accepted, and the others of all recipients. Exits with 1 if the run is not completed, or if its counters do \
            not add up to its recipients.

            Examples:
              campaignd report acme/offer
              campaignd report offer --tenant acme --format json
            """
    )

    @OptionGroup var campaign: CampaignSelection
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isGood = try await database.withPool(of: [campaign.owner]) { pool in
            let run = try await campaign.latestRun(pool)
            let failures = try await RunRepository(pool: pool).failures(of: run.id)
            let whole =
                run.retryOf == nil
                ? nil : try await AnalyticsRepository(pool: pool).counters(withRepeated: run.id)
            let report = DeliveryReport(
                run: run,
                failures: failures,
                whole: whole,
                outlook: try await OutlookRepository(pool: pool).outlook(of: run),
                actions: try await RunActionRepository(pool: pool).latest(of: [run.id])[run.id] ?? [],
                charged: try await ChargeRepository(pool: pool)
                    .charged(campaign: run.campaignID, tenant: run.tenantID, run: run.id)
            )
            let record = try await RunRepository(pool: pool).campaignRun(run.id, tenant: run.tenantID)
            output.write(report.json(record), text: report.text)
            return run.status == .completed && run.counters.total == run.recipientCount
        }
        if !isGood { throw ExitCode.failure }
    }
}

/// The result of a run as text.
struct DeliveryReport {
    let run: RunRecord
    let failures: [FailureCount]
    /// The counters of the run and of those that it repeats, each recipient once; `nil` if it repeats none.
    var whole: RunCounters?
    /// The causes for which it waits, and the time at which it is done; `nil` if it is over.
    var outlook: RunOutlook?
    /// The actions on it, newest first.
    var actions: [RunAction] = []
    /// The costs that WhatsApp reported.
    var charged: ChargedCost?

    /// A table of the messages by status, and of the failures by reason.
    var text: String {
        var lines = ["\(run.path)  \(run.status.rawValue)\(reason)  \(duration)"]
        if let former = run.retryOf { lines.append("  repeats run   \(former.uuidString.lowercased())") }
        if let outlook { lines += Self.lines(of: outlook) }
        lines += table(of: run.counters, recipients: run.recipientCount, held: run.held)
        lines += Self.lines(of: run.responses)
        if let cost = run.estimatedCost { lines.append("  estimated     \(cost.words)") }
        if let words = charged?.words { lines.append("  charged       \(words)") }
        if run.deletedCount > 0 {
            lines.append("  deleted by retention, and still counted: \(run.deletedCount.grouped)")
        }
        for failure in failures {
            let code = failure.code.isEmpty ? "no code" : failure.code
            lines.append("  \(failure.count.grouped.leftPadded(to: 7)) × \(code)  \(failure.message)")
        }
        lines += actions.reversed().map { action in
            "  \(action.at.formatted(.iso8601))  \(Terminal.harmless(action.words))"
        }
        if let whole {
            lines.append("with the runs that it repeats, each recipient once")
            lines += table(of: whole, recipients: whole.total, held: 0)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func table(of counters: RunCounters, recipients: Int, held: Int) -> [String] {
        func line(_ name: String, _ count: Int, of whole: (count: Int, name: String)? = nil) -> String {
            let text = "  " + name.padding(toLength: 14, withPad: " ", startingAt: 0) + count.grouped.leftPadded(to: 9)
            guard let whole else { return text }
            let part = whole.count > 0 ? Double(count) / Double(whole.count) : 0
            return text + NumberText.percent(part).leftPadded(to: 9) + " of \(whole.name)"
        }
        let all = (recipients, "recipients")
        let tried = (counters.tried, "tried")
        let accepted = (counters.accepted, "accepted")
        var lines = [
            line("recipients", recipients), line("tried", counters.tried, of: all),
            line("accepted", counters.accepted, of: tried),
            line("  delivered", counters[.delivered] + counters[.read], of: accepted),
            line("  read", counters[.read], of: accepted),
        ]
        if held > 0 { lines.append(line("  held", held, of: accepted)) }
        lines.append(line("failed", counters[.failed], of: tried))
        if counters[.unconfirmed] > 0 { lines.append(line("unconfirmed", counters[.unconfirmed], of: tried)) }
        for status in [MessageStatus.cancelled, .pending, .queued, .sending] where counters[status] > 0 {
            lines.append(line(status.rawValue, counters[status], of: all))
            if status == .pending, counters.capped > 0 { lines.append(line("  capped", counters.capped, of: all)) }
        }
        return lines
    }

    /// Returns the lines about people who responded; a run without responses has none.
    private static func lines(of responses: RunResponses) -> [String] {
        let names: [(ResponseKind, String)] = [(.replied, "replied"), (.tapped, "tapped"), (.optedOut, "opted out")]
        return names.filter { responses[$0.0] > 0 }.map { kind, name in
            "  " + name.padding(toLength: 14, withPad: " ", startingAt: 0) + responses[kind].grouped.leftPadded(to: 9)
        }
    }

    private static func lines(of outlook: RunOutlook) -> [String] {
        var lines: [String] = []
        if !outlook.waiting.isMoving { lines.append("  waits         \(Terminal.harmless(outlook.waiting.words))") }
        if let end = outlook.endText { lines.append("  done by       \(end)") }
        return lines
    }

    /// The reason of its state; that of a run under way is told with what it waits for.
    private var reason: String { outlook == nil ? run.statusReason.map { " (\($0))" } ?? "" : "" }

    private var duration: String {
        guard let start = run.startedAt, let end = run.completedAt else { return "" }
        let seconds = end.timeIntervalSince(start)
        let rate = seconds > 0 ? Double(run.counters.tried) / seconds : 0
        return "\(run.counters.tried.grouped) tried in \(NumberText.duration(seconds: seconds)) "
            + "(\(Int(rate.rounded()).grouped)/s)"
    }
}

extension DeliveryReport {
    /// Returns the report with the names of the API: the run, the counts and rates of its messages, and the failures.
    func json(_ record: CampaignRunRecord?) -> JSONValue {
        var fields = record?.json(outlook, actions).objectValue ?? [:]
        fields["tenantId"] = .string(run.tenantID)
        fields["campaign"] = .string(run.campaignName)
        fields["metrics"] = DeliveryMetrics(counters: run.counters).json
        fields["charged"] = charged?.json
        fields["withRepeated"] = whole.map { DeliveryMetrics(counters: $0).json }
        fields["failures"] = .array(
            failures.map { failure in
                [
                    "errorCode": .string(failure.code), "errorMessage": .string(failure.message),
                    "count": .integer(failure.count),
                ]
            }
        )
        return .object(fields)
    }
}

extension RunOutlook {
    /// The time at which the run is done, as reports say it; `nil` if that is unknown.
    var endText: String? {
        estimatedCompletionAt.map { end in
            end.formatted(.iso8601) + (waiting.reason.isOpenEnded ? " if it could begin now" : "")
        }
    }
}
