import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Runtime
import Spelling
import Store

struct ErrorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors",
        abstract: "Show the failures of a campaign by code, with examples and what to do.",
        discussion: """
            Counts failed messages of all runs; those that a later run repeats are left out, unless --run names one run. Each \
            code has WhatsApp's words, its scope (message, recipient, campaign, sender, account or unknown) and the ids of some \
            messages, which the message log of the API knows.

            Examples:
              campaignd errors acme/offer
              campaignd errors offer --tenant acme --run 019aa1b2-c3d4-8e5f-8a6b-7c0000000000
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: ArgumentHelp("Only this run.", valueName: "id"), transform: CampaignID.parse)
    var run: UUID?

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let (path, failures, unconfirmed) = try await database.withPool(of: [campaign.owner]) { pool in
            let found = try await campaign.find(pool)
            let totals = try await AnalyticsRepository(pool: pool)
                .totals(campaign: found.id, tenant: found.tenantID, run: run)
            guard let totals else {
                throw ValidationError("Campaign `\(found.path)` has no run \(run?.apiText ?? "").")
            }
            let failures = try await MessageLogRepository(pool: pool)
                .samples(of: found.id, tenant: found.tenantID, run: run)
            return (found.path, failures.map(FailureLine.init), totals.counters[.unconfirmed])
        }
        output.write(.array(failures.map(\.json)), text: Self.text(of: path, failures, unconfirmed: unconfirmed))
    }

    private static func text(of path: String, _ failures: [FailureLine], unconfirmed: Int) -> String {
        let total = failures.reduce(0) { $0 + $1.sample.count }
        var text = "\(path)  \(NumberText.count(total, "message")) failed\n" + failures.map(\.text).joined()
        if unconfirmed > 0 {
            text += "\(NumberText.count(unconfirmed, "message")) unconfirmed: decide with `campaignd settle \(path)`\n"
        }
        return text
    }
}

/// The failures with one code.
private struct FailureLine {
    let sample: FailureSample
    let advice: FailureAdvice

    init(_ sample: FailureSample) {
        self.sample = sample
        advice = FailureAdvice(code: sample.code, text: sample.texts.first ?? "")
    }

    var json: JSONValue {
        .fields([
            "errorCode": .string(sample.code), "errorMessage": .string(sample.texts.first ?? ""),
            "count": .integer(sample.count), "scope": .string(advice.scope.rawValue),
            "meaning": advice.meaning.map(JSONValue.string), "remedy": .string(advice.remedy),
            "messageIds": .array(sample.messageIDs.map { .string($0.apiText) }),
        ])
    }

    var text: String {
        let code = sample.code.isEmpty ? "no code" : sample.code
        let meaning = advice.meaning.map { "  \($0)" } ?? ""
        var lines = ["\(sample.count.grouped.leftPadded(to: 9)) × \(code)  \(advice.scope.rawValue)\(meaning)"]
        lines += sample.texts.prefix(3).map { "            WhatsApp   \($0)" }
        lines.append("            to do      \(advice.remedy)")
        lines.append("            messages   \(sample.messageIDs.map(\.apiText).joined(separator: " "))")
        return lines.map { Terminal.harmless($0) + "\n" }.joined()
    }
}
