import Foundation
package import Redis

/// The rights that lanes need of the user in `REDIS_URL`.
package enum LaneRights {
    /// Commands that are sent outside of scripts.
    private static let direct: Set<String> = [
        "ping", "eval", "evalsha", "publish", "subscribe", "get", "zcard", "zrange", "zrem", "del",
    ]
    /// Commands without which a daemon works, or which only some set-ups need: other databases, clusters, sentinels.
    static let optional: Set<String> = ["select", "client|setname", "cluster|slots", "asking", "info"]

    /// All commands without which nothing is sent, those of the scripts included, in lower case.
    static let required: Set<String> = LaneScripts.all.reduce(into: direct) { commands, script in
        for call in script.source.matches(of: /redis\.call\('([A-Z]+)'/) { commands.insert(call.1.lowercased()) }
    }

    /// Asks Redis which of the rights its user lacks.
    ///
    /// - Parameters:
    ///   - redis: The client.
    ///   - deadline: The time to give up.
    /// - Returns: The names of commands that are refused, in order; none if all is well.
    /// - Throws: `RedisError`; a `NOPERM` if the user may not run scripts, or not on keys of lanes.
    package static func missing(
        on redis: RedisClient,
        deadline: ContinuousClock.Instant
    ) async throws(RedisError) -> [String] {
        let configuration = redis.configuration
        let keys = LaneKeys(prefix: configuration.keyPrefix, quotaGroup: "rights", sender: UUID())
        let commands = configuration.sentinels == nil ? required : required.union(["info"])
        let reply = try await redis.run(
            LaneScripts.rights,
            keys: [keys.epoch, keys.quota],
            arguments: [.text(LaneKeys.wakeChannel(prefix: configuration.keyPrefix))]
                + commands.sorted().map { .text($0) },
            deadline: deadline
        )
        return try reply.asArray().compactMap(\.text)
    }
}
