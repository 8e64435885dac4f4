import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Periodically queues unconfirmed messages again: those without an answer of the provider and without a status for the
/// unconfirmed timeout, of senders whose policy is `retry`.
///
/// Any number of daemons may run one. A graceful shutdown ends after the current statement.
package struct UnconfirmedMessageRetrier: Service {
    private static let interval = Duration.seconds(1)

    let runs: RunRepository
    let messages: MessageRepository
    /// Time in which a status may still settle a message after its answer was lost.
    let unconfirmedTimeout: Duration
    let retries: RetryPolicy
    let logger: Logger

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
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not retry unconfirmed messages, trying again"
        )
        await loop.run {
            let retried = try await messages.retryUnconfirmed(
                after: unconfirmedTimeout,
                maximumAttempts: retries.maximumAttempts
            )
            for (run, count) in retried {
                let metadata = await runs.metadata(of: run, ["count": "\(count)"])
                logger.notice("Unconfirmed messages queued again", metadata: metadata)
            }
        }
    }
}
