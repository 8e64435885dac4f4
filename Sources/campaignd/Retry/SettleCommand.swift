public import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Spec
import Spelling
public import Store

extension Settlement.Decision: ExpressibleByArgument {}

struct SettleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle",
        abstract: "Decide about messages whose answer was lost.",
        discussion: """
            Such messages are unconfirmed: WhatsApp may or may not have accepted them, and no report has told. `sent` counts \
            them as accepted, and debits the wallet; `failed` counts them as failed, and releases their tokens; `resend` \
            sends them again, so a recipient may get two. Shows the counts first, asks, and records the decision with \
            the run.

            Examples:
              campaignd settle acme/offer --unconfirmed sent --older-than 2h
              campaignd settle offer --tenant acme --unconfirmed failed --older-than 1d --yes
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: "What becomes of them: resend, sent or failed.")
    var unconfirmed: Settlement.Decision

    @Option(
        help: ArgumentHelp(
            "Only messages that have been unconfirmed for so long, such as 15m or 2h; at least 15m.",
            valueName: "duration"
        )
    )
    var olderThan: String

    @Option(help: "Reason, which `report` and the API show.")
    var reason: String?

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard let duration = SpecDuration(olderThan) else {
            throw ValidationError("--older-than takes a number with s, m, h or d, such as 15m.")
        }
        guard duration.duration >= Settlement.shortestWait else {
            throw ValidationError("--older-than takes at least 15m: until then a report may still come.")
        }
    }

    private var settlement: Settlement {
        // `validate()` has refused anything else.
        let duration = SpecDuration(olderThan)?.duration ?? Settlement.shortestWait
        return Settlement(unconfirmed, olderThan: duration, actor: .commandLine, reason: reason)
    }

    func run() async throws {
        let settlement = settlement
        let (last, counts, deleted) = try await database.withPool(of: [campaign.owner]) { pool in
            let last = try await campaign.latestRun(pool)
            let repository = SettlementRepository(pool: pool)
            let counts = try await repository.count(settlement, of: last.campaignID, tenant: last.tenantID)
            return (last, counts, try await repository.deleted(of: last.campaignID, tenant: last.tenantID))
        }
        let path = last.path
        let total = counts.reduce(0) { $0 + $1.messages }
        let header = "\(path)  \(NumberText.count(total, "message")) unconfirmed for \(olderThan) or longer"
        let gone = deleted > 0 ? ["  not these: \(deleted.grouped) that retention has deleted"] : []
        if output.format == .text { print(([header] + counts.map(Self.line) + gone).joined(separator: "\n")) }
        guard total > 0 else {
            if output.format == .json { output.write(["unconfirmed": 0, "settled": 0], text: "") }
            return
        }
        try await confirmation.confirm(question(total))
        try await database.withPool(of: [campaign.owner]) { pool in
            let outcome = try await SettlementRepository(pool: pool)
                .settle(settlement, of: last.campaignID, tenant: last.tenantID)
            let settled = outcome.settled.values.reduce(0, +)
            var lines = ["\(path)  \(NumberText.count(settled, "message")) settled: \(unconfirmed.rawValue)"]
            var fields: [String: JSONValue] = ["unconfirmed": .integer(total), "settled": .integer(settled)]
            if let run = outcome.run {
                lines.append(SendCommand.summary(of: run, nil, as: "is sent again where it was in doubt"))
                fields["run"] = try await run.document(pool)
            }
            let rest = (total - settled).grouped
            if settled < total {
                lines.append("  left alone: \(rest), reported meanwhile, not to be reached, or tried three times")
            }
            output.write(.object(fields), text: lines.joined(separator: "\n"))
        }
    }

    private func question(_ total: Int) -> String {
        switch unconfirmed {
        case .resend:
            "Send \(total == 1 ? "it" : "them") again? Duplicates are possible, as the first may have arrived."
        case .sent: "Count \(total == 1 ? "it" : "them") as sent, and debit the wallet?"
        case .failed: "Count \(total == 1 ? "it" : "them") as failed, and release the tokens?"
        }
    }

    private static func line(of count: SettlementRepository.Count) -> String {
        "  \(count.messages.grouped.leftPadded(to: 7)) of run \(count.run.uuidString.lowercased()), which is "
            + "\(count.status.rawValue); the first since \(count.oldest.formatted(.iso8601))"
    }
}
