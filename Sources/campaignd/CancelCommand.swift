import ArgumentParser
import CommandKit
import Store

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a campaign on all daemons; this cannot be undone.",
        discussion: "Requests that are already under way finish. The daemons mark all waiting messages as cancelled."
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: "Reason, which `report`, `watch` and the API show.")
    var reason = "cancelled by hand"

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool { pool in
            let run = try await campaign.latestRun(pool)
            let isCancelled = try await RunRepository(pool: pool).cancel(run.id, reason: reason, by: .commandLine)
            print(isCancelled ? "\(run.path) cancelled" : "\(run.path) was already over")
            if isCancelled { try await DaemonNotice.write(pool) }
        }
    }
}
