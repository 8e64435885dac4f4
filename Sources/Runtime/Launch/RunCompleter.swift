import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Brings runs forward that wait for nobody: completes those that have nothing left to send, after counting their rows
/// once more, and resumes those for which quota has returned.
package struct RunCompleter: Service {
    private static let interval = Duration.seconds(1)

    let runs: RunRepository
    /// How long a lost answer may still be settled by a report of WhatsApp.
    let unconfirmedTimeout: Duration
    let logger: Logger
    private let clock = ContinuousClock()

    package init(runs: RunRepository, unconfirmedTimeout: Duration, logger: Logger) {
        self.runs = runs
        self.unconfirmedTimeout = unconfirmedTimeout
        self.logger = logger
    }

    func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                for run in try await runs.resumeWhereQuotaReturned() {
                    let metadata = await runs.metadata(of: run)
                    logger.notice("Quota has returned, campaign resumed", metadata: metadata)
                }
                for completion in try await runs.completeFinished(unconfirmedTimeout: unconfirmedTimeout) {
                    await report(completion)
                }
            } catch {
                logger.warning("Runs cannot be completed, trying again", metadata: ["error": "\(error)"])
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(for: Self.interval) }
        }
    }

    private func report(_ completion: RunRepository.Completion) async {
        let metadata = await runs.metadata(of: completion.run)
        if let corrected = completion.corrected {
            logger.error(
                "Counters did not equal the rows, and do now",
                metadata: metadata.merging(
                    ["counted": "\(corrected.counted)", "rows": "\(corrected.rows)"]
                ) { _, new in new }
            )
        }
        if completion.isCompleted { logger.info("Run completed", metadata: metadata) }
    }
}
