import ArgumentParser

/// The command of everything that runs: the daemon, its schema and its contacts.
@main
struct Campaignd: AsyncParsableCommand {
    static let toolVersion = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "campaignd",
        abstract: "Delivers WhatsApp campaigns.",
        discussion: """
            Settings come from the environment (DATABASE_URL, REDIS_URL, …); flags override them. Results go to standard \
            output, everything else to standard error.
            """,
        version: toolVersion,
        subcommands: [
            RunCommand.self, MigrateCommand.self, SendCommand.self, PauseCommand.self, ResumeCommand.self,
            CancelCommand.self, ContactsCommand.self, SimulateCommand.self, WatchCommand.self, ReportCommand.self,

            LedgerCommand.self, TokenCommand.self, WalletCommand.self,
        ]
    )
}
