import Foundation
public import Logging
import Postgres
public import ServiceLifecycle
public import Store

/// Launches campaigns: opens runs, and writes their messages batch by batch.
///
/// As a service it periodically continues launches that another process began and did not finish. A graceful shutdown
/// ends after the current batch; another daemon continues from there.
public struct RunLauncher: Service {
    private static let interval = Duration.seconds(2)

    private let launches: LaunchRepository
    private let logger: Logger
    /// Notified when a run is opened.
    private let wakeup: WakeSignal

    public init(launches: LaunchRepository, logger: Logger) {
        self.init(launches: launches, wakeup: WakeSignal(), logger: logger)
    }

    package init(launches: LaunchRepository, wakeup: WakeSignal, logger: Logger) {
        self.launches = launches
        self.wakeup = wakeup
        self.logger = logger
    }

    public func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not continue launches, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            var isBusy = false
            // One batch of each launch in turn, so a small launch does not wait for a big one.
            for run in try await launches.unfinished() where !Task.isShuttingDownGracefully {
                do {
                    let (record, isCompleting) = try await launches.writeBatch(of: run)
                    isBusy = record.status == .launching || isBusy
                    if isCompleting, record.status == .running { report(record) }
                    if isCompleting, record.status == .cancelled { reportRefused(record) }
                } catch  where !((error as? PostgresError)?.isTransient ?? (error is CancellationError)) {
                    // One launch that cannot go on must not hold up those after it.
                    logger.error(
                        "Could not continue a launch, trying again",
                        metadata: ["run": "\(run.uuidString.lowercased())", "error": "\(error)"]
                    )
                }
            }
            return isBusy ? .again : .wait
        }
    }

    private func report(_ run: RunRecord) {
        logger.info(
            "Campaign launched",
            metadata: [
                "tenant": "\(run.tenantID)", "campaign": "\(run.campaignName)",
                "run": "\(run.id.uuidString.lowercased())", "recipients": "\(run.recipientCount)",
            ]
        )
    }

    private func reportRefused(_ run: RunRecord) {
        logger.warning(
            "Launch refused by the policy",
            metadata: [
                "tenant": "\(run.tenantID)", "campaign": "\(run.campaignName)",
                "run": "\(run.id.uuidString.lowercased())", "reason": "\(run.statusReason ?? "")",
            ]
        )
    }

    /// Launches a campaign, or returns the run of an earlier launch.
    ///
    /// - Parameters:
    ///   - campaign: The campaign's name.
    ///   - tenant: The campaign's tenant.
    ///   - actor: Who launches it.
    ///   - progress: Called after each batch.
    /// - Returns: The run, new or old.
    /// - Throws: `LaunchError` when it cannot be launched; nothing was changed then.
    public func launch(
        campaign: String,
        tenant: String,
        by actor: RunActor = .daemon,
        progress: @Sendable (RunRecord) -> Void = { _ in }
    ) async throws -> LaunchRepository.Opening {
        try await launch(.name(campaign), tenant: tenant, by: actor, progress: progress)
    }

    /// Launches a campaign that is given by name or id.
    public func launch(
        _ campaign: CampaignKey,
        tenant: String,
        by actor: RunActor = .daemon,
        progress: @Sendable (RunRecord) -> Void = { _ in }
    ) async throws -> LaunchRepository.Opening {
        switch try await launches.open(campaign, tenant: tenant, by: actor).opening {
        case .over(let run): .over(run)
        case .underWay(let run): .underWay(try await finish(run.id, progress: progress))
        case .opened(let run): .opened(try await finish(run.id, progress: progress))
        }
    }

    /// Launches a completed campaign once more, or returns the run that an earlier call with the key opened.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The campaign's tenant.
    ///   - key: The caller's own name for this launch.
    ///   - actor: Who launches it.
    /// - Returns: The run with all its messages, and whether it is new.
    /// - Throws: `LaunchError` when it cannot be launched; nothing was changed then.
    public func launchAgain(
        _ campaign: CampaignKey,
        tenant: String,
        key: String,
        by actor: RunActor = .daemon
    ) async throws -> (run: RunRecord, isNew: Bool) {
        let opened = try await launches.openAgain(campaign, tenant: tenant, key: key, by: actor)
        return (try await finish(opened.run.id), opened.isNew)
    }

    private func finish(_ id: UUID, progress: @Sendable (RunRecord) -> Void = { _ in }) async throws -> RunRecord {
        while true {
            let run = try await launches.writeBatch(of: id).run
            progress(run)
            if run.status != .launching || Task.isShuttingDownGracefully || Task.isCancelled { return run }
        }
    }
}
