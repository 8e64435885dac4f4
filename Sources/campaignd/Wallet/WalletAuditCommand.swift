import ArgumentParser
import Foundation
import Logging
import Store

struct WalletAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Count the wallet anew, from its ledger and from all messages.",
        discussion: "Exits with 1 when something does not agree. Reads every message that was paid for."
    )

    @OptionGroup var owner: WalletOwner
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let audit = try await database.withPool(logger: .command()) { pool in
            try await WalletRepository(pool: pool).audit(tenant: owner.tenant)
        }
        guard let audit else { throw WalletError.unknown(tenant: owner.tenant) }
        guard audit.findings.isEmpty else {
            for finding in audit.findings { FileHandle.standardError.write(Data("error: \(finding)\n".utf8)) }
            throw ExitCode.failure
        }
        print("balance \(audit.balance), held \(audit.held), spent \(audit.used): the ledger and the messages agree")
    }
}
