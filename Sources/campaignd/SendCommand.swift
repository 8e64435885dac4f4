import ArgumentParser
import CommandKit
import Foundation
import Logging
import Postgres
import Runtime
import Spelling
import Store

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Launch a campaign.",
        discussion: """
            Freezes the content, writes one message for each recipient and leaves the sending to the daemons. A campaign \
            is launched once: a second call reports the state of the first run.
            """
    )

    @OptionGroup var campaign: CampaignSelection
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let (opening, quota) = try await database.withPool { pool in
            let launches = LaunchRepository(pool: pool)
            let opening = try await open(launches, pool)
            guard case .opened(let run) = opening else { return (opening, QuotaCheck?.none) }
            return (opening, try await launches.quota(of: run.id, now: Date()))
        }
        switch opening {
        case .opened(let run): print(Self.summary(of: run, as: "launched") + (quota.map(Self.lines(of:)) ?? ""))
        case .underWay(let run): print(Self.summary(of: run, as: "is under way already"))
        case .over(let run): print(Self.summary(of: run, as: "was sent already and is \(run.status.rawValue)"))
        }
    }

    private func open(_ launches: LaunchRepository, _ pool: PostgresPool) async throws -> LaunchRepository.Opening {
        let found = try await campaign.find(pool)
        let opening = try await RunLauncher(launches: launches, logger: .command())
            .launch(.id(found.id), tenant: found.tenantID)
        // Its audience may have grown beyond the policy while the messages were written.
        if case .opened(let run) = opening, run.status == .cancelled {
            throw LaunchRefusal(run: run)
        }
        return opening
    }

    private static func lines(of quota: QuotaCheck) -> String {
        let status = quota.quotaStatus
        let limit =
            status.tierLimit.map { "of \($0.grouped) in 24 h, \((status.remaining ?? 0).grouped) left" }
            ?? "in 24 h, unlimited"
        let lines = "\n  quota       \(status.businessSent24h.grouped) \(limit)"
        return lines + (quota.warning.map { "\n  warning     \($0)" } ?? "")
    }

    private static func unreachable(_ run: RunRecord) -> String {
        guard run.unreachableCount > 0 else { return "" }
        return "\n  unreachable \(run.unreachableCount.grouped) wrote more than 24 h ago, and get no free text"
    }

    private static func summary(of run: RunRecord, as state: String) -> String {
        """
        \(run.tenantID)/\(run.campaignName) \(state): run \(run.id.uuidString.lowercased())
          recipients  \(run.recipientCount.grouped) (\(run.inWindowCount.grouped) in their 24 h window, \
        \(run.outOfWindowCount.grouped) outside)\(unreachable(run))
          sender      \(run.senderName) at \(run.ratePerSecond)/s
          done by     \(run.estimatedCompletionAt.map { $0.formatted(.iso8601) } ?? "unknown")
        """ + (run.status == .paused ? "\n  paused      \(run.statusReason ?? "")" : "")
    }
}

/// A launch that ended before anything was sent.
private struct LaunchRefusal: Error, CustomStringConvertible {
    let run: RunRecord

    var description: String { "\(run.path) was not launched: \(run.statusReason ?? "it was cancelled")" }
}
