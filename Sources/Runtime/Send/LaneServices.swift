import Foundation
import Logging
import Redis
import Store

/// What every lane of a daemon shares.
struct LaneServices: Sendable {
    let redis: RedisClient
    let messages: MessageRepository
    let statements: LaneStatements
    let runs: RunRepository
    let lanes: LaneRepository
    let payloads: PayloadCache
    let transport: any MessageTransport
    let tokens: TokenResolver
    let permits: SendPermits
    let gate: SendGate
    let retries: RetryPolicy
    var leases = LaneLeases()
    var metrics = DaemonMetrics()
    let preparation = PreparationTime()
    /// Held by whoever prepares a message of which a daemon may have died.
    let suspects = SendPermits(count: 1)
    let workers: LaneDirectory
    /// Notified when lanes should be read again.
    let changes: WakeSignal
    let logger: Logger
}
