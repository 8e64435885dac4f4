public import ArgumentParser
import CommandKit
import Foundation
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
        let (last, counts, deleted) = try await database.withPool { pool in
            let last = try await campaign.latestRun(pool)
            let repository = SettlementRepository(pool: pool)
            let counts = try await repository.count(settlement, of: last.campaignID, tenant: last.tenantID)
            return (last, counts, try await repository.deleted(of: last.campaignID, tenant: last.tenantID))
        }
        let path = last.path
        let total = counts.reduce(0) { $0 + $1.messages }
        print("\(path)  \(NumberText.count(total, "message")) unconfirmed for \(olderThan) or longer")
        for count in counts { print(Self.line(of: count)) }
        if deleted > 0 { print("  not these: \(deleted.grouped) that retention has deleted") }
        guard total > 0 else { return }
        try await confirmation.confirm(question(total))
        let outcome = try await database.withPool { pool in
            try await SettlementRepository(pool: pool)
                .settle(settlement, of: last.campaignID, tenant: last.tenantID)
        }
        let settled = outcome.settled.values.reduce(0, +)
        print("\(path)  \(NumberText.count(settled, "message")) settled: \(unconfirmed.rawValue)")
        if let run = outcome.run { print(SendCommand.summary(of: run, nil, as: "is sent again where it was in doubt")) }
        guard settled < total else { return }
        print("  left alone: \((total - settled).grouped), reported meanwhile, not to be reached, or tried three times")
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
