import ArgumentParser
import CommandKit
import Foundation
import Reconciler

@main
struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Bring the database to the state that the campaign specs describe.",
        discussion: """
            Without a subcommand it shows the plan for a folder of specs and applies it: reconcile [PATH] [options]. Its main \
            options, of which `reconcile apply --help` shows all:
              --dry-run                show the plan and change nothing
              --yes                    apply it without asking
              --tenant NAME            only this tenant; may be repeated
              --format FORMAT          text, json, markdown, github or sarif
              --expect-digest DIGEST   apply only the plan with this digest
              --allow-delete NAME      allow the deletion of this spec (tenant/Kind/name)
              --database-url URL       Postgres (default: $DATABASE_URL)

            Exit codes: 0 done or nothing to do, 1 error, 2 changes pending (only with --detailed-exitcode), 3 blocked by \
            a safety rule, 4 stale digest or another reconcile holds the lock (try again), 64 wrong usage.

            Examples:
              reconcile --dry-run
              reconcile campaigns --tenant acme
              reconcile validate
            """,
        version: Program.version,
        subcommands: [
            ApplyCommand.self, ValidateCommand.self, ExplainCommand.self, ExportCommand.self, HistoryCommand.self,
            PreviewCommand.self, NextCommand.self, SchemaCommand.self, InitCommand.self,
        ],
        defaultSubcommand: ApplyCommand.self
    )

    static func main() async {
        await launch(arguments: argumentsWithAllowances()) { error in
            switch error as? ReconcileError {
            case .refused, .otherEnvironment: .refused
            case .staleDigest, .lockBusy: .tryAgain
            case .invalidSpecs, .unknownTenants, .conflicts, .deletion, nil: .failure
            }
        }
    }
}

extension ReconcileCommand {
    /// The variable with flags of safety rules, as refusals name them.
    ///
    /// A pipeline passes on there what a label or a reviewer allows, which must not become part of a command line.
    private static let allowances = "RECONCILE_ALLOW"

    /// Returns the arguments of the process, and after them the flags of `RECONCILE_ALLOW` if a plan is made.
    ///
    /// Exits with 64 if the variable has anything but flags of safety rules.
    private static func argumentsWithAllowances() -> [String] {
        let given = Array(CommandLine.arguments.dropFirst())
        let words = (ProcessInfo.processInfo.environment[allowances] ?? "").split(whereSeparator: \.isWhitespace)
            .map(String.init)
        // A wrong command line is reported when it is parsed the second time.
        guard !words.isEmpty, (try? parseAsRoot(given)) is ApplyCommand else { return given }
        do {
            _ = try SafetyOptions.parse(words)
        } catch {
            Terminal.report("\(allowances): \(SafetyOptions.message(for: error))")
            exit(withError: ExitCode.validationFailure)
        }
        let end = given.firstIndex(of: "--") ?? given.endIndex
        return given[..<end] + words + given[end...]
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
