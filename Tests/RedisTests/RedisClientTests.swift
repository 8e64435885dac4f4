import Foundation
import Logging
import Redis
import Testing

/// The client against a healthy server, that of `REDIS_URL`.
struct RedisClientTests {
    private let prefix = "redis-tests:\(UUID().uuidString):"

    private func withClient(
        _ change: (inout RedisConfiguration) -> Void = { _ in },
        body: (RedisClient) async throws -> Void
    ) async throws {
        let url = try #require(ProcessInfo.processInfo.environment["REDIS_URL"], "set REDIS_URL, see Scripts/services")
        var configuration = try RedisConfiguration(url: url)
        change(&configuration)
        let client = RedisClient(configuration: configuration, logger: PrivateRedis.quiet)
        try await body(client)
        let keys = try await client.send(RedisCommand("KEYS", "\(prefix)*")).asArray()
        if !keys.isEmpty {
            _ = try await client.send(RedisCommand("DEL", arguments: keys.map { .bytes($0.bytes ?? []) }))
        }
        await client.shutdown()
    }

    @Test func returnsEveryKindOfReply() async throws {
        try await withClient { client async throws -> Void in
            let binary: [UInt8] = [0, 13, 10, 255]
            #expect(try await client.send(RedisCommand("SET", "\(prefix)a", .bytes(binary))) == .status("OK"))
            #expect(try await client.send(RedisCommand("GET", "\(prefix)a")).asBytes() == binary)
            #expect(try await client.send(RedisCommand("GET", "\(prefix)none")) == .null)
            #expect(try await client.send(RedisCommand("RPUSH", "\(prefix)l", 1, 2)).asInt() == 2)
            let script = RedisScript(name: "nested", source: "return {1, {'x', false}, {}}")
            let nested = RedisReply.array([.integer(1), .array([.string([120]), .null]), .array([])])
            #expect(try await client.run(script, keys: []) == nested)
            await #expect(
                throws: RedisError.server(
                    RedisServerError(message: "ERR unknown command 'NOSUCH', with args beginning with: ")
                )
            ) {
                try await client.send(RedisCommand("NOSUCH"))
            }
            let failure = await #expect(throws: RedisError.self) {
                try await client.send(RedisCommand("INCR", "\(prefix)l"))
            }
            guard case .server(let error) = failure else { return }
            #expect(error.kind == .wrongType)
        }
    }

    @Test func keepsTenThousandConcurrentRepliesMatched() async throws {
        try await withClient { client async throws -> Void in
            let mismatches = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<10_000 {
                    group.addTask { try await client.send(RedisCommand("ECHO", .integer(number))).asInt() != number }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(mismatches == 0)
            let statistics = client.statistics
            #expect(statistics.repliesReceived == 10_000)
            #expect(statistics.waiting == 0 && statistics.inFlight == 0)
            #expect(statistics.connectionsOpened == 1)
            #expect(statistics.writes < 5_000, "waiting commands should share round trips")
        }
    }

    @Test func answersAPipelineInOrder() async throws {
        try await withClient { client async throws -> Void in
            let key = RedisArgument.text("\(prefix)p")
            let outcomes = await client.send(pipeline: [
                RedisCommand("MULTI"), RedisCommand("SET", key, "x"), RedisCommand("INCR", key), RedisCommand("EXEC"),
                RedisCommand("INCR", key), RedisCommand("GET", key),
            ])
            #expect(outcomes.count == 6)
            let executed = try outcomes[3].get().asArray()
            #expect(executed.first == .status("OK"))
            #expect(executed.last == .error(RedisServerError(message: "ERR value is not an integer or out of range")))
            #expect(throws: RedisError.self) { try outcomes[4].get() }
            #expect(try outcomes[5].get().asText() == "x")
            #expect(await client.send(pipeline: []).isEmpty)
        }
    }

    @Test func sendsValuesBeyondEveryBuffer() async throws {
        try await withClient { client async throws -> Void in
            let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let commands = (0..<4).map { _ in RedisCommand("ECHO", .bytes(large)) }
            for outcome in await client.send(pipeline: commands) {
                #expect(try outcome.get().asBytes() == large)
            }
        }
    }

    @Test func cancellationUnderLoadMixesNothingUp() async throws {
        try await withClient { client async throws -> Void in
            var tasks: [Task<Bool?, any Error>] = []
            for number in 0..<4_000 {
                tasks.append(
                    Task {
                        do throws(RedisError) {
                            return try await client.send(RedisCommand("ECHO", .integer(number))).asInt() == number
                        } catch .cancelled {
                            return nil
                        }
                    }
                )
                if number % 2 == 1 { tasks[number - 1].cancel() }
            }
            var matched = 0
            for (number, task) in tasks.enumerated() {
                let isMatch = try await task.value
                #expect(isMatch != false)
                if number % 2 == 1 { #expect(isMatch == true) }
                matched += isMatch == true ? 1 : 0
            }
            #expect(matched >= 2_000)
            #expect(client.statistics.connectionsOpened == 1)
        }
    }

    @Test func refusesCommandsBeyondTheLimit() async throws {
        try await withClient({ $0.maximumQueuedCommands = 5 }) { client async throws -> Void in
            let outcomes = await client.send(pipeline: Array(repeating: RedisCommand("PING"), count: 6))
            #expect(outcomes == Array(repeating: .failure(.queueFull(limit: 5)), count: 6))
            #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
        }
    }

    @Test func answersCommandsInFlightBeforeShutdown() async throws {
        try await withClient { client async throws -> Void in
            async let echo = client.send(RedisCommand("ECHO", "bye"))
            #expect(try await echo.asText() == "bye")
        }
        try await withClient { client async throws -> Void in
            let other = RedisClient(configuration: client.configuration, logger: PrivateRedis.quiet)
            await other.shutdown()
            await other.shutdown()
            await #expect(throws: RedisError.closed) { try await other.send(RedisCommand("PING")) }
        }
    }
}
