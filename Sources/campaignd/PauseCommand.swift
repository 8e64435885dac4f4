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

extension RunRepository {
    /// The latest run of a campaign.
    ///
    /// - Throws: A usage error that says what is missing.
    func current(of campaign: String, tenant: String) async throws -> RunRecord {
        guard let run = try await latest(tenant: tenant, campaign: campaign, limit: 1).first else {
            throw ValidationError(
                "tenant `\(tenant)` has no run of a campaign `\(campaign)`; launch it with campaignd send"
            )
        }
        return run
    }
}
