import Foundation
import Logging
import Redis
import ServiceLifecycle
import Store

/// Keeps one worker per lane that has something to send, and each lane in order; a lane without anything costs nothing.
///
/// It looks for lanes every second and whenever a run changes; takes over leases that ran out; rebuilds lanes from
/// Postgres when Redis has lost or mixed them up; empties at its start what was left of runs that are over. A graceful
/// shutdown ends after the workers have ended.
package final class LaneKeeper: Service, Sendable {
    private static let interval = Duration.seconds(1)

    private let services: LaneServices
    private let wakeup: WakeSignal
    private let feeder: WakeSignal?
    private let clock = ContinuousClock()

    /// Makes a keeper.
    ///
    /// - Parameters:
    ///   - services: What all lanes share.
    ///   - wakeup: Notified when runs change; this service is its only waiter.
    ///   - feeder: Gets notified when there are more lanes to feed.
    package init(services: LaneServices, wakeup: WakeSignal, feeder: WakeSignal? = nil) {
        self.services = services
        self.wakeup = wakeup
        self.feeder = feeder
    }

    func run() async {
        await withDiscardingTaskGroup { statements in
            statements.addTask { await self.services.statements.run() }
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
            while !Task.isShuttingDownGracefully && !Task.isCancelled {
                do {
                    let open = try await services.lanes.open()
                    lanes = lanes.filter { !$0.value.isOver }
                    for record in open where !(lanes[record.id]?.update(record) ?? false) {
                        // What it was looked after as, in another quota group, ends by itself.
                        lanes[record.id]?.close()
                        let care = LaneMaintenance(lane: record, services: services)
                        lanes[record.id] = care
                        group.addTask { await care.worker.run() }
                        group.addTask { await care.run() }
                    }
                    for id in Set(lanes.keys).subtracting(open.map(\.id)) { lanes[id]?.close() }
                } catch {
                    services.logger.warning("Lanes cannot be read, trying again", metadata: ["error": "\(error)"])
                }
                if services.workers.replace(with: lanes.mapValues(\.worker)) { feeder?.notify() }
                // A shutdown ends the wait, and then the loop.
                await cancelWhenGracefulShutdown { await self.wakeup.wait(upTo: Self.interval, clock: self.clock) }
            }
        }
    }

    /// Wakes the workers that other daemons call.
    private func forwardWakeups() async {
        await cancelWhenGracefulShutdown {
            let calls = RedisSubscription(
                configuration: self.services.redis.configuration,
                channels: [LaneKeys.wakeChannel],
                logger: self.services.logger
            )
            for await case .message(_, let payload) in calls {
                self.services.workers.wake(UUID(uuidString: String(decoding: payload, as: UTF8.self)))
            }
        }
    }
}
