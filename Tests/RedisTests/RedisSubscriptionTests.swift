import Foundation
import Redis
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct RedisSubscriptionTests {
    private func subscription(_ server: PrivateRedis) -> RedisSubscription {
        RedisSubscription(
            configuration: server.configuration,
            channels: ["news", "more"],
            patterns: ["a*"],
            logger: PrivateRedis.quiet
        )
    }

    @Test func survivesKilledConnectionsAndRestarts() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            var events = subscription(server).makeAsyncIterator()
            #expect(await events.next() == .subscribed)
            #expect(try await client.send(RedisCommand("PUBLISH", "news", .bytes([0, 1]))).asInt() == 1)
            #expect(await events.next() == .message(channel: "news", payload: [0, 1]))
            _ = try await client.send(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
            #expect(await events.next() == .reconnected)
            _ = try await client.send(RedisCommand("PUBLISH", "abc", "x"))
            #expect(await events.next() == .message(channel: "abc", payload: [120]))
            await server.crash()
            try await server.start()
            #expect(await events.next() == .reconnected)
            _ = try await client.send(RedisCommand("PUBLISH", "more", "y"))
            #expect(await events.next() == .message(channel: "more", payload: [121]))
        }
    }

    @Test func noticesAServerThatStoppedAnswering() async throws {
        try await PrivateRedis.with { server in
            var events = subscription(server).makeAsyncIterator()
            #expect(await events.next() == .subscribed)
            server.signal(SIGSTOP)
            // Two silent intervals and the next attempts to connect.
            try await Task.sleep(for: .seconds(11))
            server.signal(SIGCONT)
            #expect(await events.next() == .reconnected)
        }
    }

    @Test func endsWithItsTask() async throws {
        try await PrivateRedis.with { server in
            let subscription = subscription(server)
            let client = server.client()
            let task = Task {
                var count = 0
                for await _ in subscription {
                    count += 1
                }
                return count
            }
            func subscribers() async throws -> Int {
                try await client.send(RedisCommand("PUBLISH", "news", "x")).asInt()
            }
            try await eventually { try await subscribers() == 1 }
            task.cancel()
            _ = await task.value
            try await eventually { try await subscribers() == 0 }
        }
    }

    @Test func hangsUpWhenTheIteratorGoesAway() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            do {
                var events = subscription(server).makeAsyncIterator()
                #expect(await events.next() == .subscribed)
            }
            try await eventually { try await client.send(RedisCommand("PUBLISH", "news", "x")).asInt() == 0 }
        }
    }
}
