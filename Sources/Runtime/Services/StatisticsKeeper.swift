package import Logging
import ServiceLifecycle
package import Store

/// Periodically analyzes tables that have outgrown their statistics, from the first seconds of a new database on.
///
/// Any number of daemons may run one: a table that another one analyzes is left out. A graceful shutdown ends after the
/// tables that have been found.
package struct StatisticsKeeper: Service {
    private static let interval = Duration.seconds(10)

    let statistics: StatisticsRepository
    let logger: Logger

    package init(statistics: StatisticsRepository, logger: Logger) {
        self.statistics = statistics
        self.logger = logger
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not analyze tables, trying again"
        )
        await loop.run {
            let tables = try await statistics.refreshOutdated()
            guard !tables.isEmpty else { return }
            logger.debug(
                "Analyzed tables that have grown",
                metadata: ["tables": "\(tables.map(\.rawValue).joined(separator: ", "))"]
            )
        }
    }
}
