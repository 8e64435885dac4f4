import ArgumentParser
import Foundation
import Logging
import Store

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let a paused campaign go on where it stopped."
    )

    @Argument(help: "Name of the campaign.")
    var campaign: String

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isResumed = try await database.withPool(logger: .command()) { pool in
            let runs = RunRepository(pool: pool)
            let run = try await runs.current(of: campaign, tenant: tenant)
            return try await runs.resume(run.id)
        }
        print(isResumed ? "\(tenant)/\(campaign) resumed" : "\(tenant)/\(campaign) was not paused")
    }
}
