import ArgumentParser
import CommandKit
import JSON
import Store

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause a campaign on all daemons.",
        discussion: """
            Requests that are already under way finish; all other messages wait for `campaignd resume`.

            Examples:
              campaignd pause acme/offer --reason "wrong price"
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: "Reason, which `report`, `watch` and the API show.")
    var reason = "paused by hand"

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(of: [campaign.owner]) { pool in
            let run = try await campaign.latestRun(pool)
            let isPaused = try await RunRepository(pool: pool).pause(run.id, reason: reason, by: .commandLine)
            let document = try await run.document(pool)
            output.write(
                ["isChanged": .bool(isPaused), "run": document],
                text: isPaused ? "\(run.path) paused" : "\(run.path) was not running"
            )
            if isPaused { try await DaemonNotice.write(pool) }
        }
    }
}
