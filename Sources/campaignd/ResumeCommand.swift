import ArgumentParser
import CommandKit
import JSON
import Store

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Continue a paused campaign where it stopped.",
        discussion: """
            The guards, which pause a campaign whose messages fail alike or too often, count from the beginning. Messages \
            that failed stay failed.

            Examples:
              campaignd resume acme/offer
              campaignd resume offer --tenant acme --ignore-guard --reason "checked with the customer"
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Flag(help: "Go on although messages fail: no guard pauses the run until it is resumed again.")
    var ignoreGuard = false

    @Option(help: "Reason, which `report` and the API show.")
    var reason: String?

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(of: [campaign.owner]) { pool in
            let run = try await campaign.latestRun(pool)
            let isResumed = try await RunRepository(pool: pool)
                .resume(run.id, ignoringGuards: ignoreGuard, reason: reason, by: .commandLine)
            let document = try await run.document(pool)
            output.write(
                ["isChanged": .bool(isResumed), "run": document],
                text: isResumed ? "\(run.path) resumed" : "\(run.path) was not paused"
            )
            if isResumed { try await DaemonNotice.write(pool) }
        }
    }
}
