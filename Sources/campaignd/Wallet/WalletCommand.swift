import ArgumentParser
import Store

struct WalletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallet",
        abstract: "Look at the prepaid tokens of a tenant, and add some.",
        discussion: """
            A launch sets aside what its recipients cost, each message that WhatsApp accepts is paid from that, and what is \
            left comes back when the run ends. A tenant without a wallet is not billed.
            """,
        subcommands: [
            WalletShowCommand.self, WalletTopUpCommand.self, WalletPriceCommand.self, WalletAuditCommand.self,
        ]
    )
}

extension WalletRecord {
    /// The wallet in a few lines.
    var summary: String {
        """
        balance    \(balance) tokens
        held       \(held)
        available  \(available)
        price      \(pricePerMessage) for a message
        """
    }
}

extension WalletRepository {
    /// The wallet of a tenant.
    ///
    /// - Throws: ``WalletError/unknown(tenant:)`` when there is none.
    func required(tenant: String) async throws -> WalletRecord {
        guard let wallet = try await find(tenant: tenant) else { throw WalletError.unknown(tenant: tenant) }
        return wallet
    }
}

/// Whose wallet.
struct WalletOwner: ParsableArguments {
    @Option(help: "Tenant whose wallet it is.")
    var tenant: String

    func validate() throws {
        guard (1...50).contains(tenant.unicodeScalars.count) else {
            throw ValidationError("--tenant takes 1 to 50 characters.")
        }
    }
}
