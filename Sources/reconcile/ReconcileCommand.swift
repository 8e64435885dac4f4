import ArgumentParser
import CommandKit
import Reconciler

@main
struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Bring the database to the state that the campaign specs describe.",
        discussion: """
            Exit codes: 0 done or nothing to do, 1 error, 2 changes pending (only with --detailed-exitcode), 3 blocked by \
            a safety rule, 4 stale digest or another reconcile holds the lock (try again), 64 wrong usage.
            """,
        version: Program.version,
        subcommands: [
            ApplyCommand.self, ValidateCommand.self, ExplainCommand.self, ExportCommand.self, HistoryCommand.self,
            PreviewCommand.self, NextCommand.self, SchemaCommand.self, InitCommand.self,
        ],
        defaultSubcommand: ApplyCommand.self
    )

    static func main() async {
        await launch { error in
            switch error as? ReconcileError {
            case .refused: .refused
            case .staleDigest, .lockBusy: .tryAgain
            case .invalidSpecs, .unknownTenants, .conflicts, nil: .failure
            }
        }
    }
}

extension ExitCode {
    /// The exit code for pending changes; only with `--detailed-exitcode`.
    static let changesPending = ExitCode(2)
    /// The exit code for a plan that a safety rule blocks.
    static let refused = ExitCode(3)
    /// The exit code for a plan that has changed meanwhile, or a lock that another reconcile holds.
    static let tryAgain = ExitCode(4)
}
