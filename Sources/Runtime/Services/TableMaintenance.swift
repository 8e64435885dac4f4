package import Logging
import ServiceLifecycle
package import Store

/// Periodically deletes expired rows, gives contacts suppressions that they missed, and analyzes tables that have outgrown
/// their statistics.
///
/// Any number of daemons may run one. A graceful shutdown ends after the portion that is being deleted, and after the
/// tables that have been found.
package struct TableMaintenance: Service {
    private static let portion = 5_000

    let housekeeping: HousekeepingRepository
    let statistics: StatisticsRepository
    let consents: ConsentRepository
    let erasure: ContactErasure
    let logger: Logger

    package init(
        housekeeping: HousekeepingRepository,
        statistics: StatisticsRepository,
        consents: ConsentRepository,
        erasure: ContactErasure,
        logger: Logger
    ) {
        (self.housekeeping, self.statistics, self.consents) = (housekeeping, statistics, consents)
        (self.erasure, self.logger) = (erasure, logger)
    }

    func run() async {
        await PeriodicJob.runAll(
            [
                .init(every: .seconds(60), failure: "Could not delete expired rows, trying again", deleteExpired),
                .init(every: .seconds(60), failure: "Could not look for missed opt-outs, trying again") {
                    try await consents.suppressMissed(within: .seconds(300))
                },
                .init(every: .seconds(3600), failure: "Could not look for missed opt-outs of a day, trying again") {
                    try await consents.suppressMissed(within: .seconds(86_400))
                },
                .init(every: .seconds(20), failure: "Could not finish erasures, trying again", erasure.sweep),
                // Tables of a new database outgrow their statistics within seconds.
                .init(every: .seconds(10), failure: "Could not analyze tables, trying again", analyzeOutgrown),
            ],
            logger: logger
        )
    }

    /// Deletes rows that are past their retention, and chunks without open messages.
    private func deleteExpired() async throws {
        try await deleteAll { try await housekeeping.removeChunks(limit: Self.portion) }
        for leftover in HousekeepingRepository.Leftover.allCases {
            try await deleteAll { try await housekeeping.remove(leftover, limit: Self.portion) }
        }
    }

    private func deleteAll(_ delete: () async throws -> Int) async throws {
        while try await delete() == Self.portion, !Task.isShuttingDownGracefully, !Task.isCancelled {}
    }

    /// Analyzes tables; one that another daemon analyzes is left out.
    private func analyzeOutgrown() async throws {
        let tables = try await statistics.refreshOutdated()
        guard !tables.isEmpty else { return }
        let names = tables.map(\.rawValue).joined(separator: ", ")
        logger.debug("Analyzed tables that have grown", metadata: ["tables": "\(names)"])
    }
}
