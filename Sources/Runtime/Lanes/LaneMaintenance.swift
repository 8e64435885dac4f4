import Foundation
import Logging
import Postgres
import Redis
import ServiceLifecycle
import Settings
import Store
import Synchronization

/// Periodically maintains one lane: takes over expired leases (the reaper), and rebuilds the lane from Postgres when Redis
/// has lost it.
///
/// When a daemon has died, it takes over at once what that daemon had reserved and not fired.
///
/// It ends, and the worker with it, when Postgres has nothing to send and the lane is empty. A graceful shutdown ends it
/// after its current look.
final class LaneMaintenance: Sendable {
    private static let interval = Duration.seconds(2)
    /// Looks in a row at an empty lane that should hold messages, after which it is rebuilt.
    private static let looksBeforeRebuild = 5
    /// Looks in a row at a closed lane that is empty, after which its maintenance ends.
    private static let looksBeforeEnd = 2

    private enum Phase {
        case open
        /// Postgres has nothing to send.
        case closed
        case over
    }

    let worker: LaneWorker
    private let services: LaneServices
    private let phase = Mutex(Phase.open)
    private let logger: Logger

    init(lane: LaneRecord, services: LaneServices) {
        self.services = services
        worker = LaneWorker(lane: lane, services: services)
        var logger = services.logger
        logger[metadataKey: "sender"] = "\(lane.name)"
        self.logger = logger
    }

    /// True if the maintenance has ended.
    var isOver: Bool { phase.withLock { $0 == .over } }

    /// Applies changes of the sender.
    ///
    /// - Returns: False when the maintenance has ended, or when the sender has another lane by now.
    func update(_ lane: LaneRecord) -> Bool {
        guard worker.queue.matches(lane) else { return false }
        return phase.withLock { phase in
            guard phase != .over else { return false }
            phase = .open
            worker.update(lane)
            return true
        }
    }

    /// Tells the maintenance that Postgres has nothing to send.
    func close() {
        phase.withLock { phase in
            guard phase == .open else { return }
            phase = .closed
            // Otherwise the empty lane would look lost, and be rebuilt.
            worker.update(worker.lane.emptied())
        }
    }

    private func end() -> Bool {
        phase.withLock { phase in
            guard phase == .closed else { return false }
            phase = .over
            worker.retire()
            return true
        }
    }

    func run() async {
        var (looksEmpty, looksOver) = (0, 0)
        var nextLook = ContinuousClock.now
        // The daemons from which this lane has taken everything back.
        var settled: Set<DaemonNumber> = []
        let loop = PeriodicLoop(
            every: Self.interval,
            wakeup: worker.upkeep,
            logger: logger,
            failure: "Could not maintain the lane, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            let dead = services.workers.dead
            try await takeBack(from: dead.subtracting(settled))
            // Those that are alive after all are forgotten, in case they die later.
            settled = dead
            // Looks are counted below, so one for the dead is none of them.
            let rest = ContinuousClock.now.duration(to: nextLook)
            guard rest <= .zero else { return .waitFor(rest) }
            let lane = worker.lane
            var depth = try await worker.queue.depth()
            if depth.epoch != lane.epoch, services.redis.askSentinelsAgain() {
                // A primary that was cut off from its sentinels does not know of the new one, where the lane may be.
                depth = try await worker.queue.depth()
            }
            looksOver = depth.total == 0 && phase.withLock { $0 == .closed } ? looksOver + 1 : 0
            if looksOver > Self.looksBeforeEnd, end() { return .end }
            let isDry = depth.total == 0 && lane.expected > 0
            looksEmpty = isDry ? looksEmpty + 1 : 0
            if depth.epoch != lane.epoch || looksEmpty > Self.looksBeforeRebuild {
                try await rebuild(lane, found: depth)
                looksEmpty = 0
            } else if depth.held > 0 {
                let count = try await settleExpired()
                if count > 0 { logger.warning("Took over expired leases", metadata: ["count": "\(count)"]) }
            }
            nextLook = .now + Self.interval
            return .wait
        }
    }

    /// Takes over what dead daemons had reserved and not fired.
    ///
    /// After a crash in between, the leases have expired for the next look of any daemon.
    private func takeBack(from dead: Set<DaemonNumber>) async throws {
        guard !dead.isEmpty else { return }
        try await worker.queue.abandon(dead)
        let count = try await settleExpired()
        guard count > 0 else { return }
        let numbers = dead.map(\.description).sorted().joined(separator: ", ")
        logger.warning("Daemon died, took back its leases", metadata: ["count": "\(count)", "daemons": "\(numbers)"])
    }

    /// Takes over expired leases and settles them: first in Postgres, then in the lane.
    ///
    /// - Returns: The number of leases.
    private func settleExpired() async throws -> Int {
        var count = 0
        while true {
            let ours = services.presence.lease()
            let expired = try await worker.queue.recover(
                limit: LaneQueue.largestBatch,
                epoch: worker.lane.epoch,
                lease: ours
            )
            guard !expired.isEmpty else { return count }
            CrashPoint.leasesTakenOver.reach()
            let verdicts = try await settle(expired)
            let endings = expired.compactMap { lease in
                verdicts[lease.messageID].map { LeaseEnding(messageID: lease.messageID, lease: ours, end: $0.leaseEnd) }
            }
            try await worker.queue.settle(endings)
            let parked = try await services.messages.poisoned(
                among: expired.filter(\.wasBeingPrepared).map(\.messageID)
            )
            if !parked.isEmpty {
                let ids = parked.map(\.uuidString).joined(separator: ", ").lowercased()
                logger.error("Parked messages that crashed a daemon repeatedly", metadata: ["messages": "\(ids)"])
            }
            worker.wake()
            count += expired.count
            guard expired.count == LaneQueue.largestBatch else { return count }
        }
    }

    /// Settles expired leases; one whose message Postgres refuses to settle gets no verdict, and its lease expires again.
    private func settle(_ expired: [ExpiredLease]) async throws -> [UUID: LeaseVerdict] {
        var verdicts: [UUID: LeaseVerdict] = [:]
        var parts = [expired]
        while let part = parts.popLast() {
            do {
                verdicts.merge(try await services.messages.settle(part)) { first, _ in first }
            } catch {
                guard error.isAboutValues else { throw error }
                guard part.count == 1 else {
                    parts += part.halves
                    continue
                }
                let message = part[0].messageID.uuidString.lowercased()
                logger.error(
                    "Expired lease not settled, Postgres refuses its message",
                    metadata: ["message": "\(message)", "error": "\(error)"]
                )
            }
        }
        return verdicts
    }

    private func rebuild(_ lane: LaneRecord, found depth: LaneDepth) async throws {
        let epoch = try await services.rebuildLanes(of: lane.quotaGroup, from: lane.epoch)
        assert(epoch > lane.epoch, "a rebuild raises the epoch, or daemons would trust a lane that was lost")
        logger.notice(
            "Lane rebuilt from Postgres",
            metadata: ["found": "\(depth.epoch.map(String.init) ?? "nothing")", "epoch": "\(epoch)"]
        )
        services.changes.notify()
    }
}

extension LeaseVerdict {
    /// The end of the lease in the lane.
    var leaseEnd: LeaseEnd {
        switch self {
        case .forget: .done
        case .discard: .void
        case .requeue(let delay): delay > .zero ? .delay(delay) : .release
        }
    }
}
