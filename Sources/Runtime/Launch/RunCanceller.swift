import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Periodically cancels the waiting messages of cancelled runs, a batch at a time.
///
/// Any number of daemons may run one. A graceful shutdown ends after the current batch; another daemon continues.
package struct RunCanceller: Service {
    private static let interval = Duration.seconds(1)

    let runs: RunRepository
    let logger: Logger

    package init(runs: RunRepository, logger: Logger) {
        self.runs = runs
        self.logger = logger
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not cancel messages of cancelled runs, trying again"
        )
        await loop.run {
            while !Task.isShuttingDownGracefully, let step = try await runs.cancelRest() {
                guard step.isComplete else { continue }
                let metadata = await runs.metadata(of: step.run)
                logger.info("Run cancelled, no message is left", metadata: metadata)
            }
        }
    }
}
