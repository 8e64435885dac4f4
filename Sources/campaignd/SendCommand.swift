import ArgumentParser
import Foundation
import Logging
import Runtime
import Store

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Launch a campaign.",
        discussion: """
            Freezes its content, writes a message for each recipient and leaves the sending to the daemons. Launching \
            twice is one run: the second time says how the first one stands.
            """
    )

    @Argument(help: "Name of the campaign.")
    var campaign: String

    @Option(help: "Tenant whose campaign it is.")
    var tenant: String

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let logger = Logger.command()
        let (opening, quota) = try await database.withPool(logger: logger) { pool in
            let launches = LaunchRepository(pool: pool)
            let opening = try await RunLauncher(launches: launches, logger: logger)
                .launch(campaign: campaign, tenant: tenant)
            guard case .opened(let run) = opening else { return (opening, QuotaCheck?.none) }
            return (opening, try await launches.quota(of: run.id, now: Date()))
        }
        switch opening {
        case .opened(let run): print(Self.summary(of: run, as: "launched") + (quota.map(Self.lines(of:)) ?? ""))
        case .underWay(let run): print(Self.summary(of: run, as: "is under way already"))
        case .over(let run): print(Self.summary(of: run, as: "was sent already and is \(run.status.rawValue)"))
        }
    }

    private static func lines(of quota: QuotaCheck) -> String {
        let status = quota.quotaStatus
        let limit = status.tierLimit.map { "of \($0) in 24 h, \(status.remaining ?? 0) left" } ?? "in 24 h, unlimited"
        let lines = "\n  quota       \(status.businessSent24h) \(limit)"
        return lines + (quota.warning.map { "\n  warning     \($0)" } ?? "")
    }

    private static func summary(of run: RunRecord, as state: String) -> String {
        """
        \(run.tenantID)/\(run.campaignName) \(state): run \(run.id.uuidString.lowercased())
          recipients  \(run.recipientCount) (\(run.inWindowCount) in their 24 h window, \(run.outOfWindowCount) outside)
          sender      \(run.senderName) at \(run.ratePerSecond)/s
          done by     \(run.estimatedCompletionAt.map { $0.formatted(.iso8601) } ?? "unknown")
        """ + (run.status == .paused ? "\n  paused      \(run.statusReason ?? "")" : "")
    }
}
