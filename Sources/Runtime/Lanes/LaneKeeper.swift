import Foundation
import Logging
import Redis
import ServiceLifecycle
import Store

/// Periodically starts and stops the workers of lanes, one worker with its maintenance per lane that has messages to send.
///
/// It looks for lanes every second and whenever a run changes. ``LaneMaintenance`` takes over expired leases and rebuilds
/// lost lanes; ``StaleLaneCleaner`` runs once at the start. A graceful shutdown ends after the workers have ended.
package final class LaneKeeper: Service, Sendable {
    private static let interval = Duration.seconds(1)
    /// Longest wait for the first heartbeat; without one, leases of this daemon expire in their own time after a crash.
    private static let patience = Duration.seconds(2)

    private let services: LaneServices
    private let wakeup: WakeSignal
    private let feeder: WakeSignal?

    /// Makes a keeper.
    ///
    /// - Parameters:
    ///   - services: Parts that all lanes share.
    ///   - wakeup: Notified when runs change; this service is its only waiter.
    ///   - feeder: Notified when there are more lanes to feed.
    package init(services: LaneServices, wakeup: WakeSignal, feeder: WakeSignal? = nil) {
        self.services = services
        self.wakeup = wakeup
        self.feeder = feeder
    }

    func run() async {
        await withDiscardingTaskGroup { statements in
            statements.addTask { await self.services.statements.run() }
            await cancelWhenGracefulShutdown {
                await self.services.presence.announced.wait(upTo: Self.patience, clock: ContinuousClock())
            }
            // The workers end first: their last messages still need statements.
            await keepLanes()
            services.statements.finish()
        }
    }

    private func keepLanes() async {
        await withDiscardingTaskGroup { group in
            var lanes: [UUID: LaneMaintenance] = [:]
            group.addTask { await self.forwardWakeups() }
            group.addTask { await StaleLaneCleaner(services: self.services).run() }
            let loop = PeriodicLoop(
                every: Self.interval,
                wakeup: wakeup,
                isVital: true,
                logger: services.logger,
                failure: "Could not read the lanes, trying again"
            )
            await loop.run {
                let open = try await openLanes()
                lanes = lanes.filter { !$0.value.isOver }
                for record in open where !(lanes[record.id]?.update(record) ?? false) {
                    // The sender moved to another quota group: its former lane is closed.
                    lanes[record.id]?.close()
                    let maintenance = LaneMaintenance(lane: record, services: services)
                    lanes[record.id] = maintenance
                    group.addTask { await maintenance.worker.run() }
                    group.addTask { await maintenance.run() }
                }
                for id in Set(lanes.keys).subtracting(open.map(\.id)) { lanes[id]?.close() }
                if services.workers.replace(with: lanes.mapValues(\.worker)) { feeder?.notify() }
            }
        }
    }

    /// Reads the lanes, and notes for their workers whether Postgres answers.
    private func openLanes() async throws -> [LaneRecord] {
        do {
            let open = try await services.lanes.open()
            services.workers.storeProblem = nil
            return open
        } catch {
            services.workers.storeProblem = "Postgres: \(error)"
            throw error
        }
    }

    /// Wakes the workers that other daemons ask for.
    private func forwardWakeups() async {
        await cancelWhenGracefulShutdown {
            let configuration = self.services.redis.configuration
            let calls = RedisSubscription(
                configuration: configuration,
                channels: [LaneKeys.wakeChannel(prefix: configuration.keyPrefix)],
                logger: self.services.logger
            )
            for await case .message(_, let payload) in calls {
                self.services.workers.wake(UUID(uuidString: String(decoding: payload, as: UTF8.self)))
            }
        }
    }
}

/// Empties stale lanes: those with ids in Redis for which Postgres has nothing to send, because their runs were cancelled
/// or paused while no daemon was running.
///
/// Stale ids do no harm, since Postgres refuses to claim them, but they take memory until the sender's next run. A stale lane
/// is rebuilt under a new epoch, so a run that begins at this moment is fed under that epoch.
struct StaleLaneCleaner: Sendable {
    private static let interval = Duration.seconds(1)

    let services: LaneServices

    /// Cleans once; again only while Postgres or Redis does not answer.
    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: services.logger,
            failure: "Could not clean stale lanes, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            try await empty()
            return .end
        }
    }

    private func empty() async throws {
        var rebuilt: Set<String> = []
        for batch in try await services.lanes.idle().chunked(by: LaneQueue.largestBatch) {
            let queues = batch.map { lane in
                LaneQueue(redis: services.redis, quotaGroup: lane.quotaGroup, sender: lane.sender)
            }
            for (lane, depth) in zip(batch, try await LaneQueue.depths(of: queues, on: services.redis))
            where depth.total > 0 && rebuilt.insert(lane.quotaGroup).inserted {
                _ = try await services.rebuildLanes(of: lane.quotaGroup, from: lane.epoch)
                services.logger.notice(
                    "Emptied a stale lane",
                    metadata: ["quotaGroup": "\(lane.quotaGroup)", "messages": "\(depth.total)"]
                )
            }
        }
    }
}
