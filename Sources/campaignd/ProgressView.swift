public import Foundation
public import Store

/// The progress of runs as text: bars that are drawn over each other on a terminal, lines elsewhere.
public struct ProgressView: Sendable {
    private static let width = 30

    private let isTerminal: Bool
    private var drawn: [String] = []
    private var earlier: [UUID: (accepted: Int, at: Date)] = [:]

    public init(isTerminal: Bool) {
        self.isTerminal = isTerminal
    }

    /// How often to look: bars should move, logs should stay short.
    public var interval: Duration { isTerminal ? .milliseconds(250) : .seconds(3) }

    /// What to write now; `nil` when nothing has changed.
    public mutating func update(_ runs: [RunRecord], now: Date) -> String? {
        let lines = runs.isEmpty ? ["no runs"] : runs.reversed().map { line(for: $0, now: now) }
        for run in runs { earlier[run.id] = (run.counters.accepted, now) }
        guard lines != drawn else { return nil }
        defer { drawn = lines }
        guard isTerminal else { return lines.joined(separator: "\n") + "\n" }
        // Up over what was drawn, and clear each line before it is written again.
        let up = drawn.isEmpty ? "" : "\u{1B}[\(drawn.count)A"
        return up + lines.map { "\u{1B}[2K\($0)\n" }.joined()
    }

    private func line(for run: RunRecord, now: Date) -> String {
        let counters = run.counters
        let total = max(run.recipientCount, run.expectedCount)
        let done = max(0, counters.total - counters.open)
        // A run may have more messages than were expected when it began.
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let filled = Int((share * Double(Self.width)).rounded(.down))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        var parts = [
            "\(run.tenantID)/\(run.campaignName)", bar, String(format: "%3.0f%%", (share * 100).rounded(.down)),
            "\(done)/\(total)", run.status.rawValue,
            "delivered \(counters[.delivered] + counters[.read])", "read \(counters[.read])",
        ]
        if counters[.failed] > 0 { parts.append("failed \(counters[.failed])") }
        if counters[.unconfirmed] > 0 { parts.append("unconfirmed \(counters[.unconfirmed])") }
        if let rate = rate(of: run, now: now) { parts.append("\(rate)/s") }
        if let reason = run.statusReason { parts.append("(\(reason))") }
        return parts.joined(separator: "  ")
    }

    private func rate(of run: RunRecord, now: Date) -> Int? {
        guard run.status == .running, let last = earlier[run.id] else { return nil }
        let seconds = now.timeIntervalSince(last.at)
        guard seconds > 0 else { return nil }
        return Int((Double(run.counters.accepted - last.accepted) / seconds).rounded())
    }
}
