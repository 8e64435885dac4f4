import Redis
import TestBed
import TestSupport
import Testing

/// The client against real sentinels.
@Suite(.serialized, .timing, .timeLimit(.minutes(5)))
struct RedisSentinelTests {
    private static func client(
        _ url: String,
        _ change: (inout RedisConfiguration) -> Void = { _ in }
    ) throws -> RedisClient {
        var configuration = try RedisConfiguration(url: url)
        change(&configuration)
        return RedisClient(configuration: configuration, logger: PrivateRedis.quiet)
    }

    /// Sends until the server accepts a write, as callers do that repeat what failed.
    private static func write(_ value: String, through client: RedisClient) async throws {
        try await eventually {
            do throws(RedisError) {
                return try await client.send(RedisCommand("SET", "k", .text(value))) == .status("OK")
            } catch {
                guard error.isTransient else { throw error }
                return false
            }
        }
    }

    @Test func followsTheReplicaThatTakesOverFromADeadPrimary() async throws {
        try await RedisSentinelServers.with { group in
            let client = try Self.client(group.url)
            let subscription = RedisSubscription(
                configuration: client.configuration,
                channels: ["calls"],
                logger: PrivateRedis.quiet
            )
            var events = subscription.makeAsyncIterator()
            #expect(await events.next() == .subscribed)
            try await Self.write("before", through: client)
            let history = try #require(client.replicationID)
            #expect(try await group.servers[0].send("GET", "k").asText() == "before")
            try await group.servers[0].kill()
            try await Self.write("after", through: client)
            #expect(try await group.servers[1].send("GET", "k").asText() == "after")
            #expect(client.replicationID != history)
            #expect(try await group.primary() == 1)
            #expect(await events.next() == .reconnected)
            try await group.servers[1].send("PUBLISH", "calls", "hello")
            #expect(await events.next() == .message(channel: "calls", payload: Array("hello".utf8)))
            await client.shutdown()
        }
    }

    @Test func followsAPrimaryThatIsReplacedWhileItRuns() async throws {
        try await RedisSentinelServers.with { group in
            let client = try Self.client(group.url)
            try await Self.write("before", through: client)
            let history = try #require(client.replicationID)
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { await client.followSentinels(logger: PrivateRedis.quiet) }
                try await group.failOver()
                let start = ContinuousClock.now
                try await eventually {
                    try await Self.write("after", through: client)
                    return client.replicationID != history
                }
                // The sentinels leave the former primary as it is for eight seconds.
                #expect(ContinuousClock.now - start < .seconds(7))
                tasks.cancelAll()
            }
            try await eventually { try await group.servers[1].send("GET", "k").asText() == "after" }
            await client.shutdown()
        }
    }

    /// A server that becomes a replica by hand keeps its connections, and only its answers tell.
    @Test func leavesAServerThatAnswersReadOnly() async throws {
        try await RedisSentinelServers.with { group in
            let client = try Self.client(group.url)
            try await Self.write("before", through: client)
            try await group.servers[1].send("REPLICAOF", "NO", "ONE")
            try await group.announce(1)
            try await group.servers[0].send("REPLICAOF", "127.0.0.1", "\(group.servers[1].port)")
            let error = await #expect(throws: RedisError.self) {
                try await client.send(RedisCommand("SET", "k", "lost"))
            }
            guard case .server(let answer) = error else { throw error ?? .closed }
            #expect(answer.kind == .readOnly)
            try await Self.write("after", through: client)
            #expect(try await group.servers[1].send("GET", "k").asText() == "after")
            await client.shutdown()
        }
    }

    /// Only a caller can know that the primary is not the one that others use.
    @Test func asksTheSentinelsWhenACallerWantsIt() async throws {
        try await RedisSentinelServers.with { group in
            let client = try Self.client(group.url)
            try await Self.write("before", through: client)
            try await group.servers[1].send("REPLICAOF", "NO", "ONE")
            try await group.announce(1)
            // The former primary still takes writes.
            try await Self.write("here", through: client)
            #expect(try await group.servers[0].send("GET", "k").asText() == "here")
            try await eventually {
                #expect(client.askSentinelsAgain())
                try await Self.write("there", through: client)
                return try await group.servers[1].send("GET", "k").asText() == "there"
            }
            await client.shutdown()
        }
    }

    @Test func aWrongAddressSaysWhichPartIsWrong() async throws {
        try await RedisSentinelServers.with { group in
            for (wrong, words) in [
                (group.url.replacing("/campaigns?", with: "/other?"), "correct the service"),
                (group.url.replacing("?sentinel_password=sentinels", with: ""), "?sentinel_password=PASSWORD"),
                (group.url.replacing("=sentinels", with: "=wrong"), "correct sentinel_username"),
                (group.url.replacing(":servers@", with: ":wrong@"), "correct the user and the password"),
                (
                    "redis+sentinel://127.0.0.1:\(group.servers[0].port)/campaigns?sentinel_password=servers",
                    "name sentinels"
                ),
            ] {
                let client = try Self.client(wrong)
                let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("PING")) }
                #expect(error?.remedyOfStart?.contains(words) == true, "\(wrong): \(String(describing: error))")
                await client.shutdown()
            }
        }
    }

    @Test func everyQuestionHasADeadline() async throws {
        let (first, second) = (try SilentServer(), try SilentServer())
        defer {
            first.stop()
            second.stop()
        }
        let client = try Self.client("redis+sentinel://127.0.0.1:\(first.port),127.0.0.1:\(second.port)/campaigns")
        let start = ContinuousClock.now
        let error = await #expect(throws: RedisError.self) {
            try await client.send(RedisCommand("PING"), deadline: start + .milliseconds(500))
        }
        #expect(error?.mayHaveExecuted == false)
        #expect(ContinuousClock.now - start < .milliseconds(900))
        // Both were asked, one after the other.
        try await eventually { client.statistics.lastConnectionError?.contains("\(first.port)") == true }
        await client.shutdown()
        #expect(ContinuousClock.now - start < .seconds(8))
    }
}
