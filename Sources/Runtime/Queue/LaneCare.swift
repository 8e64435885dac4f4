import Foundation
import Logging
import Redis
import ServiceLifecycle
import Store

/// Looks after one lane: takes over leases that ran out, and rebuilds the lane when Redis has lost it.
final class LaneCare: Sendable {
    private static let interval = Duration.seconds(2)
    /// An empty lane that Postgres believes full is rebuilt after this many looks in a row.
    private static let patience = 5

    let worker: LaneWorker
    private let services: LaneServices
    private let clock = ContinuousClock()
    private let logger: Logger

    init(lane: LaneRecord, services: LaneServices) {
        self.services = services
        worker = LaneWorker(lane: lane, services: services)
        var logger = services.logger
        logger[metadataKey: "sender"] = "\(lane.name)"
        self.logger = logger
    }

    func run() async {
        var looksEmpty = 0
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                let lane = worker.lane
                let depth = try await worker.queue.depth()
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
        let holder = Int64.random(in: 1...Int64.max)
        let expired = try await worker.queue.recover(limit: LaneQueue.largestBatch, token: holder)
        guard !expired.isEmpty else { return }
        let verdicts = try await services.messages.settle(expired)
        let endings = expired.map { lease in
            LeaseEnding(messageID: lease.messageID, token: holder, end: (verdicts[lease.messageID] ?? .forget).leaseEnd)
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
        let (redis, leases) = (services.redis, services.leases)
        let epoch = try await services.lanes.rebuild(group: lane.quotaGroup, from: lane.epoch) { epoch, lanes in
            for lost in lanes {
                let queue = LaneQueue(redis: redis, quotaGroup: lane.quotaGroup, sender: lost.sender, leases: leases)
                try await queue.rebuild(lost, epoch: epoch)
                CrashPoint.rebuilding.reach()
            }
        }
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
