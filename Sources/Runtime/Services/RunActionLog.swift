import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Logs what commands do to campaigns: who launched, paused, resumed or cancelled one, and why.
///
/// A command's own output goes to the terminal of one person. What a daemon does by itself, or is asked for over the API, it
/// logs at once. Every daemon logs the commands, soon after their NOTIFY; those from before its start it does not.
package struct RunActionLog: Service {
    private static let interval = Duration.seconds(30)
    /// Time between two looks when many runs change.
    private static let shortestInterval = Duration.seconds(1)
    /// The most actions between two looks that are logged.
    private static let limit = 100

    private let actions: RunActionRepository
    private let wakeup: WakeSignal?
    private let logger: Logger

    /// Makes a log.
    ///
    /// - Parameters:
    ///   - actions: The table of actions.
    ///   - wakeup: Notified when runs change; this service is its only waiter.
    ///   - logger: The log.
    package init(actions: RunActionRepository, wakeup: WakeSignal? = nil, logger: Logger) {
        (self.actions, self.wakeup, self.logger) = (actions, wakeup, logger)
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            atMostEvery: Self.shortestInterval,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not read the actions on campaigns, trying again"
        )
        var seen: Set<Int>?
        await loop.run {
            let latest = try await actions.latest(limit: Self.limit)
            if let seen {
                for entry in latest where !seen.contains(entry.id) && entry.action.actor.isCommand { log(entry) }
            }
            seen = Set(latest.map(\.id))
        }
    }

    private func log(_ entry: RunActionRepository.Entry) {
        var metadata: Logger.Metadata = [
            "tenant": "\(entry.tenantID)", "campaign": "\(entry.campaignName)", "who": "\(entry.action.actor)",
            "run": "\(entry.runID.uuidString.lowercased())",
        ]
        if let reason = entry.action.reason { metadata["reason"] = "\(reason)" }
        logger.notice("Campaign \(entry.action.kind.past)", metadata: metadata)
    }
}
