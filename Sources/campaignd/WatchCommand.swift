import ArgumentParser
import Foundation
import Logging
import Runtime
import Store

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show the progress of runs.",
        discussion: """
            On a terminal the bars move until all runs are over, or until Ctrl-C; otherwise a line is printed whenever \
            something has changed.
            """
    )

    @Argument(help: "Only runs of this campaign.")
    var campaign: String?

    @Option(help: "Only runs of this tenant.")
    var tenant: String?

    @Option(help: "Seconds after which to give up, with exit code 1, when runs are still open.")
    var timeout: Int?

    @Flag(help: "Also wait until WhatsApp has reported on every message.")
    var untilReported = false

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(logger: .command()) { pool in
            let runs = RunRepository(pool: pool)
            let clock = ContinuousClock()
            let deadline = timeout.map { clock.now + .seconds($0) }
            var view = ProgressView(isTerminal: isatty(STDOUT_FILENO) == 1)
            while true {
                let records = try await runs.latest(tenant: tenant, campaign: campaign)
                if let text = view.update(records, now: Date()) { write(text) }
                if records.allSatisfy({ isSettled($0) }) { return }
                if let deadline, clock.now >= deadline { throw ExitCode.failure }
                try await clock.sleep(for: view.interval)
            }
        }
    }

    private func isSettled(_ run: RunRecord) -> Bool {
        guard run.status.isOver else { return false }
        return !untilReported || run.counters[.sent] + run.counters[.unconfirmed] == 0
    }

    private func write(_ text: String) {
        print(text, terminator: "")
        fflush(nil)
    }
}
