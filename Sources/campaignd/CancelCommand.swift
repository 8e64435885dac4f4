import ArgumentParser
import Foundation
import Logging
import Store

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a campaign on all daemons, for good.",
        discussion: """
            Messages that are being sent at this moment go out; no other does. The daemons mark those that waited as \
            cancelled.
            """
    )

    @Argument(help: "Name of the campaign.")
    var campaign: String

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String

    @Option(help: "Why, for those who look at it.")
    var reason = "cancelled by hand"

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isCancelled = try await database.withPool(logger: .command()) { pool in
            let runs = RunRepository(pool: pool)
            let run = try await runs.current(of: campaign, tenant: tenant)
            return try await runs.cancel(run.id, reason: reason)
        }
        print(isCancelled ? "\(tenant)/\(campaign) cancelled" : "\(tenant)/\(campaign) was not under way")
    }
}
