import ArgumentParser
import CommandKit
import Foundation
import Spelling
import Store

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show the progress of runs.",
        discussion: """
            On a terminal, progress bars move until all runs are over, or until Ctrl-C. Elsewhere, a line is printed \
            whenever something has changed.
            """
    )

    @Argument(help: "Show only runs of this campaign: its name, or tenant/name.")
    var campaign: String?

    @Option(
        help: ArgumentHelp("Show only runs of the campaign with this id.", valueName: "id"),
        transform: CampaignID.parse
    )
    var id: UUID?

    @Option(help: "Show only runs of this tenant.")
    var tenant: String?

    @Option(help: ArgumentHelp("Exit with 1 if runs are still open after this time.", valueName: "seconds"))
    var timeout: Int?

    @Flag(help: "Also wait until WhatsApp has reported the status of every message.")
    var untilReported = false

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard try name() == nil || id == nil else {
            throw ValidationError("Give the name of a campaign or its --id, not both.")
        }
    }

    func run() async throws {
        let name = try name()
        let tenant = name?.tenant ?? tenant
        try await database.withPool { pool in
            let runs = RunRepository(pool: pool)
            let clock = ContinuousClock()
            let deadline = timeout.map { clock.now + .seconds($0) }
            let watched = try await watched(CampaignRepository(pool: pool), name)
            let outlooks = OutlookRepository(pool: pool)
            var known: (at: ContinuousClock.Instant, outlooks: [UUID: RunOutlook])?
            var view = ProgressView(isTerminal: Terminal.isOutputTerminal, width: Terminal.outputWidth)
            while true {
                let records = try await runs.latest(tenant: tenant, campaigns: watched)
                if known.map({ clock.now - $0.at >= .seconds(1) }) ?? true {
                    known = (clock.now, try await outlooks.outlooks(of: records))
                }
                let text = view.update(records, known?.outlooks ?? [:], now: Date())
                if let text { Terminal.write(text) }
                if records.allSatisfy({ isSettled($0) }) { return }
                if let deadline, clock.now >= deadline { throw ExitCode.failure }
                try await clock.sleep(for: view.interval)
            }
        }
    }

    /// Returns the campaigns to watch; `nil` for all.
    ///
    /// A name without a tenant may mean one campaign of each tenant.
    private func watched(_ campaigns: CampaignRepository, _ name: CampaignName?) async throws -> [UUID]? {
        if let id { return [try await campaigns.required(id: id, tenant: tenant).id] }
        guard let name else { return nil }
        if let tenant = name.tenant { return [try await campaigns.required(name.name, tenant: tenant).id] }
        let tenants = Set(try await campaigns.named(name.name, tenant: nil).map(\.tenantID)).sorted()
        guard !tenants.isEmpty else {
            throw CampaignLookupError.unknown(name.name, tenant: nil, known: try await campaigns.names(tenant: nil))
        }
        var found: [UUID] = []
        for tenant in tenants { found.append(try await campaigns.required(name.name, tenant: tenant).id) }
        return found
    }

    private func name() throws -> CampaignName? {
        try campaign.map { try CampaignName($0, tenant: tenant) }
    }

    private func isSettled(_ run: RunRecord) -> Bool {
        guard run.status.isOver else { return false }
        return !untilReported || run.counters[.sent] + run.counters[.unconfirmed] == 0
    }
}

/// The progress of runs as text: bars that are redrawn in place on a terminal, lines elsewhere.
struct ProgressView: Sendable {
    private static let width = 30

    private let isTerminal: Bool
    /// The columns of the terminal: a longer line would take two, and could not be drawn over.
    private let columns: Int?
    private var drawn: [String] = []
    private var earlier: [UUID: (accepted: Int, at: Date)] = [:]

    init(isTerminal: Bool, width: Int? = nil) {
        (self.isTerminal, columns) = (isTerminal, width)
    }

    /// The time between two updates: short on a terminal so that bars move, longer elsewhere so that logs stay short.
    var interval: Duration { isTerminal ? .milliseconds(250) : .seconds(3) }

    /// Returns the text to write now; `nil` if nothing has changed.
    mutating func update(_ runs: [RunRecord], _ outlooks: [UUID: RunOutlook] = [:], now: Date) -> String? {
        let lines = runs.isEmpty ? ["no runs"] : runs.reversed().flatMap { rows(for: $0, outlooks[$0.id], now: now) }
        for run in runs { earlier[run.id] = (run.counters.accepted, now) }
        guard lines != drawn else { return nil }
        defer { drawn = lines }
        guard isTerminal else { return lines.joined(separator: "\n") + "\n" }
        // Moves the cursor up over the former lines, and clears each line before it is written again.
        let up = drawn.isEmpty ? "" : "\u{1B}[\(drawn.count)A"
        let rest = lines.count < drawn.count ? "\u{1B}[J" : ""
        return up + lines.map { "\u{1B}[2K\(cut($0))\n" }.joined() + rest
    }

    private func cut(_ line: String) -> String {
        guard let columns, line.count > columns else { return line }
        return line.prefix(max(0, columns - 1)) + "…"
    }

    /// Returns the progress of a run, and below it why it waits.
    private func rows(for run: RunRecord, _ outlook: RunOutlook?, now: Date) -> [String] {
        let line = line(for: run, outlook, now: now)
        guard let waiting = outlook?.waiting, !waiting.isMoving, !run.status.isOver else { return [line] }
        return [line, "  waits: \(Terminal.harmless(waiting.words))"]
    }

    private func line(for run: RunRecord, _ outlook: RunOutlook?, now: Date) -> String {
        let counters = run.counters
        let total = max(run.recipientCount, run.expectedCount)
        let done = max(0, counters.tried)
        // A triggered run may have more messages than were expected when it began.
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let filled = Int((share * Double(Self.width)).rounded(.down))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        var parts = [
            "\(run.tenantID)/\(run.campaignName)", bar, NumberText.percent(share).leftPadded(to: 7),
            "\(done.grouped)/\(total.grouped)",
            run.status.rawValue + (run.retryOf == nil ? "" : " (a retry)"),
            "delivered \((counters[.delivered] + counters[.read]).grouped)", "read \(counters[.read].grouped)",
        ]
        if run.held > 0 { parts.append("held \(run.held.grouped)") }
        if counters.capped > 0 { parts.append("capped \(counters.capped.grouped)") }
        if counters[.failed] > 0 { parts.append("failed \(counters[.failed].grouped)") }
        if counters[.unconfirmed] > 0 { parts.append("unconfirmed \(counters[.unconfirmed].grouped)") }
        if let rate = rate(of: run, now: now) { parts.append("\(rate.grouped)/s") }
        if counters[.cancelled] > 0 { parts.append("cancelled \(counters[.cancelled].grouped)") }
        if let end = Self.end(of: run, outlook) { parts.append(end) }
        return parts.joined(separator: "  ")
    }

    /// Describes when a run is done, or why it ended; an end that is not in sight would only move along with the clock.
    private static func end(of run: RunRecord, _ outlook: RunOutlook?) -> String? {
        guard let outlook, !run.status.isOver else { return run.statusReason.map { "(\($0))" } }
        guard !outlook.waiting.reason.isOpenEnded else { return nil }
        return outlook.estimatedCompletionAt.map { "done by \($0.formatted(.iso8601))" }
    }

    private func rate(of run: RunRecord, now: Date) -> Int? {
        guard run.status == .running, let last = earlier[run.id] else { return nil }
        let seconds = now.timeIntervalSince(last.at)
        guard seconds > 0 else { return nil }
        return Int((Double(run.counters.accepted - last.accepted) / seconds).rounded())
    }
}
