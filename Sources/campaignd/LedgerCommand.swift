import ArgumentParser
import Foundation
import Logging
import Store
import WhatsAppSimulator

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Check what the simulator received.",
        discussion: """
            Reads a ledger and says how many requests were accepted, whether anybody got more than one, and how many came \
            within one second at most. Exits with 1 when a check fails.
            """
    )

    @Argument(help: "The file that `campaignd simulate --ledger` wrote.", completion: .file())
    var file: String

    @Option(help: "The most requests that one second may hold, per sender.")
    var rate: Int?

    @Option(help: "Compare with the latest run of this campaign.")
    var campaign: String?

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String?

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let summary = try await LedgerReader(path: file).summary()
        print("accepted by the receiver  \(summary.accepted), to \(summary.recipients) recipients")
        var problems: [String] = []
        if !summary.repeatedRecipients.isEmpty {
            problems.append("\(summary.repeatedRecipients.count) recipients got more than one message")
        }
        for (sender, most) in summary.mostRequestsInOneSecond.sorted(by: { $0.key < $1.key }) {
            print("most in any second        \(most), from \(sender)")
            if let rate, most > rate {
                problems.append("sender \(sender) made \(most) requests within a second, over \(rate)")
            }
        }
        if let campaign, let tenant {
            problems += try await comparison(of: summary, campaign: campaign, tenant: tenant)
        }
        guard problems.isEmpty else {
            for problem in problems { FileHandle.standardError.write(Data("error: \(problem)\n".utf8)) }
            throw ExitCode.failure
        }
        print("nobody twice, nothing too fast")
    }

    private func comparison(of summary: LedgerSummary, campaign: String, tenant: String) async throws -> [String] {
        let run = try await database.withPool(logger: .command()) { pool in
            try await RunRepository(pool: pool).current(of: campaign, tenant: tenant)
        }
        guard run.recipientCount != summary.recipients else { return [] }
        return ["the run has \(run.recipientCount) recipients, the receiver saw \(summary.recipients)"]
    }
}
