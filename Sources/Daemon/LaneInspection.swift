package import Foundation
package import Logging
import Redis
package import Runtime
import Settings

/// Reads the lanes of senders from Redis, for commands.
package enum LaneInspection {
    /// Returns the number of messages in the lanes of senders.
    ///
    /// - Parameters:
    ///   - senders: The quota group of each sender, by its id.
    ///   - environment: The variables with the address of Redis and the prefix of its keys.
    ///   - logger: The log of the client.
    /// - Returns: The depths by the sender's id.
    /// - Throws: `ConfigurationError` if the address is missing or malformed; `RedisError`.
    package static func depths(
        of senders: [UUID: String],
        environment: [String: String],
        logger: Logger
    ) async throws -> [UUID: LaneDepth] {
        let redis = RedisClient(configuration: try Variables(environment).redis(), logger: logger)
        let result: Result<[UUID: LaneDepth], any Error>
        do {
            result = .success(try await LaneQueue.depths(of: senders, on: redis))
        } catch {
            result = .failure(error)
        }
        await redis.shutdown()
        return try result.get()
    }
}
