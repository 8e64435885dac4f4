import Foundation
import Logging
import Synchronization
import Testing

@testable import Redis

/// A log that counts its lines at level warning and above.
private final class WarningCount: LogHandler {
    private let warnings = Mutex(0)

    var count: Int { warnings.withLock { $0 } }

    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }

    var logLevel: Logger.Level {
        get { .warning }
        set { _ = newValue }
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }

    func log(event _: LogEvent) {
        warnings.withLock { $0 += 1 }
    }
}

@Suite(.serialized, .timeLimit(.minutes(3)))
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
            let log = WarningCount()
            var configuration = server.configuration
            configuration.connectTimeout = .milliseconds(100)
            var subscription = RedisSubscription(
                configuration: configuration,
                channels: ["news"],
                logger: Logger(label: "redis.tests", factory: { _ in log })
            )
            subscription.pingInterval = .milliseconds(50)
            var events = subscription.makeAsyncIterator()
            #expect(await events.next() == .subscribed)
            server.signal(SIGSTOP)
            try await eventually { log.count > 0 }
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

    @Test func closesTheConnectionWhenTheIteratorIsDiscarded() async throws {
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
