import Foundation
public import Logging
public import ServiceLifecycle
public import Store

/// Launches campaigns: opens runs, and writes their messages batch by batch.
///
/// As a service it also finishes launches that somebody else began and did not end. A graceful shutdown ends after the
/// batch at hand; the next daemon goes on after it.
public struct RunLauncher: Service {
    private static let interval = Duration.seconds(2)

    private let launches: LaunchRepository
    private let logger: Logger
    /// Notified when a run is opened.
    private let wakeup: WakeSignal
    private let clock = ContinuousClock()

    public init(launches: LaunchRepository, logger: Logger) {
        self.init(launches: launches, wakeup: WakeSignal(), logger: logger)
    }

    package init(launches: LaunchRepository, wakeup: WakeSignal, logger: Logger) {
        self.launches = launches
        self.wakeup = wakeup
        self.logger = logger
    }

    public func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            var isBusy = false
            do {
                // A batch of each in turn: a small launch does not stand behind a big one.
                for run in try await launches.unfinished() where !Task.isShuttingDownGracefully {
                    let (record, isCompleting) = try await launches.writeBatch(of: run)
                    isBusy = record.status == .launching || isBusy
                    if isCompleting, record.status == .running { report(record) }
                }
            } catch {
                logger.warning("Launches cannot go on, trying again", metadata: ["error": "\(error)"])
                isBusy = false
            }
            if isBusy { continue }
            // A shutdown ends the wait, and then the loop.
            await cancelWhenGracefulShutdown { await self.wakeup.wait(upTo: Self.interval, clock: self.clock) }
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

    /// Launches a campaign, or says what became of it when it was launched before.
    ///
    /// - Parameters:
    ///   - campaign: The campaign's name.
    ///   - tenant: Whose it is.
    ///   - progress: Called after each batch.
    /// - Returns: The run, new or old.
    /// - Throws: `LaunchError` when it cannot be launched; nothing has happened then.
    public func launch(
        campaign: String,
        tenant: String,
        progress: @Sendable (RunRecord) -> Void = { _ in }
    ) async throws -> LaunchRepository.Opening {
        switch try await launches.open(campaign: campaign, tenant: tenant) {
        case .over(let run): .over(run)
        case .underWay(let run): .underWay(try await finish(run.id, progress: progress))
        case .opened(let run): .opened(try await finish(run.id, progress: progress))
        }
    }

    private func finish(_ id: UUID, progress: @Sendable (RunRecord) -> Void = { _ in }) async throws -> RunRecord {
        while true {
            let run = try await launches.writeBatch(of: id).run
            progress(run)
            if run.status != .launching || Task.isShuttingDownGracefully || Task.isCancelled { return run }
        }
    }
}
