import ArgumentParser
import CommandKit
import Store

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Continue a paused campaign where it stopped."
    )

    @OptionGroup var campaign: CampaignOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isResumed = try await database.withPool { pool in
            try await RunRepository(pool: pool).resume(try await campaign.latestRun(pool).id)
        }
        print(isResumed ? "\(campaign.path) resumed" : "\(campaign.path) was not paused")
    }
}
