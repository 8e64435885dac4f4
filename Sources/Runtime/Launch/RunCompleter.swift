import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Periodically completes runs that have nothing left to send, after a recount of their rows.
///
/// Any number of daemons may run one. A graceful shutdown ends after the current statement.
package struct RunCompleter: Service {
    private static let interval = Duration.seconds(1)

    let runs: RunRepository
    /// Time in which a status may still settle a message after its answer was lost.
    let unconfirmedTimeout: Duration
    let logger: Logger

    package init(runs: RunRepository, unconfirmedTimeout: Duration, logger: Logger) {
        self.runs = runs
        self.unconfirmedTimeout = unconfirmedTimeout
        self.logger = logger
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not complete runs, trying again"
        )
        await loop.run {
            for completion in try await runs.completeFinished(unconfirmedTimeout: unconfirmedTimeout) {
                await report(completion)
            }
        }
    }

    private func report(_ completion: RunRepository.Completion) async {
        let metadata = await runs.metadata(of: completion.run)
        if let corrected = completion.corrected {
            logger.error(
                "Corrected run counters",
                metadata: metadata.merging(
                    ["counted": "\(corrected.counted)", "rows": "\(corrected.rows)"]
                ) { _, new in new }
            )
        }
        if completion.isCompleted { logger.info("Run completed", metadata: metadata) }
    }
}

/// Periodically resumes runs that were paused for lack of quota, once the quota has returned.
///
/// Any number of daemons may run one. A graceful shutdown ends after the current statement.
package struct QuotaResumer: Service {
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
            failure: "Could not resume runs that wait for quota, trying again"
        )
        await loop.run {
            for run in try await runs.resumeWhereQuotaReturned() {
                let metadata = await runs.metadata(of: run)
                logger.notice("Quota returned, campaign resumed", metadata: metadata)
            }
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
