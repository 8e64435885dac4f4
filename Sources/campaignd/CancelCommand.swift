import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Spelling
import Store

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a campaign, or one test of it, on all daemons; this cannot be undone.",
        discussion: """
            Requests that are already under way finish. The daemons mark all waiting messages as cancelled. On a terminal it \
            shows how far the campaign has come, and asks.

            Examples:
              campaignd cancel acme/offer --reason "wrong price"
              campaignd cancel offer --tenant acme --yes
              campaignd cancel acme/offer --test 019aa1b2-c3d4-8e5f-8a6b-7c0000000000
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Option(help: "Reason, which `report`, `watch` and the API show.")
    var reason = "cancelled by hand"

    @Option(
        help: ArgumentHelp("Only this test of the campaign; `campaignd tests` lists them.", valueName: "id"),
        transform: CampaignID.parse
    )
    var test: UUID?

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(of: [campaign.owner]) { pool in
            if let test { return try await cancel(test, pool) }
            let run = try await campaign.latestRun(pool)
            if !run.status.isOver {
                try await confirmation.confirmAtTerminal("Cancel it? This cannot be undone.") {
                    let waiting = max(0, run.counters[.pending]) + max(0, run.counters[.queued])
                    return """
                        \(run.path) is \(run.status.rawValue): \(RunProgress(run).text) tried
                          \(NumberText.count(waiting, "message")) \(waiting == 1 ? "waits" : "wait") and will never be sent
                        """
                }
            }
            let isCancelled = try await RunRepository(pool: pool).cancel(run.id, reason: reason, by: .commandLine)
            let document = try await run.document(pool)
            output.write(
                ["isChanged": .bool(isCancelled), "run": document],
                text: isCancelled ? "\(run.path) cancelled" : "\(run.path) was already over"
            )
            if isCancelled { try await DaemonNotice.write(pool) }
        }
    }

    /// Cancels a test; it asks nothing, because a test has a few messages to people who expect it.
    private func cancel(_ test: UUID, _ pool: PostgresPool) async throws {
        let found = try await campaign.find(pool)
        guard
            let (cancelled, isChanged) = try await TestSendRepository(pool: pool).cancel(
                test,
                ofCampaign: found.id,
                tenant: found.tenantID,
                reason: reason,
                by: .commandLine
            )
        else {
            throw UnknownTest(test: test, campaign: found.path)
        }
        output.write(
            ["isChanged": .bool(isChanged), "test": cancelled.json()],
            text: "test \(test.apiText) of \(found.path) " + (isChanged ? "cancelled" : "was already over")
        )
        if isChanged { try await DaemonNotice.write(pool) }
    }
}

private struct UnknownTest: Error, CustomStringConvertible {
    let test: UUID
    let campaign: String

    var description: String { "no test \(test.apiText) of campaign \(campaign); see: campaignd tests \(campaign)" }
}
