import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Store

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show the progress of runs.",
        discussion: """
            Without a campaign it shows all open runs, and new ones as they begin. On a terminal, progress bars move until all \
            runs are over, or until Ctrl-C. Elsewhere, a line is printed whenever something has changed; with --format json \
            each of them is a run as the API shows it.

            Examples:
              campaignd watch
              campaignd watch acme/offer acme/news
              campaignd watch offer --tenant acme --timeout 3600 --until-reported
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Show only these campaigns: names, or tenant/name. (default: all open runs)",
            valueName: "campaign"
        )
    )
    var campaigns: [String] = []

    @Option(
        help: ArgumentHelp("Show only the campaign with this id; may be repeated.", valueName: "id"),
        transform: CampaignID.parse
    )
    var id: [UUID] = []

    @Option(help: "Tenant of the campaigns; without campaigns, show only runs of this tenant.")
    var tenant: String?

    @Option(help: ArgumentHelp("Exit with 1 if runs are still open after this time.", valueName: "seconds"))
    var timeout: Int?

    @Flag(help: "Also wait until WhatsApp has reported the status of every message.")
    var untilReported = false

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard try names().isEmpty || id.isEmpty else {
            throw ValidationError("Give the name of a campaign or its --id, not both.")
        }
        if let timeout, timeout < 0 { throw ValidationError("--timeout takes a number from 0.") }
    }

    func run() async throws {
        try await database.withPool(of: try names().map(\.tenant) + [tenant]) { pool in
            let clock = ContinuousClock()
            let deadline = timeout.map { clock.now + .seconds($0) }
            var reader = ProgressReader(pool: pool, watched: try await watched(pool))
            let isTerminal = Terminal.isOutputTerminal && output.format == .text
            var view = ProgressView(isTerminal: isTerminal)
            var lines = ProgressLines()
            while true {
                let runs = try await reader.read(now: Date())
                switch output.format {
                case .json: for line in lines.update(runs) { Terminal.write(line) }
                case .text:
                    if isTerminal { view.size = Terminal.outputSize }
                    if let text = view.update(runs, now: Date()) { Terminal.write(text) }
                }
                if runs.allSatisfy({ isSettled($0.run) }) { return }
                if let deadline, clock.now >= deadline { throw ExitCode.failure }
                try await pause(&view, runs, clock: clock)
            }
        }
    }

    /// Waits for the next look; on a terminal the size is looked at meanwhile, so that a change of it shows at once.
    private func pause(_ view: inout ProgressView, _ runs: [WatchedRun], clock: ContinuousClock) async throws {
        let end = clock.now + view.interval
        while view.isTerminal, clock.now < end {
            try await clock.sleep(for: .milliseconds(50))
            let size = Terminal.outputSize
            guard size != view.size else { continue }
            view.size = size
            if let text = view.update(runs, now: Date()) { Terminal.write(text) }
        }
        if !view.isTerminal { try await clock.sleep(for: view.interval) }
    }

    /// Returns the runs to watch.
    ///
    /// A name without a tenant may mean one campaign of each tenant.
    private func watched(_ pool: PostgresPool) async throws -> WatchedRuns {
        let campaigns = CampaignRepository(pool: pool)
        let names = try names()
        var found: [UUID] = []
        for id in id { found.append(try await campaigns.required(id: id, tenant: tenant).id) }
        for name in names {
            guard name.tenant == nil else {
                found.append(try await campaigns.required(name.name, tenant: name.tenant ?? "").id)
                continue
            }
            let tenants = Set(try await campaigns.named(name.name, tenant: nil).map(\.tenantID)).sorted()
            guard !tenants.isEmpty else {
                throw CampaignLookupError.unknown(name.name, tenant: nil, known: try await campaigns.names(tenant: nil))
            }
            for tenant in tenants { found.append(try await campaigns.required(name.name, tenant: tenant).id) }
        }
        if found.isEmpty, let tenant { try await campaigns.requireTenant(tenant) }
        return found.isEmpty ? .open(tenant: tenant) : .latest(of: found)
    }

    private func names() throws -> [CampaignName] {
        try campaigns.map { try CampaignName($0, tenant: tenant) }
    }

    private func isSettled(_ run: RunRecord) -> Bool {
        // The standing run of a trigger stays open; among all runs it is over when it has nothing to send.
        if campaigns.isEmpty, id.isEmpty, run.isTriggered, run.counters.open == 0 { return true }
        guard run.status.isOver else { return false }
        return !untilReported || run.counters[.sent] + run.counters[.unconfirmed] == 0
    }
}
