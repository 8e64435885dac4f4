import ArgumentParser
import Logging
import Store

struct WalletTopUpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top-up",
        abstract: "Add tokens; the first top-up makes the wallet.",
        discussion: "Safe to repeat: the tokens of one reference come in once."
    )

    @Argument(help: "How many tokens.")
    var tokens: Int

    @Option(help: "Your own name for it, such as the number of an invoice.")
    var reference: String

    @OptionGroup var owner: WalletOwner
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...WalletRepository.largestTopUp).contains(tokens) else {
            throw ValidationError("A top-up has 1 to \(WalletRepository.largestTopUp) tokens.")
        }
        guard (1...255).contains(reference.unicodeScalars.count) else {
            throw ValidationError("--reference takes 1 to 255 characters.")
        }
    }

    func run() async throws {
        let (wallet, isNew) = try await database.withPool(logger: .command()) { pool in
            try await WalletRepository(pool: pool).topUp(tokens, tenant: owner.tenant, reference: reference)
        }
        print(isNew ? "\(tokens) tokens came in" : "`\(reference)` came in before, and counts once")
        print(wallet.summary)
    }
}
