import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Does what is left over: cancels the waiting messages of cancelled runs, and sends messages again whose answer was
/// lost, where their sender says so.
///
/// A graceful shutdown ends after the batch at hand; any other daemon goes on.
package struct RunSweeper: Service {
    private static let interval = Duration.seconds(1)

    let runs: RunRepository
    let messages: MessageRepository
    /// How long a lost answer may still be settled by a report of WhatsApp.
    let unconfirmedTimeout: Duration
    let retries: RetryPolicy
    let logger: Logger
    private let clock = ContinuousClock()

    package init(
        runs: RunRepository,
        messages: MessageRepository,
        unconfirmedTimeout: Duration,
        retries: RetryPolicy,
        logger: Logger
    ) {
        self.runs = runs
        self.messages = messages
        self.unconfirmedTimeout = unconfirmedTimeout
        self.retries = retries
        self.logger = logger
    }

    func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                try await retryUnconfirmed()
                while !Task.isShuttingDownGracefully, let step = try await runs.cancelRest() {
                    guard step.isComplete else { continue }
                    let metadata = await runs.metadata(of: step.run)
                    logger.info("Run cancelled to its end", metadata: metadata)
                }
            } catch {
                logger.warning("Leftovers cannot be swept, trying again", metadata: ["error": "\(error)"])
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(for: Self.interval) }
        }
    }

    private func retryUnconfirmed() async throws {
        let retried = try await messages.retryUnconfirmed(
            after: unconfirmedTimeout,
            maximumAttempts: retries.maximumAttempts
        )
        for (run, count) in retried {
            let metadata = await runs.metadata(of: run, ["count": "\(count)"])
            logger.notice("Messages without an answer are sent again", metadata: metadata)
        }
    }
}
