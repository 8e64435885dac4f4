import Logging
import Redis
import Runtime
import ServiceLifecycle
import Synchronization

/// Watches the servers of Redis: follows the announcements of sentinels, and looks periodically whether a server may discard
/// keys when its memory is full.
///
/// A discarded lease looks like a message that was not sent. The setting can change while the daemon runs, and so can the
/// servers, after a failover or in a cluster. A graceful shutdown ends after the current look.
final class RedisWatch: Service {
    /// The one policy that discards nothing.
    private static let harmless = "noeviction"
    private static let interval = Duration.seconds(60)

    private let redis: RedisClient
    private let logger: Logger
    private let found = Mutex<[String]>([])

    init(redis: RedisClient, logger: Logger) {
        (self.redis, self.logger) = (redis, logger)
    }

    /// The servers that may discard keys, each with its policy, as of the last look.
    var evicting: [String] { found.withLock { $0 } }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            logger: logger,
            failure: "Could not read the eviction policy of Redis, trying again"
        )
        await withDiscardingTaskGroup { group in
            group.addTask {
                await cancelWhenGracefulShutdown { await self.redis.followSentinels(logger: self.logger) }
            }
            await loop.run { try await look() }
        }
    }

    /// Looks once, and logs what is new.
    func look() async throws(RedisError) {
        let servers = Self.servers(in: try await redis.evictionPolicies())
        let former = found.withLock { found in
            defer { found = servers }
            return found
        }
        guard servers != former else { return }
        if servers.isEmpty {
            logger.notice("Redis discards nothing when its memory is full, as it should")
        } else {
            logger.warning(
                "Redis may discard queues and leases when its memory is full: set maxmemory-policy noeviction",
                metadata: ["servers": "\(servers.joined(separator: ", "))"]
            )
        }
    }

    /// Returns the servers with a policy that discards keys; those that do not tell theirs are left out.
    static func servers(in policies: [String: String]) -> [String] {
        policies.filter { $0.value != harmless }.map { "\($0.key) has \($0.value)" }.sorted()
    }
}
