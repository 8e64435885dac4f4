import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Periodically completes, cancels and resumes runs, and queues unconfirmed, capped and quiet messages again.
///
/// Any number of daemons may run one. A graceful shutdown ends after the current statements; another daemon continues.
package struct RunMaintenance: Service {
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
        let second = Duration.seconds(1)
        await PeriodicJob.runAll(
            [
                .init(every: second, failure: "Could not complete runs, trying again", completeFinished),
                .init(every: second, failure: "Could not resume runs that wait for quota, trying again", resumeWaiting),
                .init(every: second, failure: "Could not cancel messages of cancelled runs, trying again", cancelRest),
                .init(every: second, failure: "Could not end tests, trying again", endTests),
                .init(every: second, failure: "Could not retry unconfirmed messages, trying again", retryUnconfirmed),
                .init(
                    every: second,
                    failure: "Could not retry messages that WhatsApp capped, trying again",
                    feedCapped
                ),
                .init(every: second, failure: "Could not queue messages after quiet hours, trying again", feedQuiet),
                .init(
                    every: .seconds(60),
                    failure: "Could not have runs follow the category of their template, trying again",
                    runs.followCategories
                ),
                .init(every: .seconds(5), failure: "Could not renew estimates, trying again", renewEstimates),
            ],
            logger: logger
        )
    }

    /// Completes runs that have nothing left to send, after a recount of their rows.
    private func completeFinished() async throws {
        for completion in try await runs.completeFinished(unconfirmedTimeout: unconfirmedTimeout) {
            let metadata = await runs.metadata(of: completion.run)
            if let corrected = completion.corrected {
                let counters: Logger.Metadata = ["counted": "\(corrected.counted)", "rows": "\(corrected.rows)"]
                logger.error("Corrected run counters", metadata: metadata.merging(counters) { _, new in new })
            }
            if completion.isCompleted { logger.info("Run completed", metadata: metadata) }
        }
    }

    /// Resumes runs that were paused for lack of quota, once the quota has returned.
    private func resumeWaiting() async throws {
        for run in try await runs.resumeWhereQuotaReturned() {
            let metadata = await runs.metadata(of: run)
            logger.notice("Quota returned, campaign resumed", metadata: metadata)
        }
    }

    /// Estimates the costs of runs anew whose template has another category than at the launch.
    private func renewEstimates() async throws {
        for run in try await runs.renewEstimates() {
            let metadata = await runs.metadata(of: run)
            logger.notice("Costs estimated anew, the category of the template has changed", metadata: metadata)
        }
    }

    /// Cancels tests that were paused, because a test cannot be resumed, and those that were not sent within a day.
    private func endTests() async throws {
        for run in try await runs.endTests() {
            let metadata = await runs.metadata(of: run)
            logger.notice("Test cancelled", metadata: metadata)
        }
    }

    /// Cancels the waiting messages of cancelled runs, a batch at a time.
    private func cancelRest() async throws {
        while !Task.isShuttingDownGracefully, let step = try await runs.cancelRest() {
            guard step.isComplete else { continue }
            let metadata = await runs.metadata(of: step.run)
            logger.info("Run cancelled, no message is left", metadata: metadata)
        }
    }

    /// Queues messages again that waited because WhatsApp caps their recipients, a batch at a time.
    private func feedCapped() async throws {
        let batch = 1_000
        var isFull = true
        while isFull, !Task.isShuttingDownGracefully {
            let fed = try await messages.feedCapped(limit: batch)
            for (run, count) in fed {
                let metadata = await runs.metadata(of: run, ["messages": "\(count)"])
                logger.info("Capped messages queued again", metadata: metadata)
            }
            isFull = fed.values.reduce(0, +) == batch
        }
    }

    /// Queues messages again that waited for the end of quiet hours on the clock of their contact, a batch at a time.
    private func feedQuiet() async throws {
        let batch = 5_000
        var isFull = true
        while isFull, !Task.isShuttingDownGracefully {
            let fed = try await messages.feedQuiet(limit: batch)
            for (run, count) in fed {
                let metadata = await runs.metadata(of: run, ["messages": "\(count)"])
                logger.info("Quiet hours of contacts ended, messages queued again", metadata: metadata)
            }
            isFull = fed.values.reduce(0, +) == batch
        }
    }

    /// Queues unconfirmed messages again: those without an answer of the provider and without a status for the unconfirmed
    /// timeout, of senders whose policy is `retry`.
    private func retryUnconfirmed() async throws {
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

extension RunRepository {
    /// Returns the log metadata of a run: tenant, campaign and id.
    ///
    /// Costs a query, so it is for events that happen once in a run. If Postgres does not answer, the metadata is the id
    /// alone, because the event must be logged in any case.
    func metadata(of run: UUID, _ more: Logger.Metadata = [:]) async -> Logger.Metadata {
        var metadata: Logger.Metadata = ["run": "\(run.uuidString.lowercased())"]
        if let record = try? await find(run) {
            metadata["tenant"] = "\(record.tenantID)"
            metadata["campaign"] = "\(record.campaignName)"
        }
        return metadata.merging(more) { _, new in new }
    }
}
