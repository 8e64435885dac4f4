import ArgumentParser
import Foundation
import Logging
import Store

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause a campaign on all daemons.",
        discussion: "Messages that are being sent at this moment go out; all others wait for `campaignd resume`."
    )

    @Argument(help: "Name of the campaign.")
    var campaign: String

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String

    @Option(help: "Why, for those who look at it.")
    var reason = "paused by hand"

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isPaused = try await database.withPool(logger: .command()) { pool in
            let runs = RunRepository(pool: pool)
            let run = try await runs.current(of: campaign, tenant: tenant)
            return try await runs.pause(run.id, reason: reason)
        }
        print(isPaused ? "\(tenant)/\(campaign) paused" : "\(tenant)/\(campaign) was not running")
    }
}
