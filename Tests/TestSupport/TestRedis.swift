import Foundation
public import Redis

/// The Redis server that integration tests run against.
public enum TestRedis {
    /// True if a Redis server is given, or required.
    public static var isAvailable: Bool {
        url != nil || ProcessInfo.processInfo.environment["CAMPAIGNS_REQUIRE_SERVICES"] == "1"
    }

    /// Returns the address of the server from `REDIS_URL`.
    public static func configuration() throws -> RedisConfiguration {
        guard let url else {
            throw RedisError.configuration(
                "REDIS_URL is not set; run Scripts/services up, then eval \"$(Scripts/services env)\""
            )
        }
        return try RedisConfiguration(url: url)
    }

    /// Runs `body` with a client and a quota group of its own, and deletes the keys of the group at the end.
    public static func withGroup<Value>(
        ofTenant tenant: String? = nil,
        _ body: (RedisClient, String) async throws -> Value
    ) async throws -> Value {
        let redis = RedisClient(configuration: try configuration(), logger: TestDatabase.logger)
        let group = (tenant.map { $0 + "/" } ?? "") + "test-" + UUID().uuidString.lowercased()
        let result: Result<Value, any Error>
        do { result = .success(try await body(redis, group)) } catch { result = .failure(error) }
        try await deleteKeys(of: group, on: redis)
        await redis.shutdown()
        return try result.get()
    }

    /// Returns all keys of a quota group.
    public static func keys(of group: String, on redis: RedisClient) async throws -> [String] {
        var keys: Set<String> = []
        var cursor = "0"
        repeat {
            let command = RedisCommand("SCAN", .text(cursor), "MATCH", .text("*{\(group)}*"), "COUNT", 1_000)
            let reply = try await redis.send(command).asArray()
            cursor = try reply[0].asText()
            for key in try reply[1].asArray() { keys.insert(try key.asText()) }
        } while cursor != "0"
        return keys.sorted()
    }

    /// Deletes all keys of a quota group.
    public static func deleteKeys(of group: String, on redis: RedisClient) async throws {
        let keys = try await keys(of: group, on: redis)
        guard !keys.isEmpty else { return }
        _ = try await redis.send(RedisCommand("DEL", arguments: keys.map { .text($0) }))
    }

    private static var url: String? {
        ProcessInfo.processInfo.environment["REDIS_URL"].flatMap { $0.isEmpty ? nil : $0 }
    }
}
