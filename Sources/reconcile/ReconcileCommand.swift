import ArgumentParser

@main
struct ReconcileCommand: AsyncParsableCommand {
    static let toolVersion = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Bring the database to what the campaign specs say.",
        discussion: """
            Exit codes: 0 done or nothing to do, 1 error, 2 changes pending (only with --detailed-exitcode), 3 blocked by \
            a safety rule, 4 stale digest or another reconcile is being applied (try again), 64 wrong usage.
            """,
        version: toolVersion,
        subcommands: [
            ApplyCommand.self, ValidateCommand.self, ExplainCommand.self, ExportCommand.self, HistoryCommand.self,
            PreviewCommand.self, NextCommand.self, SchemaCommand.self, InitCommand.self,
        ],
        defaultSubcommand: ApplyCommand.self
    )

    static func main() async {
        Memory.growInLargeSteps()
        await main(nil)
    }
}

extension ExitCode {
    /// There are changes; only with `--detailed-exitcode`.
    static let changesPending = ExitCode(2)
    /// A safety rule stands against the plan.
    static let refused = ExitCode(3)
    /// Somebody else was faster.
    static let tryAgain = ExitCode(4)
}
