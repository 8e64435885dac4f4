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
            output, everything else to standard error. A campaign is given as tenant/name, or as its name with --tenant.

            Exit codes: 0 done; 1 error, a question that was not answered with yes, or a result that is not good (`report` of \
            a run that is not completed, `ledger`, `wallet audit`, `contacts import` with refused rows, `watch --timeout`, a \
            failure that `doctor` finds); 64 wrong usage.

            Examples:
              campaignd list
              campaignd send acme/offer
              campaignd watch acme/offer
              campaignd errors acme/offer
            """,
        version: Program.version,
        subcommands: [
            RunCommand.self, MigrateCommand.self, CellsCommand.self,
            SendCommand.self, PauseCommand.self, ResumeCommand.self,
            CancelCommand.self, ContactsCommand.self, SimulateCommand.self, WatchCommand.self, ReportCommand.self,
            ListCommand.self, SchedulesCommand.self, SendersCommand.self, ErrorsCommand.self,
            TestsCommand.self, RetryCommand.self, SettleCommand.self, LedgerCommand.self, TokenCommand.self,
            UICommand.self,
            WalletCommand.self, RatesCommand.self, TemplatesCommand.self, DoctorCommand.self,
        ]
    )

    static func main() async {
        await launch()
    }
}
