import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Starts campaigns whose time has come.
///
/// It sleeps until the next time that Postgres knows of, wakes up when there is an earlier one, and looks at least every
/// 30 seconds whatever it was told. Any number of daemons may run one: each time is fired by one of them. A graceful
/// shutdown ends after the time at hand.
package struct Scheduler: Service {
    /// The longest sleep; a clock that was set, or a message that was lost, delays a start by at most this.
    private static let longestSleep = Duration.seconds(30)
    /// After an error.
    private static let pause = Duration.seconds(1)
    /// Many schedules fire at nine o'clock sharp; each takes the count of an audience.
    private static let width = 3

    let schedules: ScheduleRepository
    /// Notified when schedules change; this service is its only waiter.
    let wakeup: WakeSignal
    let logger: Logger
    private let metrics: ScheduleMetrics?
    private let clock = ContinuousClock()

    package init(schedules: ScheduleRepository, wakeup: WakeSignal, logger: Logger, metrics: ScheduleMetrics? = nil) {
        self.schedules = schedules
        self.wakeup = wakeup
        self.logger = logger
        self.metrics = metrics
    }

    func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            var sleep = Self.longestSleep
            do {
                let next = try await schedules.untilNext()
                if let next, next <= .zero { try await fireAllDue() }
                if let next = try await schedules.untilNext() {
                    // What is due still waits for a run to end, or is in another daemon's hands.
                    sleep = next > .zero ? min(next, sleep) : Self.pause
                }
            } catch {
                logger.warning("Schedules cannot be looked at, trying again", metadata: ["error": "\(error)"])
                sleep = Self.pause
            }
            let limit = sleep
            // A shutdown ends the wait, and then the loop.
            await cancelWhenGracefulShutdown { await self.wakeup.wait(upTo: limit, clock: self.clock) }
        }
    }

    private func fireAllDue() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<Self.width {
                group.addTask {
                    while !Task.isShuttingDownGracefully, let firing = try await schedules.fireNext() { report(firing) }
                    while !Task.isShuttingDownGracefully, let firing = try await schedules.startNext() {
                        report(firing)
                    }
                }
            }
        }
    }

    private func report(_ firing: Firing) {
        metrics?.count(firing)
        var metadata: Logger.Metadata = [
            "tenant": "\(firing.tenantID)", "campaignId": "\(firing.campaignID.uuidString.lowercased())",
            "scheduledFor": "\(firing.scheduledFor.formatted(.iso8601))",
            "lag": "\(firing.lag.formatted(.number.precision(.fractionLength(3))))",
        ]
        if let schedule = firing.schedule { metadata["schedule"] = "\(schedule.uuidString.lowercased())" }
        switch firing.outcome {
        case .started(let run):
            metadata["run"] = "\(run.uuidString.lowercased())"
            logger.info("Campaign started on schedule", metadata: metadata)
        case .skipped(let reason):
            metadata["reason"] = "\(reason)"
            logger.notice("A scheduled start was left out", metadata: metadata)
        case .failed(let reason):
            metadata["reason"] = "\(reason)"
            logger.error("A campaign could not start on schedule", metadata: metadata)
        case .ended:
            logger.info("A schedule has come to its end", metadata: metadata)
        }
    }
}
