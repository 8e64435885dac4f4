import ArgumentParser
import Foundation
import Logging
import Runtime
import Store

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Say how the latest run of a campaign went.",
        discussion: "Exits with 1 when the run is not completed, or its numbers do not add up to its recipients."
    )

    @Argument(help: "Name of the campaign.")
    var campaign: String

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isGood = try await database.withPool(logger: .command()) { pool in
            let runs = RunRepository(pool: pool)
            let run = try await runs.current(of: campaign, tenant: tenant)
            print(DeliveryReport(run: run, failures: try await runs.failures(of: run.id)).text, terminator: "")
            return run.status == .completed && run.counters.total == run.recipientCount
        }
        if !isGood { throw ExitCode.failure }
    }
}
