package import Logging
import ServiceLifecycle
package import Store

/// Periodically has messages fed again that waited because WhatsApp caps their recipients.
///
/// Any number of daemons may run one. A graceful shutdown ends after the batch that is being fed.
package struct CappedMessageRetrier: Service {
    private static let interval = Duration.seconds(1)
    private static let batch = 1_000

    private let runs: RunRepository
    private let messages: MessageRepository
    private let logger: Logger

    package init(runs: RunRepository, messages: MessageRepository, logger: Logger) {
        (self.runs, self.messages, self.logger) = (runs, messages, logger)
    }

    package func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not retry messages that WhatsApp capped, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            let fed = try await messages.feedCapped(limit: Self.batch)
            for (run, count) in fed {
                let metadata = await runs.metadata(of: run, ["messages": "\(count)"])
                logger.info("Capped messages queued again", metadata: metadata)
            }
            return fed.values.reduce(0, +) == Self.batch ? .again : .wait
        }
    }
}
