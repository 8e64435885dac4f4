import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Periodically says that this daemon runs, and which of its lanes cannot send.
///
/// One statement, every few seconds and soon after a lane begins or ends to wait. The first one follows the session that shows
/// that the daemon lives, so that others notice when it dies: its lanes wait for that statement. When no daemon has said so for 15 s,
/// commands and the API tell that none runs.
package struct Heartbeat: Service {
    private static let interval = Duration.seconds(5)
    /// Time between two statements when many lanes change.
    private static let shortestInterval = Duration.seconds(1)
    /// Longest wait for the session that shows that the daemon lives, before the first statement.
    private static let patience = Duration.seconds(1)

    private let id = UUID()
    private let version: String
    private let daemons: DaemonRepository
    private let workers: LaneDirectory
    private let presence: DaemonPresence
    private let wakeup: WakeSignal
    private let logger: Logger

    /// Makes a heartbeat.
    ///
    /// - Parameters:
    ///   - version: The version of the daemon.
    ///   - daemons: The table of heartbeats.
    ///   - services: The lanes.
    ///   - logger: The log.
    package init(version: String, daemons: DaemonRepository, services: LaneServices, logger: Logger) {
        (self.version, self.daemons, self.logger) = (version, daemons, logger)
        (workers, presence, wakeup) = (services.workers, services.presence, services.reports)
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            atMostEvery: Self.shortestInterval,
            wakeup: wakeup,
            isVital: true,
            logger: logger,
            failure: "Could not write the heartbeat, trying again"
        )
        await cancelWhenGracefulShutdown {
            await self.presence.opened.wait(upTo: Self.patience, clock: ContinuousClock())
        }
        await loop.run {
            try await daemons.beat(id, version: version, number: presence.shownNumber, lanes: workers.reports)
            presence.announced.notify()
        }
        // A daemon that is cancelled has not been told to stop, and counts as one that died.
        guard Task.isShuttingDownGracefully, !Task.isCancelled else { return }
        do {
            try await daemons.end(id)
        } catch {
            logger.warning(
                "Could not record the stop, the daemon will be listed as one that died",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
