import Foundation
public import Store

/// How a run went, for people.
public struct DeliveryReport: Sendable {
    private let run: RunRecord
    private let failures: [FailureCount]

    public init(run: RunRecord, failures: [FailureCount]) {
        self.run = run
        self.failures = failures
    }

    /// A table of the messages by status, and of the failures by reason.
    public var text: String {
        let counters = run.counters
        var lines = ["\(run.tenantID)/\(run.campaignName)  \(run.status.rawValue)\(reason)  \(duration)"]
        lines.append(line("recipients", run.recipientCount))
        lines.append(line("accepted", counters.accepted, share: true))
        lines.append(line("  delivered", counters[.delivered] + counters[.read], share: true))
        lines.append(line("  read", counters[.read], share: true))
        lines.append(line("failed", counters[.failed], share: true))
        for status in [MessageStatus.unconfirmed, .cancelled, .pending, .queued, .sending] where counters[status] > 0 {
            lines.append(line(status.rawValue, counters[status], share: true))
        }
        for failure in failures {
            lines.append(
                "  \(failure.count.padded(to: 7)) × \(failure.code.isEmpty ? "no code" : failure.code)  \(failure.message)"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var reason: String { run.statusReason.map { " (\($0))" } ?? "" }

    private var duration: String {
        guard let start = run.startedAt, let end = run.completedAt else { return "" }
        let seconds = end.timeIntervalSince(start)
        let rate = seconds > 0 ? Double(run.recipientCount) / seconds : 0
        return "in \(Int(seconds.rounded())) s (\(Int(rate.rounded()))/s)"
    }

    private func line(_ name: String, _ count: Int, share: Bool = false) -> String {
        let percent = run.recipientCount > 0 ? Double(count) / Double(run.recipientCount) * 100 : 0
        let text = "  " + name.padding(toLength: 14, withPad: " ", startingAt: 0) + count.padded(to: 9)
        return share ? text + String(format: "%7.1f %%", percent) : text
    }
}

extension Int {
    fileprivate func padded(to width: Int) -> String {
        let digits = String(self)
        return String(repeating: " ", count: Swift.max(0, width - digits.count)) + digits
    }
}
