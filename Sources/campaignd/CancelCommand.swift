import ArgumentParser
import CommandKit
import Store

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a campaign on all daemons; this cannot be undone.",
        discussion: "Requests that are already under way finish. The daemons mark all waiting messages as cancelled."
    )

    @OptionGroup var campaign: CampaignOptions

    @Option(help: "Reason, which `report`, `watch` and the API show.")
    var reason = "cancelled by hand"

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isCancelled = try await database.withPool { pool in
            try await RunRepository(pool: pool).cancel(try await campaign.latestRun(pool).id, reason: reason)
        }
        print(isCancelled ? "\(campaign.path) cancelled" : "\(campaign.path) was already over")
    }
}
