import ArgumentParser
import CommandKit
import JSON
import Spelling
import Store

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a campaign on all daemons; this cannot be undone.",
        discussion: """
            Requests that are already under way finish. The daemons mark all waiting messages as cancelled. On a terminal it \
            shows how far the campaign has come, and asks.

            Examples:
              campaignd cancel acme/offer --reason "wrong price"
              campaignd cancel offer --tenant acme --yes
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: "Reason, which `report`, `watch` and the API show.")
    var reason = "cancelled by hand"

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool { pool in
            let run = try await campaign.latestRun(pool)
            if !run.status.isOver {
                try await confirmation.confirmAtTerminal("Cancel it? This cannot be undone.") {
                    let waiting = max(0, run.counters[.pending]) + max(0, run.counters[.queued])
                    return """
                        \(run.path) is \(run.status.rawValue): \(RunProgress(run).text) tried
                          \(NumberText.count(waiting, "message")) \(waiting == 1 ? "waits" : "wait") and will never be sent
                        """
                }
            }
            let isCancelled = try await RunRepository(pool: pool).cancel(run.id, reason: reason, by: .commandLine)
            let document = try await run.document(pool)
            output.write(
                ["isChanged": .bool(isCancelled), "run": document],
                text: isCancelled ? "\(run.path) cancelled" : "\(run.path) was already over"
            )
            if isCancelled { try await DaemonNotice.write(pool) }
        }
    }
}
