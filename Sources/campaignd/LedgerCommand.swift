import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spelling
import Store
import WhatsAppSimulator

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Check what the simulator received.",
        discussion: """
            Reads a ledger and prints the number of accepted requests and the most requests within one second. Exits with 1 \
            if a recipient got two messages, or if --rate was exceeded. With a campaign, it counts the messages of the \
            campaign's latest run and compares them with its recipients; the rate is always that of all requests.

            Examples:
              campaignd ledger ledger.jsonl --rate 80
              campaignd ledger ledger.jsonl --campaign acme/offer
            """
    )

    @Argument(help: "The file that `campaignd simulate --ledger` wrote.", completion: .file())
    var file: String

    @Option(help: "Maximum number of requests within one second, per sender.")
    var rate: Int?

    @Option(help: "Count only the latest run of this campaign: its name with --tenant, or tenant/name.")
    var campaign: String?

    @Option(help: "Tenant of the campaign.")
    var tenant: String?

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        let name = try name()
        guard (name == nil) == (name?.tenant == nil && tenant == nil) else {
            throw ValidationError("--campaign and --tenant name a campaign together; give both, or neither.")
        }
    }

    func run() async throws {
        let everything = try await LedgerReader(path: file).summary()
        let run = try await latestRun()
        let summary = if let run { try await summary(of: run) } else { everything }
        var lines = [
            "accepted by the receiver  \(summary.accepted.grouped), to \(summary.recipients.grouped) recipients"
        ]
        var problems: [String] = []
        if !summary.repeatedRecipients.isEmpty {
            problems.append("\(summary.repeatedRecipients.count.grouped) recipients got more than one message")
        }
        for (sender, most) in everything.mostRequestsInOneSecond.sorted(by: { $0.key < $1.key }) {
            lines.append("most in any second        \(most.grouped), from \(sender)")
            if let rate, most > rate {
                problems.append("sender \(sender) made \(most.grouped) requests in one second, over \(rate.grouped)")
            }
        }
        if let run, run.recipientCount != summary.recipients {
            problems.append(
                "the run has \(run.recipientCount.grouped) recipients, the receiver saw \(summary.recipients.grouped)"
            )
        }
        if problems.isEmpty {
            lines.append("no recipient got two messages" + (rate == nil ? "" : ", no sender exceeded its rate"))
        }
        output.write(
            [
                "accepted": .integer(summary.accepted), "recipients": .integer(summary.recipients),
                "repeatedRecipients": .integer(summary.repeatedRecipients.count),
                "mostRequestsInOneSecond": .object(everything.mostRequestsInOneSecond.mapValues(JSONValue.integer)),
                "problems": .array(problems.map(JSONValue.string)),
            ],
            text: lines.joined(separator: "\n")
        )
        guard problems.isEmpty else {
            for problem in problems { Terminal.report(problem) }
            throw ExitCode.failure
        }
    }

    private func name() throws -> CampaignName? {
        try campaign.map { try CampaignName($0, tenant: tenant) }
    }

    /// Returns the latest run of the campaign; `nil` if none was named.
    private func latestRun() async throws -> RunRecord? {
        guard let name = try name(), let tenant = name.tenant else { return nil }
        return try await database.withPool(of: [tenant]) { pool in
            let campaign = try await CampaignRepository(pool: pool).required(name.name, tenant: tenant)
            return try await RunRepository(pool: pool).latest(of: campaign)
        }
    }

    /// Returns the ledger's summary of one run; each request carries the id of its message.
    private func summary(of run: RunRecord) async throws -> LedgerSummary {
        let id = run.id
        return try await LedgerReader(path: file).summary { entry in
            entry.callbackData.flatMap(UUID.init(uuidString:)).map { MessageID.run(of: $0) == id } ?? false
        }
    }
}
