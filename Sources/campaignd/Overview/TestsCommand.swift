import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spelling
import Store

struct TestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tests",
        abstract: "List the tests of a campaign, with what became of each message.",
        discussion: """
            Tests are sent with `campaignd send CAMPAIGN --test NUMBER`. No other command counts them.

            Examples:
              campaignd tests acme/offer
              campaignd tests offer --tenant acme --format json
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: "The most tests to show.")
    var limit = 20

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 1000.") }
    }

    func run() async throws {
        let (path, tests) = try await database.withPool(of: [campaign.owner]) { pool in
            let found = try await campaign.find(pool)
            let tests = try await TestSendRepository(pool: pool)
                .tests(ofCampaign: found.id, tenant: found.tenantID, limit: limit)
            return (found.path, tests)
        }
        output.write(
            ["items": .array(tests.map { $0.json() })],
            text: tests.isEmpty
                ? "\(path) was never tested; test it with: campaignd send \(path) --test NUMBER"
                : tests.map(\.text).joined()
        )
    }
}

extension TestSend {
    /// The test and its recipients, one line each.
    fileprivate var text: String {
        let who = action.map { "  " + $0.words } ?? ""
        let why = run.statusReason.map { "  \($0)" } ?? ""
        let lines = ["\(createdAt.formatted(.iso8601))  \(run.id.apiText)  \(run.status.rawValue)\(why)\(who)"]
        let people = recipients.map { recipient in
            let error = [recipient.errorCode, recipient.errorMessage].compactMap(\.self).joined(separator: " ")
            return "  \(recipient.number)  \(recipient.status.rawValue)" + (error.isEmpty ? "" : "  \(error)")
        }
        return (lines + people).map { Terminal.harmless($0) + "\n" }.joined()
    }
}

extension TestSendRepository.Opened {
    /// Describes a test that was sent, and what its message lacks.
    func text(of campaign: NamedCampaign) -> String {
        let count = NumberText.count(test.recipients.count, "test recipient")
        let state = isNew ? "is sent to \(count)" : "was sent to \(count) under this key already"
        var lines = ["\(campaign.path) \(state): test \(test.run.id.apiText)"]
        for filling in fillings {
            let notes = filling.fallbacks.map { "{{\($0.path)}} has no value: \"\($0.text ?? "")\"" }
            lines.append("  \(filling.number)" + (notes.isEmpty ? "" : "  \(notes.joined(separator: "; "))"))
        }
        lines.append("  sender      \(test.run.senderName) at \(test.run.ratePerSecond.grouped)/s")
        let text =
            lines.map(Terminal.harmless).joined(separator: "\n") + SendCommand.cost(of: test.run)
            + (quota.map(SendCommand.lines(of:)) ?? "")
        return text + "\n  see         campaignd tests \(campaign.path)"
    }
}
