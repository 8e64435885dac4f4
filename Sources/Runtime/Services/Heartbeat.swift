import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Periodically says that this daemon runs, and which of its lanes cannot send.
///
/// One statement, every few seconds and soon after a lane begins or ends to wait. When no daemon has said so for 15 s,
/// commands and the API tell that none runs.
package struct Heartbeat: Service {
    private static let interval = Duration.seconds(5)
    /// Time between two statements when many lanes change.
    private static let shortestInterval = Duration.seconds(1)

    private let id = UUID()
    private let version: String
    private let daemons: DaemonRepository
    private let workers: LaneDirectory
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
        (workers, wakeup) = (services.workers, services.reports)
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            atMostEvery: Self.shortestInterval,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not write the heartbeat, trying again"
        )
        await loop.run {
            try await daemons.beat(id, version: version, lanes: workers.reports)
        }
    }
}
