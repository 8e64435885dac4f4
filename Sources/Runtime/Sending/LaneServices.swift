import Foundation
package import Logging
package import Redis
package import Store

/// What every lane of a daemon shares.
package struct LaneServices: Sendable {
    package let redis: RedisClient
    package let messages: MessageRepository
    let statements: LaneStatements
    package let runs: RunRepository
    let lanes: LaneRepository
    let payloads: PayloadCache
    let transport: any MessageTransport
    let tokens: TokenResolver
    let permits: SendPermits
    package let gate: APIGate
    package let retries: RetryPolicy
    var leases = LaneLeases()
    package var metrics = DaemonMetrics()
    let preparation = PreparationTime()
    /// Held by whoever prepares a message of which a daemon may have died.
    let suspects = SendPermits(count: 1)
    package let workers: LaneDirectory
    /// Notified when lanes should be read again.
    package let changes: WakeSignal
    let logger: Logger

    package init(
        redis: RedisClient,
        messages: MessageRepository,
        statements: LaneStatements,
        runs: RunRepository,
        lanes: LaneRepository,
        payloads: PayloadCache,
        transport: any MessageTransport,
        tokens: TokenResolver,
        permits: SendPermits,
        gate: APIGate,
        retries: RetryPolicy,
        leases: LaneLeases = LaneLeases(),
        metrics: DaemonMetrics = DaemonMetrics(),
        workers: LaneDirectory,
        changes: WakeSignal,
        logger: Logger
    ) {
        self.redis = redis
        self.messages = messages
        self.statements = statements
        self.runs = runs
        self.lanes = lanes
        self.payloads = payloads
        self.transport = transport
        self.tokens = tokens
        self.permits = permits
        self.gate = gate
        self.retries = retries
        self.leases = leases
        self.metrics = metrics
        self.workers = workers
        self.changes = changes
        self.logger = logger
    }
}
