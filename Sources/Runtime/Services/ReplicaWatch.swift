package import Logging
package import Postgres
import ServiceLifecycle
package import Store

/// Measures the age of the replica every second, so that reads know whether they may go there.
///
/// A replica that cannot be asked is not read until it answers again. If the primary cannot be asked, the last measurement
/// ages.
package struct ReplicaWatch: Service {
    private static let interval = Duration.seconds(1)

    private let replica: ReplicaRepository
    private let standing: ReplicaStanding
    private let maximumAge: Duration
    private let logger: Logger

    /// Makes the watch.
    ///
    /// - Parameters:
    ///   - replica: The two servers.
    ///   - standing: Receives the measurements.
    ///   - maximumAge: The greatest age that matters.
    ///   - logger: The log.
    package init(replica: ReplicaRepository, standing: ReplicaStanding, maximumAge: Duration, logger: Logger) {
        (self.replica, self.standing, self.maximumAge, self.logger) = (replica, standing, maximumAge, logger)
    }

    package func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not ask Postgres for the end of its log, trying again"
        )
        var ages = ReplicaAge(upTo: maximumAge)
        await loop.run {
            let asked = ContinuousClock.now
            let end = try await replica.end()
            do {
                let progress = try await replica.progress()
                let now = ContinuousClock.now
                guard let age = try ages.age(of: progress, end: end, asked: asked, now: now) else { return }
                standing.note(age: age, at: now)
            } catch  where !Task.isCancelled {
                standing.refuse(because: "\(error)")
            }
        }
    }
}
