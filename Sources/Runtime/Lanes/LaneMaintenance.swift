import Foundation
import Logging
import Redis
import ServiceLifecycle
import Store
import Synchronization

/// Looks after one lane: takes over leases that ran out, and rebuilds the lane when Redis has lost it.
///
/// It ends, and the worker with it, when Postgres knows of nothing to send and the lane is empty.
final class LaneMaintenance: Sendable {
    private static let interval = Duration.seconds(2)
    /// An empty lane that Postgres believes full is rebuilt after this many looks in a row.
    private static let patience = 5
    /// A lane that is closed is left alone after this many looks in a row that find it empty.
    private static let farewell = 2

    private enum Phase {
        case open
        /// Postgres knows of nothing to send.
        case closed
        case over
    }

    let worker: LaneWorker
    private let services: LaneServices
    private let phase = Mutex(Phase.open)
    private let clock = ContinuousClock()
    private let logger: Logger

    init(lane: LaneRecord, services: LaneServices) {
        self.services = services
        worker = LaneWorker(lane: lane, services: services)
        var logger = services.logger
        logger[metadataKey: "sender"] = "\(lane.name)"
        self.logger = logger
    }

    /// Whether nobody looks after it any more.
    var isOver: Bool { phase.withLock { $0 == .over } }

    /// Takes over changes of the sender.
    ///
    /// - Returns: False when it is over, or when the sender has another lane by now.
    func update(_ lane: LaneRecord) -> Bool {
        guard worker.queue.keys.matches(lane) else { return false }
        return phase.withLock { phase in
            guard phase != .over else { return false }
            phase = .open
            worker.update(lane)
            return true
        }
    }

    /// Says that Postgres knows of nothing to send.
    func close() {
        phase.withLock { phase in
            guard phase == .open else { return }
            phase = .closed
            // What is over is not missed: an empty lane would be rebuilt for it.
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
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                let lane = worker.lane
                let depth = try await worker.queue.depth()
                looksOver = depth.total == 0 && phase.withLock { $0 == .closed } ? looksOver + 1 : 0
                if looksOver > Self.farewell, end() { return }
                let isDry = depth.total == 0 && lane.expected > 0
                looksEmpty = isDry ? looksEmpty + 1 : 0
                if depth.epoch != lane.epoch || looksEmpty > Self.patience {
                    try await rebuild(lane, found: depth)
                    looksEmpty = 0
                } else if depth.held > 0 {
                    try await settleExpired()
                }
            } catch {
                logger.warning("The lane cannot be looked after, trying again", metadata: ["error": "\(error)"])
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(for: Self.interval) }
        }
    }

    private func settleExpired() async throws {
        let ours = Int64.random(in: 1...Int64.max)
        let expired = try await worker.queue.recover(limit: LaneQueue.largestBatch, lease: ours)
        guard !expired.isEmpty else { return }
        let verdicts = try await services.messages.settle(expired)
        let endings = expired.map { lease in
            LeaseEnding(messageID: lease.messageID, lease: ours, end: (verdicts[lease.messageID] ?? .forget).leaseEnd)
        }
        try await worker.queue.settle(endings)
        let parked = try await services.messages.poisoned(among: expired.filter(\.wasBeingPrepared).map(\.messageID))
        if !parked.isEmpty {
            let ids = parked.map(\.uuidString).joined(separator: ", ").lowercased()
            logger.error("Parked messages of which daemons died again and again", metadata: ["messages": "\(ids)"])
        }
        logger.warning("Took over leases that ran out", metadata: ["count": "\(expired.count)"])
        worker.wake()
    }

    private func rebuild(_ lane: LaneRecord, found depth: LaneDepth) async throws {
        let epoch = try await services.rebuildLanes(of: lane.quotaGroup, from: lane.epoch)
        logger.notice(
            "Rebuilt the lane",
            metadata: ["found": "\(depth.epoch.map(String.init) ?? "nothing")", "epoch": "\(epoch)"]
        )
        services.changes.notify()
    }
}

extension LeaseVerdict {
    fileprivate var leaseEnd: LeaseEnd {
        switch self {
        case .forget: .done
        case .discard: .void
        case .requeue(let delay): delay > .zero ? .delay(delay) : .release
        }
    }
}
