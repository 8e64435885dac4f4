import ArgumentParser
import CommandKit

/// The command of everything that runs: the daemon, its database schema, campaigns, contacts and wallets.
@main
struct Campaignd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "campaignd",
        abstract: "Delivers WhatsApp campaigns.",
        discussion: """
            Settings come from the environment (DATABASE_URL, REDIS_URL, …); flags override them. Results go to standard \
            output, everything else to standard error.
            """,
        version: Program.version,
        subcommands: [
            RunCommand.self, MigrateCommand.self, SendCommand.self, PauseCommand.self, ResumeCommand.self,
            CancelCommand.self, ContactsCommand.self, SimulateCommand.self, WatchCommand.self, ReportCommand.self,
            RetryCommand.self, SettleCommand.self, LedgerCommand.self, TokenCommand.self, WalletCommand.self,
        ]
    )

    static func main() async {
        await launch()
    }
}
