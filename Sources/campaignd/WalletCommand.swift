import API
import ArgumentParser
import CommandKit
import JSON
import Spelling
import Store

struct WalletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallet",
        abstract: "Show the prepaid tokens of a tenant, and add some.",
        discussion: """
            A launch reserves the price of its recipients, each message that WhatsApp accepts is paid from that, and the \
            rest is released when the run ends. A tenant without a wallet is not billed.

            Examples:
              campaignd wallet show --tenant acme
              campaignd wallet top-up 5000 --tenant acme --reference invoice-2026-117
            """,
        subcommands: [
            WalletShowCommand.self, WalletTopUpCommand.self, WalletPriceCommand.self, WalletAuditCommand.self,
        ]
    )
}

/// The tenant of a wallet.
struct WalletOwner: ParsableArguments {
    @Option(help: "Tenant of the wallet.")
    var tenant: String

    func validate() throws {
        guard (1...50).contains(tenant.unicodeScalars.count) else {
            throw ValidationError("--tenant takes 1 to 50 characters.")
        }
    }
}

struct WalletShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the balance, the tokens held by runs, and the price.",
        discussion: """
            Examples:
              campaignd wallet show --tenant acme --format json
            """
    )

    @OptionGroup var owner: WalletOwner
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let wallet = try await database.withPool(of: [owner.tenant]) { pool in
            let wallet = try await WalletRepository(pool: pool).find(tenant: owner.tenant)
            if wallet == nil { try await CampaignRepository(pool: pool).requireTenant(owner.tenant) }
            return wallet
        }
        guard let wallet else { throw WalletError.unknown(tenant: owner.tenant) }
        output.write(wallet.json, text: wallet.summary)
    }
}

struct WalletTopUpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top-up",
        abstract: "Add tokens; the first top-up creates the wallet.",
        discussion: """
            Safe to repeat: the tokens of one reference are added once.

            Examples:
              campaignd wallet top-up 5000 --tenant acme --reference invoice-2026-117
            """
    )

    @Argument(help: "Number of tokens.")
    var tokens: Int

    @Option(help: "Your own name for the top-up, such as an invoice number.")
    var reference: String

    @OptionGroup var owner: WalletOwner
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...WalletRepository.largestTopUp).contains(tokens) else {
            throw ValidationError("A top-up has 1 to \(WalletRepository.largestTopUp.grouped) tokens.")
        }
        guard (1...255).contains(reference.unicodeScalars.count) else {
            throw ValidationError("--reference takes 1 to 255 characters.")
        }
    }

    func run() async throws {
        let (wallet, isNew) = try await database.withPool(of: [owner.tenant]) { pool in
            try await WalletRepository(pool: pool).topUp(tokens, tenant: owner.tenant, reference: reference)
        }
        let outcome =
            isNew
            ? "added \(NumberText.count(tokens, "token"))"
            : "nothing added: reference `\(reference)` was topped up before"
        var fields = wallet.json.objectValue ?? [:]
        fields["isNew"] = .bool(isNew)
        output.write(.object(fields), text: outcome + "\n" + wallet.summary)
    }
}

struct WalletPriceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "price",
        abstract: "Set the price of a message, from the next run on.",
        discussion: """
            Creates the wallet if the tenant has none: from then on the tenant is billed, and needs tokens to launch. A run \
            keeps the price that it began with.

            Examples:
              campaignd wallet price 2 --tenant acme
            """
    )

    @Argument(help: "Tokens for each message that WhatsApp accepts.")
    var tokens: Int

    @OptionGroup var owner: WalletOwner
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        let prices = WalletRepository.prices
        guard prices.contains(tokens) else {
            throw ValidationError(
                "The price of a message is \(prices.lowerBound) to \(prices.upperBound.grouped) tokens."
            )
        }
    }

    func run() async throws {
        let wallet = try await database.withPool(of: [owner.tenant]) { pool in
            try await WalletRepository(pool: pool).setPrice(tokens, tenant: owner.tenant)
        }
        output.write(wallet.json, text: wallet.summary)
    }
}

struct WalletAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Recompute the wallet from its ledger and from all messages.",
        discussion: """
            Exits with 1 if the sums differ. Reads every message that was paid for.

            Examples:
              campaignd wallet audit --tenant acme
            """
    )

    @OptionGroup var owner: WalletOwner
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let audit = try await database.withPool(of: [owner.tenant]) { pool in
            let audit = try await WalletRepository(pool: pool).audit(tenant: owner.tenant)
            if audit == nil { try await CampaignRepository(pool: pool).requireTenant(owner.tenant) }
            return audit
        }
        guard let audit else { throw WalletError.unknown(tenant: owner.tenant) }
        guard audit.findings.isEmpty else {
            for finding in audit.findings { Terminal.report(finding) }
            throw ExitCode.failure
        }
        let sums = "balance \(audit.balance.grouped), held \(audit.held.grouped), spent \(audit.used.grouped)"
        output.write(
            ["balance": .integer(audit.balance), "held": .integer(audit.held), "spent": .integer(audit.used)],
            text: "\(sums): the ledger and the messages agree"
        )
    }
}

extension WalletRecord {
    /// The wallet in a few lines.
    fileprivate var summary: String {
        """
        balance    \(balance.grouped) tokens
        held       \(held.grouped)
        available  \(available.grouped)
        price      \(pricePerMessage.grouped) for a message
        """
    }
}
