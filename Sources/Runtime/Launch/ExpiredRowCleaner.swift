package import Logging
import ServiceLifecycle
package import Store

/// Periodically deletes rows that are past their retention, and chunks without open messages.
///
/// Any number of daemons may run one. A graceful shutdown ends after the portion that is being deleted.
package struct ExpiredRowCleaner: Service {
    private static let interval = Duration.seconds(60)
    private static let portion = 5_000

    let housekeeping: HousekeepingRepository
    let logger: Logger

    package init(housekeeping: HousekeepingRepository, logger: Logger) {
        self.housekeeping = housekeeping
        self.logger = logger
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not delete expired rows, trying again"
        )
        await loop.run {
            try await deleteAll { try await housekeeping.removeChunks(limit: Self.portion) }
            for leftover in HousekeepingRepository.Leftover.allCases {
                try await deleteAll { try await housekeeping.remove(leftover, limit: Self.portion) }
            }
        }
    }

    private func deleteAll(_ delete: () async throws -> Int) async throws {
        while try await delete() == Self.portion, !Task.isShuttingDownGracefully, !Task.isCancelled {}
    }
}
