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
            within one second at most. With a campaign, accepted is what was sent of its latest run; the pace is always that \
            of everything. Exits with 1 when a check fails.
            """
    )

    @Argument(help: "The file that `campaignd simulate --ledger` wrote.", completion: .file())
    var file: String

    @Option(help: "The most requests that one second may hold, per sender.")
    var rate: Int?

    @Option(help: "Count the latest run of this campaign only, and compare with it.")
    var campaign: String?

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String?

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (campaign == nil) == (tenant == nil) else {
            throw ValidationError("--campaign and --tenant name a campaign together; give both, or neither.")
        }
    }

    func run() async throws {
        let everything = try await LedgerReader(path: file).summary()
        let run = try await latestRun()
        let summary = if let run { try await summary(of: run) } else { everything }
        print("accepted by the receiver  \(summary.accepted), to \(summary.recipients) recipients")
        var problems: [String] = []
        if !summary.repeatedRecipients.isEmpty {
            problems.append("\(summary.repeatedRecipients.count) recipients got more than one message")
        }
        for (sender, most) in everything.mostRequestsInOneSecond.sorted(by: { $0.key < $1.key }) {
            print("most in any second        \(most), from \(sender)")
            if let rate, most > rate {
                problems.append("sender \(sender) made \(most) requests within a second, over \(rate)")
            }
        }
        if let run, run.recipientCount != summary.recipients {
            problems.append("the run has \(run.recipientCount) recipients, the receiver saw \(summary.recipients)")
        }
        guard problems.isEmpty else {
            for problem in problems { FileHandle.standardError.write(Data("error: \(problem)\n".utf8)) }
            throw ExitCode.failure
        }
        print("nobody twice, nothing too fast")
    }

    /// The latest run of the campaign; `nil` when none was named.
    private func latestRun() async throws -> RunRecord? {
        guard let campaign, let tenant else { return nil }
        return try await database.withPool(logger: .command()) { pool in
            try await RunRepository(pool: pool).current(of: campaign, tenant: tenant)
        }
    }

    /// What the receiver saw of a run: messages carry their ids along.
    private func summary(of run: RunRecord) async throws -> LedgerSummary {
        let id = run.id
        return try await LedgerReader(path: file).summary { entry in
            entry.callbackData.flatMap(UUID.init(uuidString:)).map { MessageID.run(of: $0) == id } ?? false
        }
    }
}
