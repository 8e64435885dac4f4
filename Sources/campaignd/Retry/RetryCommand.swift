import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Spec
import Spelling
import Store

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Send the failed messages of a campaign's last run again.",
        discussion: """
            Opens a new run for exactly those messages that WhatsApp never accepted, and whose contacts are still opted in \
            and active. A message whose answer was lost is not repeated: see `campaignd settle`. Shows the failures by code \
            first, and asks.

            Examples:
              campaignd retry acme/offer
              campaignd retry offer --tenant acme --code 131026 --code 132001 --yes
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(
        name: .customLong("code"),
        help: ArgumentHelp("Only messages that failed with this code; may be given several times.", valueName: "code")
    )
    var codes: [String] = []

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let preview = try await database.withPool(of: [campaign.owner]) { pool in
            let last = try await campaign.latestRun(pool)
            return try await RetryRepository(pool: pool)
                .preview(.id(last.campaignID), tenant: last.tenantID, codes: codes)
        }
        if output.format == .text { print(Self.text(of: preview)) }
        guard preview.total > 0 else {
            throw LaunchError.nothingToRetry(campaign: preview.run.campaignName, deleted: preview.deleted)
        }
        try await confirmation.confirm("Send \(preview.total == 1 ? "it" : "them") again?")
        try await database.withPool(of: [campaign.owner]) { pool in
            let retry = try await RetryRepository(pool: pool)
                .open(.id(preview.run.campaignID), tenant: preview.run.tenantID, codes: codes, by: .commandLine)
            let outlook = try await OutlookRepository(pool: pool).outlook(of: retry.run)
            let document = try await retry.run.document(pool)
            let warnings = try await SendCommand.warnings(onRun: retry.run.id, pool)
            output.write(
                ["messages": .integer(preview.total), "run": document],
                text: SendCommand.summary(of: retry.run, outlook, as: "is sent again where it failed")
                    + (retry.quota.map(SendCommand.lines(of:)) ?? "") + warnings
            )
        }
    }

    static func text(of preview: RetryRepository.Preview) -> String {
        let launch = preview.launch
        let time = launch.startedAt.map { " of \($0.formatted(.iso8601))" } ?? ""
        var lines = [
            "\(launch.path)  \(NumberText.count(preview.total, "message")) of the launch\(time) failed and may be repeated"
        ]
        for code in preview.codes where code.messages > 0 {
            lines.append("  \(code.messages.grouped.leftPadded(to: 7)) × \(code.code.isEmpty ? "no code" : code.code)")
        }
        if preview.total > 0, let cost = preview.cost { lines.append("  cost: \(cost.words)") }
        let unreachable = preview.codes.reduce(0) { $0 + $1.unreachable }
        if unreachable > 0 {
            lines.append("  not these: \(unreachable.grouped) whose contacts opted out or cannot be reached")
        }
        if preview.others > 0 {
            lines.append("  not these: \(preview.others.grouped) that failed with other codes")
        }
        if preview.inDoubt > 0 {
            lines.append("  not these: \(preview.inDoubt.grouped) that may have been accepted; see campaignd settle")
        }
        if preview.deleted > 0 {
            lines.append("  not these: \(preview.deleted.grouped) that retention has deleted")
        }
        return lines.joined(separator: "\n")
    }
}
