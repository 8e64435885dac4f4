import ArgumentParser
import CommandKit
import Store

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause a campaign on all daemons.",
        discussion: "Requests that are already under way finish; all other messages wait for `campaignd resume`."
    )

    @OptionGroup var campaign: CampaignOptions

    @Option(help: "Reason, which `report`, `watch` and the API show.")
    var reason = "paused by hand"

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isPaused = try await database.withPool { pool in
            try await RunRepository(pool: pool).pause(try await campaign.latestRun(pool).id, reason: reason)
        }
        print(isPaused ? "\(campaign.path) paused" : "\(campaign.path) was not running")
    }
}
