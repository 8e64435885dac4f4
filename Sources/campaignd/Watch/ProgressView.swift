import CommandKit
import Foundation
import Runtime
import Spelling
import Store

/// The progress of runs as text: bars that are redrawn in place on a terminal, lines elsewhere.
struct ProgressView: Sendable {
    /// The most codes of failures that are shown for a run.
    private static let mostCodes = 5
    private static let clearLine = "\u{1B}[2K"
    private static let clearBelow = "\u{1B}[J"
    /// Clears the screen: after a change of its size, the rows of the former lines are unknown.
    private static let clearScreen = "\u{1B}[H\u{1B}[2J"

    let isTerminal: Bool
    /// The size of the terminal: lines are broken to its width, because a longer one would take two rows and could not be
    /// drawn over; `nil` if it does not tell.
    var size: Terminal.Size?
    private var drawn: [String] = []
    private var drawnSize: Terminal.Size?

    init(isTerminal: Bool, size: Terminal.Size? = nil) {
        (self.isTerminal, self.size) = (isTerminal, size)
    }

    /// The time between two looks: short on a terminal so that bars move, longer elsewhere so that logs stay short.
    var interval: Duration { isTerminal ? .milliseconds(250) : .seconds(3) }

    /// Returns the text to write now; `nil` if nothing has changed.
    mutating func update(_ runs: [WatchedRun], now: Date) -> String? {
        isTerminal ? redraw(runs, now: now) : changes(of: runs, now: now)
    }

    private mutating func redraw(_ runs: [WatchedRun], now: Date) -> String? {
        var lines = runs.isEmpty ? ["no open runs"] : runs.flatMap { rows(for: $0, now: now) }
        // A line beyond the last row would scroll the screen, and the next update would begin at the wrong row.
        if let rows = size?.rows, rows > 1, lines.count > rows - 1 {
            let hidden = lines.count - (rows - 2)
            lines = lines.prefix(rows - 2) + ["… \(NumberText.count(hidden, "more line"))"]
        }
        guard lines != drawn || size != drawnSize else { return nil }
        let isResized = !drawn.isEmpty && size != drawnSize
        defer { (drawn, drawnSize) = (lines, size) }
        if isResized { return Self.clearScreen + lines.map { "\($0)\n" }.joined() }
        // Moves the cursor up over the former lines, and clears each line before it is written again.
        let up = drawn.isEmpty ? "" : "\u{1B}[\(drawn.count)A"
        let rest = lines.count < drawn.count ? Self.clearBelow : ""
        return up + lines.map { "\(Self.clearLine)\($0)\n" }.joined() + rest
    }

    private mutating func changes(of runs: [WatchedRun], now: Date) -> String? {
        let blocks = runs.isEmpty ? ["no open runs"] : runs.map { rows(for: $0, now: now).joined(separator: "\n") }
        let new = blocks.filter { !drawn.contains($0) }
        drawn = blocks
        return new.isEmpty ? nil : new.map { "\($0)\n" }.joined()
    }

    /// Returns the progress of a run, and below it why it waits and what failed.
    private func rows(for watched: WatchedRun, now: Date) -> [String] {
        let width = isTerminal ? size.map { max(20, $0.columns) } : nil
        var rows = TextFlow.lines(of: parts(of: watched, now: now, width: width), separator: "  ", width: width)
        if let waiting = watched.outlook?.waiting, !waiting.isMoving, !watched.run.status.isOver {
            let words = Terminal.harmless(waiting.words).split(separator: " ").map(String.init)
            rows += TextFlow.lines(of: ["  waits:"] + words, separator: " ", width: width)
        }
        if !watched.failures.isEmpty {
            var codes = watched.failures.prefix(Self.mostCodes).map { code, count in
                "\(count.grouped) × \(code.isEmpty ? "no code" : code)"
                    + (FailureAdvice(code: code, text: "").meaning.map { " (\($0))" } ?? "")
            }
            let more = watched.failures.count - codes.count
            if more > 0 { codes.append("\(more.grouped) more codes") }
            rows += TextFlow.lines(of: ["  failures:"] + codes.map(Terminal.harmless), separator: "  ", width: width)
        }
        return rows
    }

    private func parts(of watched: WatchedRun, now: Date, width: Int?) -> [String] {
        let (run, counters) = (watched.run, watched.run.counters)
        let progress = RunProgress(run)
        func share(_ count: Int, of whole: Int, _ name: String) -> String {
            whole > 0 ? " (\(NumberText.percent(Double(count) / Double(whole))) of \(name))" : ""
        }
        var parts = [run.path, run.status.rawValue + (run.retryOf == nil ? "" : " (a retry)")]
        if let reason = run.statusReason, run.status.isOver { parts.append("(\(Terminal.harmless(reason)))") }
        if let width {
            let columns = width < 80 ? 20 : 30
            let filled = Int((progress.share * Double(columns)).rounded(.down))
            parts.append(String(repeating: "█", count: filled) + String(repeating: "░", count: columns - filled))
        }
        parts.append(
            "\(NumberText.percent(progress.share)): \(progress.tried.grouped) of \(progress.total.grouped) tried"
        )
        if let rate = watched.rate {
            parts.append("\(Int(rate.rounded()).grouped)/s of \(run.ratePerSecond.grouped)/s")
        }
        let (accepted, delivered) = (counters.accepted, counters[.delivered] + counters[.read])
        parts.append("delivered \(delivered.grouped)\(share(delivered, of: accepted, "accepted"))")
        parts.append("read \(counters[.read].grouped)\(share(counters[.read], of: accepted, "accepted"))")
        if run.held > 0 { parts.append("held \(run.held.grouped)") }
        if counters.capped > 0 { parts.append("capped \(counters.capped.grouped)") }
        if counters[.failed] > 0 {
            parts.append("failed \(counters[.failed].grouped)\(share(counters[.failed], of: counters.tried, "tried"))")
        }
        if counters[.unconfirmed] > 0 { parts.append("unconfirmed \(counters[.unconfirmed].grouped)") }
        if counters[.cancelled] > 0 { parts.append("cancelled \(counters[.cancelled].grouped)") }
        if let end = end(of: watched, now: now) { parts.append(end) }
        return parts
    }

    /// Describes when a run is done; an end that is not in sight would only move along with the clock.
    private func end(of watched: WatchedRun, now: Date) -> String? {
        guard let outlook = watched.outlook, !watched.run.status.isOver, !outlook.waiting.reason.isOpenEnded,
            let end = outlook.estimatedCompletionAt
        else { return nil }
        // Elsewhere than on a terminal, the time that is left would be a new line each time.
        let left = isTerminal ? " (in \(NumberText.duration(seconds: max(0, end.timeIntervalSince(now)))))" : ""
        return "done by \(end.formatted(.iso8601))\(left)"
    }
}

/// Breaks text into lines of a width.
enum TextFlow {
    /// Joins parts into lines; a part is never broken, but one that is longer than a line is cut.
    ///
    /// - Parameters:
    ///   - parts: The parts.
    ///   - separator: The text between two parts of a line.
    ///   - width: The columns of a line; `nil` joins all parts to one line.
    /// - Returns: The lines; all but the first begin with four spaces.
    static func lines(of parts: [String], separator: String, width: Int?) -> [String] {
        guard let width else { return [parts.joined(separator: separator)] }
        var lines: [String] = []
        var line = ""
        for part in parts {
            let joined = line.isEmpty ? part : line + separator + part
            if line.isEmpty || TextWidth.of(joined) <= width {
                line = joined
            } else {
                lines.append(line)
                line = "    " + part
            }
        }
        return (lines + [line]).map { TextWidth.cut($0, to: width) }
    }
}
