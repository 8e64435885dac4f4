import ArgumentParser
import Logging
import Store

struct WalletPriceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "price",
        abstract: "Set what a message costs from the next run on.",
        discussion: """
            Makes the wallet if the tenant has none: from then on it is billed, and needs tokens to launch anything. A run \
            keeps the price that it began with.
            """
    )

    @Argument(help: "Tokens for each message that WhatsApp accepts.")
    var tokens: Int

    @OptionGroup var owner: WalletOwner
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard WalletRepository.prices.contains(tokens) else {
            throw ValidationError(
                "A message costs \(WalletRepository.prices.lowerBound) to \(WalletRepository.prices.upperBound) tokens."
            )
        }
    }

    func run() async throws {
        let wallet = try await database.withPool(logger: .command()) { pool in
            try await WalletRepository(pool: pool).setPrice(tokens, tenant: owner.tenant)
        }
        print(wallet.summary)
    }
}
