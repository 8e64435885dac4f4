import Foundation
import Logging
import Redis
import ServiceLifecycle
package import Store

/// Moves due chunks into their lanes, as many as the lane's window has room for.
///
/// The window bounds what Redis holds, whatever the size of a campaign. A graceful shutdown ends after the chunk at
/// hand is fed.
package final class ChunkFeeder: Service, Sendable {
    private static let interval = Duration.milliseconds(250)
    private static let idleInterval = Duration.seconds(1)
    /// Whatever happens, it looks no more often than this: a thousand events a second are fed in some portions.
    private static let shortestInterval = Duration.milliseconds(20)

    private let chunks: ChunkRepository
    private let services: LaneServices
    private let wakeup: WakeSignal
    private let clock = ContinuousClock()

    /// Makes a feeder.
    ///
    /// - Parameters:
    ///   - chunks: Where the chunks are.
    ///   - services: What all lanes share.
    ///   - wakeup: Notified when runs change; this service is its only waiter.
    package init(chunks: ChunkRepository, services: LaneServices, wakeup: WakeSignal) {
        self.chunks = chunks
        self.services = services
        self.wakeup = wakeup
    }

    func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            var isBusy = false
            let start = clock.now
            do {
                isBusy = try await feedAll()
            } catch {
                services.logger.warning("Chunks cannot be fed, trying again", metadata: ["error": "\(error)"])
            }
            let pause = isBusy ? Self.interval : Self.idleInterval
            // A shutdown ends both waits early, and then the loop.
            await cancelWhenGracefulShutdown {
                await self.wakeup.wait(upTo: pause, clock: self.clock)
                try? await self.clock.sleep(until: start + Self.shortestInterval, tolerance: .zero)
            }
        }
    }

    /// - Returns: Whether there are runs to feed.
    private func feedAll() async throws -> Bool {
        let runs = try await services.runs.running()
        for (sender, runs) in Dictionary(grouping: runs, by: \.senderID) {
            guard let worker = services.workers.worker(of: sender) else {
                // Its keeper does not hear of events; it will wake us.
                services.changes.notify()
                continue
            }
            let window = Self.window(ratePerSecond: worker.lane.ratePerSecond)
            var room = window - (try await worker.queue.depth().ready)
            // What events brought goes before all else: it has as much room again when others have filled the window.
            for run in runs where run.isTriggered && run.counters[.pending] > 0 && room > -window {
                room -= try await feed(run, worker: worker, room: max(room, min(window / 2, window + room)))
            }
            // Room for little is left alone: big portions cost less.
            guard room >= window / 2 else { continue }
            let bulk = runs.filter { !$0.isTriggered || $0.counters[.pending] == 0 }
            for (index, run) in bulk.enumerated() where run.counters[.pending] + run.counters[.queued] > 0 {
                room -= try await feed(run, worker: worker, room: room / (bulk.count - index))
            }
        }
        return !runs.isEmpty
    }

    /// Ten seconds of sending, within bounds.
    static func window(ratePerSecond: Int) -> Int {
        min(max(ratePerSecond * 10, 1_000), 10_000)
    }

    private func feed(_ run: RunRecord, worker: LaneWorker, room: Int) async throws -> Int {
        // Events bring chunks of all sizes, from one message on.
        let size =
            run.isTriggered ? 1 : LaunchPlan(recipients: run.expectedCount, ratePerSecond: run.ratePerSecond).chunkSize
        guard let claim = try await chunks.claim(run: run.id, limit: max(1, room / size), room: max(1, room)) else {
            return 0
        }
        CrashPoint.chunkClaimed.reach()
        let isPushed: Bool
        do {
            isPushed = try await worker.queue.push(
                claim.messages,
                run: run.id,
                isTriggered: run.isTriggered,
                epoch: worker.lane.epoch
            )
        } catch {
            try await chunks.abandon(claim)
            throw error
        }
        guard isPushed else {
            try await chunks.abandon(claim)
            return 0
        }
        CrashPoint.idsPushed.reach()
        try await chunks.finish(claim)
        await wakeWorkers(of: run.senderID)
        return claim.messages.count
    }

    private func wakeWorkers(of sender: UUID) async {
        services.workers.wake(sender)
        do {
            let command = RedisCommand("PUBLISH", .text(LaneKeys.wakeChannel), .text(sender.uuidString))
            _ = try await services.redis.send(command)
        } catch {
            // Other daemons look by themselves within a second.
            services.logger.debug("Other daemons are not woken", metadata: ["error": "\(error)"])
        }
    }
}
