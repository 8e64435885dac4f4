import Foundation
package import Logging
import ServiceLifecycle
package import Store

/// Fires schedules: starts their campaigns when an occurrence is due, and those that waited for WhatsApp.
///
/// It sleeps until the next occurrence in Postgres, wakes up when an earlier one is added, and looks at least every 30
/// seconds. Any number of daemons may run one: each occurrence is fired by one of them. A graceful shutdown ends after the
/// current occurrence.
package struct Scheduler: Service {
    /// Longest sleep: a clock that was set, or a notification that was lost, delays a start by at most this.
    private static let longestSleep = Duration.seconds(30)
    /// Wait for an occurrence that is due and cannot be fired yet.
    private static let pause = Duration.seconds(1)
    /// Occurrences that are fired at the same time: many are due at nine o'clock, and each counts an audience.
    private static let width = 3

    let schedules: ScheduleRepository
    /// Notified when schedules change; this service is its only waiter.
    let wakeup: WakeSignal
    let logger: Logger
    private let metrics: ScheduleMetrics?

    package init(schedules: ScheduleRepository, wakeup: WakeSignal, logger: Logger, metrics: ScheduleMetrics? = nil) {
        self.schedules = schedules
        self.wakeup = wakeup
        self.logger = logger
        self.metrics = metrics
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.longestSleep,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not fire schedules, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            let due = try await schedules.untilNext()
            if let due, due <= .zero { try await fireAllDue() }
            try await startApproved()
            guard let next = try await schedules.untilNext() else { return .wait }
            // An occurrence that is still due waits for a run to end, or another daemon is firing it.
            return .waitFor(next > .zero ? min(next, Self.longestSleep) : Self.pause)
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

    /// Starts what waited for the approval of its template; daemons are told when WhatsApp gives one.
    private func startApproved() async throws {
        for start in try await schedules.waitingStarts() where !Task.isShuttingDownGracefully {
            if let firing = try await schedules.settle(start) { report(firing) }
        }
    }

    private func report(_ firing: Firing) {
        metrics?.count(firing)
        var metadata: Logger.Metadata = [
            "tenant": "\(firing.tenantID)", "campaignId": "\(firing.campaignID.uuidString.lowercased())",
            "scheduledFor": "\(firing.scheduledFor.formatted(.iso8601))",
        ]
        metadata["lag"] = firing.lag.map { "\($0.formatted(.number.precision(.fractionLength(3))))" }
        if let schedule = firing.schedule { metadata["schedule"] = "\(schedule.uuidString.lowercased())" }
        switch firing.outcome {
        case .started(let run):
            metadata["run"] = "\(run.uuidString.lowercased())"
            logger.info("Campaign started on schedule", metadata: metadata)
        case .skipped(let reason):
            metadata["reason"] = "\(reason)"
            logger.notice("Scheduled start skipped", metadata: metadata)
        case .failed(let reason):
            metadata["reason"] = "\(reason)"
            logger.error("Scheduled start failed", metadata: metadata)
        case .waits(let reason):
            metadata["reason"] = "\(reason)"
            logger.notice("Scheduled start waits for WhatsApp", metadata: metadata)
        case .ended:
            logger.info("Schedule ended", metadata: metadata)
        }
    }
}
