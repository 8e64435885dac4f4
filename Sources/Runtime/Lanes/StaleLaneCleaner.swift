import Logging
import Redis
import ServiceLifecycle
import Store

/// Empties the lanes that Redis kept though Postgres knows of nothing to send in them: their runs were cancelled or
/// paused while no daemon was there to see it.
///
/// Postgres refuses whatever is in them, so they do no harm, and only take room until the sender's next run. They are
/// emptied like lanes that were lost, by a new epoch: if a run begins at this moment, it is fed under that.
struct StaleLaneCleaner: Sendable {
    private static let interval = Duration.seconds(1)

    let services: LaneServices

    /// Looks once; again only as long as Postgres or Redis cannot be asked.
    func run() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                return try await empty()
            } catch {
                let metadata = ["error": "\(error)" as Logger.MetadataValue]
                services.logger.warning("Lanes that were left cannot be looked for, trying again", metadata: metadata)
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await ContinuousClock().sleep(for: Self.interval) }
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
                    "Emptied a lane of which nothing is to be sent any more",
                    metadata: ["quotaGroup": "\(lane.quotaGroup)", "messages": "\(depth.total)"]
                )
            }
        }
    }
}
