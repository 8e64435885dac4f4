package import Logging
import ServiceLifecycle
package import Store

/// Removes leftovers now and then, a portion at a time.
///
/// Several daemons may do it at once. A graceful shutdown ends after the portion at hand.
package struct Housekeeper: Service {
    private static let interval = Duration.seconds(60)
    private static let portion = 5_000

    let housekeeping: HousekeepingRepository
    let logger: Logger
    private let clock = ContinuousClock()

    package init(housekeeping: HousekeepingRepository, logger: Logger) {
        self.housekeeping = housekeeping
        self.logger = logger
    }

    func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                try await removeAll { try await housekeeping.removeChunks(limit: Self.portion) }
                for leftover in HousekeepingRepository.Leftover.allCases {
                    try await removeAll { try await housekeeping.remove(leftover, limit: Self.portion) }
                }
            } catch {
                logger.warning("Leftovers cannot be removed, trying again", metadata: ["error": "\(error)"])
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(for: Self.interval) }
        }
    }

    private func removeAll(_ remove: () async throws -> Int) async throws {
        while try await remove() == Self.portion, !Task.isShuttingDownGracefully, !Task.isCancelled {}
    }
}
