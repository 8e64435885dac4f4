import Foundation
import Logging
import Redis
import ServiceLifecycle
import Store

/// Keeps one worker per lane that has something to send, and each lane in order.
///
/// It looks for lanes every second and whenever a run changes; takes over leases that ran out; rebuilds lanes from
/// Postgres when Redis has lost or mixed them up. A graceful shutdown ends after the workers have ended.
final class LaneKeeper: Service, Sendable {
    private static let interval = Duration.seconds(1)

    private let services: LaneServices
    private let wakeup: WakeSignal
    private let clock = ContinuousClock()

    /// Makes a keeper.
    ///
    /// - Parameters:
    ///   - services: What all lanes share.
    ///   - wakeup: Notified when runs change; this service is its only waiter.
    init(services: LaneServices, wakeup: WakeSignal) {
        self.services = services
        self.wakeup = wakeup
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            var lanes: [UUID: LaneCare] = [:]
            group.addTask { await self.forwardWakeups() }
            while !Task.isShuttingDownGracefully && !Task.isCancelled {
                do {
                    let open = try await services.lanes.open()
                    for record in open {
                        if let care = lanes[record.id], care.worker.queue.keys.matches(record) {
                            care.worker.update(record)
                        } else {
                            let care = LaneCare(lane: record, services: services)
                            lanes[record.id] = care
                            group.addTask { await care.worker.run() }
                            group.addTask { await care.run() }
                        }
                    }
                    // What is over is not missed: an empty lane would be rebuilt for it.
                    for (id, care) in lanes
                    where care.worker.lane.expected > 0 && !open.contains(where: { $0.id == id }) {
                        care.worker.update(care.worker.lane.emptied())
                    }
                } catch {
                    services.logger.warning("Lanes cannot be read, trying again", metadata: ["error": "\(error)"])
                }
                let directory = lanes.mapValues(\.worker)
                services.workers.replace(with: directory)
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
