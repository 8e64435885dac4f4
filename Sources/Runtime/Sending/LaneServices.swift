import Foundation
package import Logging
package import Redis
package import Settings
package import Store

/// The parts that all lanes of a daemon share.
package struct LaneServices: Sendable {
    package let redis: RedisClient
    package let messages: MessageRepository
    let statements: LaneStatements
    package let runs: RunRepository
    package let guards: RunGuards
    let lanes: LaneRepository
    let payloads: PayloadCache
    /// The ids of the files that messages name.
    package let media: MediaUploads
    let mediaRows: MediaUploadRepository
    let channel: any MessageChannel
    package let tokens: TokenResolver
    let permits: SendPermits
    package let gate: APIGate
    package let retries: RetryPolicy
    var leases = LaneLeases()
    package var metrics = DaemonMetrics()
    let preparation = PreparationTime()
    /// One permit, held while a message that may have crashed a daemon is prepared.
    let suspects = SendPermits(count: 1)
    package let workers: LaneDirectory
    package let presence: DaemonPresence
    /// Notified when lanes should be read again.
    package let changes: WakeSignal
    /// Notified when a lane begins or ends to wait.
    package let reports = WakeSignal()
    let logger: Logger

    package init(
        redis: RedisClient,
        messages: MessageRepository,
        statements: LaneStatements,
        runs: RunRepository,
        guards: RunGuards,
        lanes: LaneRepository,
        channel: any MessageChannel,
        mediaRows: MediaUploadRepository,
        media: MediaUploads = MediaUploads(),
        tokens: TokenResolver,
        permits: SendPermits,
        gate: APIGate,
        retries: RetryPolicy,
        leases: LaneLeases = LaneLeases(),
        metrics: DaemonMetrics = DaemonMetrics(),
        workers: LaneDirectory,
        presence: DaemonPresence = DaemonPresence(isAnnounced: true),
        changes: WakeSignal,
        logger: Logger
    ) {
        self.redis = redis
        self.messages = messages
        self.statements = statements
        self.runs = runs
        self.guards = guards
        self.lanes = lanes
        self.channel = channel
        payloads = PayloadCache(runs: runs, channel: channel)
        (self.media, self.mediaRows) = (media, mediaRows)
        self.tokens = tokens
        self.permits = permits
        self.gate = gate
        self.retries = retries
        self.leases = leases
        self.metrics = metrics
        self.workers = workers
        self.presence = presence
        self.changes = changes
        self.logger = logger
    }
}

extension LaneServices {
    /// Rebuilds all lanes of a quota group in Redis from Postgres, under a new epoch.
    ///
    /// - Parameters:
    ///   - group: The quota group.
    ///   - epoch: The epoch that the caller knew; if it has changed, another daemon has rebuilt the lanes already.
    /// - Returns: The current epoch.
    /// - Throws: `RedisError` or `PostgresError`; the next look rebuilds again.
    func rebuildLanes(of group: String, from epoch: Int) async throws -> Int {
        let (redis, leases) = (redis, leases)
        return try await lanes.rebuild(group: group, from: epoch) { epoch, lanes in
            let carried = try await FormerLanes.carried(lanes, on: redis)
            for lane in carried {
                let queue = LaneQueue(redis: redis, quotaGroup: group, sender: lane.sender, leases: leases)
                try await queue.rebuild(lane, epoch: epoch)
                CrashPoint.rebuilding.reach()
            }
        }
    }
}
