import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Pauses runs that a guard stops, and runs of which WhatsApp reports that none of their messages can be delivered.
///
/// The guards count in Postgres, in the statements that write outcomes and reports, so they hold over all daemons. A
/// service looks once a second for runs whose daemon died after it had counted, and for shares of failures.
package struct RunGuards: Service {
    private static let interval = Duration.seconds(1)

    let runs: RunRepository
    let metrics: GuardMetrics?
    let logger: Logger

    package init(runs: RunRepository, metrics: GuardMetrics? = nil, logger: Logger) {
        self.runs = runs
        self.metrics = metrics
        self.logger = logger
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not check runs for failures, trying again"
        )
        await loop.run {
            for pause in try await runs.pauseGuarded() { await report(pause) }
        }
    }

    /// Pauses runs whose messages fail alike.
    ///
    /// The failures are committed already, so an error is only logged: the service tries again.
    func pause(_ alike: [AlikeRefusals]) async {
        for refusals in alike {
            do {
                if let pause = try await runs.pause(refusals) { await report(pause) }
            } catch {
                logger.warning(
                    "Could not pause a run whose messages fail alike, trying again",
                    metadata: ["run": "\(refusals.run.uuidString.lowercased())", "error": "\(error)"]
                )
            }
        }
    }

    /// Pauses the runs of failures that concern all their messages.
    ///
    /// - Throws: `PostgresError`; WhatsApp then repeats the reports.
    func pause(_ stops: [StatusEffects.Stop]) async throws {
        for stop in stops {
            let reason = "reported by WhatsApp: \(stop.failure.text)"
            guard try await runs.pause(stop, reason: reason) else { continue }
            let actor = RunActor.guardRail(for: stop.failure.scope, otherwise: .webhook)
            let metadata = await runs.metadata(of: stop.run, ["reason": "\(reason)", "who": "\(actor)"])
            logger.error("Campaign paused", metadata: metadata)
        }
    }

    private func report(_ pause: GuardPause) async {
        metrics?.count(pause.guarding)
        let facts: Logger.Metadata = ["guard": "\(pause.guarding.rawValue)", "reason": "\(pause.reason)"]
        let metadata = await runs.metadata(of: pause.run, facts)
        logger.error("Campaign paused by a guard", metadata: metadata)
    }
}
