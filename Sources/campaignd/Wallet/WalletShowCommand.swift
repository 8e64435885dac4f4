import ArgumentParser
import Logging
import Store

struct WalletShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what is available, what runs hold, and the price."
    )

    @OptionGroup var owner: WalletOwner
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let wallet = try await database.withPool(logger: .command()) { pool in
            try await WalletRepository(pool: pool).required(tenant: owner.tenant)
        }
        print(wallet.summary)
    }
}
