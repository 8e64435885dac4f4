package import Logging
import ServiceLifecycle
package import Store

/// Periodically deletes expired rows and those that are past the retention of their tenant, gives contacts suppressions that
/// they missed, and analyzes tables that have outgrown their statistics.
///
/// Any number of daemons may run one. A graceful shutdown ends after the portion that is being deleted, and after the
/// tables that have been found.
package struct TableMaintenance: Service {
    private static let portion = 5_000
    /// Portions of one kind of a tenant in a row: rows of all tenants go in turn, and other work gets at the disk.
    private static let portionsInARow = 100

    let housekeeping: HousekeepingRepository
    let statistics: StatisticsRepository
    let consents: ConsentRepository
    let erasure: ContactErasure
    let retention: RetentionRepository
    let media: MediaRepository
    let logger: Logger

    package init(
        housekeeping: HousekeepingRepository,
        statistics: StatisticsRepository,
        consents: ConsentRepository,
        erasure: ContactErasure,
        retention: RetentionRepository,
        media: MediaRepository,
        logger: Logger
    ) {
        (self.housekeeping, self.statistics, self.consents) = (housekeeping, statistics, consents)
        (self.erasure, self.retention, self.media, self.logger) = (erasure, retention, media, logger)
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
                .init(every: .seconds(20), failure: "Could not finish erasures, trying again") {
                    try await erasure.sweep(hours: 1)
                },
                // Those that no daemon could finish for longer.
                .init(every: .seconds(3_600), failure: "Could not finish erasures of the last day, trying again") {
                    try await erasure.sweep()
                },
                .init(
                    every: .seconds(600),
                    failure: "Could not delete rows past the retention of their tenant, trying again",
                    retain
                ),
                .init(every: .seconds(3_600), failure: "Could not delete files that no spec names, trying again") {
                    _ = try await media.removeUnused()
                },
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

    /// Deletes rows past the retention of their tenants.
    ///
    /// A kind that fails does not keep the others waiting.
    private func retain() async throws {
        var failure: (any Error)?
        for order in try await retention.orders() {
            do {
                let deleted = try await delete(order)
                guard deleted > 0 else { continue }
                logger.info(
                    "Deleted rows past the retention of their tenant",
                    metadata: ["tenant": "\(order.tenantID)", "kind": "\(order.kind.rawValue)", "rows": "\(deleted)"]
                )
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private func delete(_ order: RetentionRepository.Order) async throws -> Int {
        var deleted = 0
        for _ in 1...Self.portionsInARow where !Task.isShuttingDownGracefully && !Task.isCancelled {
            let portion = try await retention.delete(order)
            deleted += portion.deleted
            guard portion.hasMore else { break }
        }
        return deleted
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
