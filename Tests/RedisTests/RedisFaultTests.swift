import Foundation
import Redis
import Synchronization
import TestSupport
import Testing

/// Outcomes of commands when the server or the connection fails; each test has a server of its own.
@Suite(.serialized, .timing, .timeLimit(.minutes(3)))
struct RedisFaultTests {
    /// Twenty tasks that send without pause, and the replies that they got.
    private final class Crowd: Sendable {
        struct Tally {
            var matched = 0
            var mismatched = 0
            var errors: [RedisError] = []
        }

        private let isOver = Mutex(false)
        private let tally = Mutex(Tally())

        /// Keeps the crowd sending until `body` returns.
        func send(through client: RedisClient, during body: () async throws -> Void) async throws -> Tally {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<20 {
                    group.addTask { await self.work(worker, client) }
                }
                defer { isOver.withLock { $0 = true } }
                try await body()
            }
            return tally.withLock { $0 }
        }

        private func work(_ worker: Int, _ client: RedisClient) async {
            var number = worker
            while !isOver.withLock({ $0 }) {
                number += 20
                do throws(RedisError) {
                    let echo = try await client.send(RedisCommand("ECHO", .integer(number))).asInt()
                    tally.withLock { echo == number ? ($0.matched += 1) : ($0.mismatched += 1) }
                } catch {
                    tally.withLock { $0.errors.append(error) }
                }
            }
        }
    }

    @Test func aStoppedServerEndsCommandsAtTheirDeadline() async throws {
        try await PrivateRedis.with { server in
            let client = server.client { $0.connectTimeout = .milliseconds(200) }
            _ = try await client.send(RedisCommand("PING"))
            server.signal(SIGSTOP)
            let start = ContinuousClock.now
            async let early = client.send(pipeline: [RedisCommand("PING")], deadline: start + .milliseconds(300))
            try await eventually { client.statistics.inFlight == 1 }
            // This command is sent while the other is in flight, and must not wait for it.
            async let urgent = client.send(pipeline: [RedisCommand("PING")], deadline: start + .milliseconds(150))
            #expect(await urgent == [.failure(.timeout(mayHaveExecuted: false))])
            #expect(ContinuousClock.now - start < .milliseconds(290))
            #expect(await early == [.failure(.timeout(mayHaveExecuted: true))])
            let error = await #expect(throws: RedisError.self) {
                try await client.send(RedisCommand("PING"), deadline: .now + .milliseconds(500))
            }
            #expect(error?.mayHaveExecuted == false)
            #expect(ContinuousClock.now - start < .seconds(2))
            server.signal(SIGCONT)
            #expect(try await client.send(RedisCommand("ECHO", "again")).asText() == "again")
            #expect(client.statistics.timeouts == 3)
        }
    }

    @Test func aKilledServerIsFoundAgainAfterItsRestart() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            let tally = try await Crowd().send(through: client) {
                try await eventually { client.statistics.repliesReceived > 500 }
                await server.crash()
                try await eventually { client.statistics.connectionsLost == 1 }
                try await server.start()
                let before = client.statistics.repliesReceived
                try await eventually { client.statistics.repliesReceived > before + 500 }
            }
            #expect(tally.mismatched == 0)
            // Only the commands in flight at that moment failed; the others waited for the new server.
            #expect(tally.errors.count <= 20)
            #expect(tally.errors.allSatisfy { $0 == .connectionLost(mayHaveExecuted: true) })
        }
    }

    @Test func killedConnectionsUnderLoadMixNothingUp() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            let admin = server.client()
            let tally = try await Crowd().send(through: client) {
                for round in 1...30 {
                    let before = client.statistics.repliesReceived
                    try await eventually { client.statistics.repliesReceived > before + 50 }
                    _ = try await admin.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
                    try await eventually { client.statistics.connectionsLost >= round }
                }
            }
            #expect(tally.mismatched == 0)
            #expect(tally.matched > 1_500)
            #expect(tally.errors.count <= 600)
            #expect(tally.errors.allSatisfy { $0 == .connectionLost(mayHaveExecuted: true) })
            #expect(try await client.send(RedisCommand("ECHO", "fine")).asText() == "fine")
        }
    }

    @Test func aConnectionLostWhileIdleCostsNoCommand() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            let admin = server.client()
            for _ in 0..<5 {
                #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
                _ = try await admin.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
            }
            #expect(client.statistics.connectionsOpened == 5)
        }
    }

    @Test func commandsWaitForAServerThatComesUpLate() async throws {
        try await PrivateRedis.with { server in
            await server.crash()
            let client = server.client()
            async let late = client.send(RedisCommand("ECHO", "late"), deadline: .now + .seconds(10))
            let error = await #expect(throws: RedisError.self) {
                try await client.send(RedisCommand("PING"), deadline: .now + .milliseconds(50))
            }
            guard case .connection(let reason) = error else { throw error ?? .closed }
            #expect(reason.contains("Connection refused") || reason.contains("No such file"))
            try await server.start()
            #expect(try await late.asText() == "late")
        }
    }

    @Test func usesTheFirstAddressThatAnswers() async throws {
        try await PrivateRedis.with { server in
            let unknown = RedisConfiguration.Endpoint.tcp(host: "nowhere.invalid", port: 6379)
            let refused = RedisConfiguration.Endpoint.tcp(host: "localhost", port: 1)
            let client = server.client { $0.endpoints = [unknown, refused] + $0.endpoints }
            let reply = try await client.send(RedisCommand("PING"), deadline: .now + .seconds(10))
            #expect(reply == .status("PONG"))
            let lost = server.client { $0.endpoints = [refused] }
            let error = await #expect(throws: RedisError.self) {
                try await lost.send(RedisCommand("PING"), deadline: .now + .milliseconds(500))
            }
            #expect(error == .connection("localhost:1: Connection refused"))
        }
    }

    @Test func aLostPipelineIsNotContinuedElsewhere() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            _ = try await client.send(RedisCommand("PING"))
            server.signal(SIGSTOP)
            let value = RedisArgument.bytes([UInt8](repeating: 1, count: 100_000))
            let commands = (0..<100).map { RedisCommand("SET", "k\($0)", value) }
            async let outcomes = client.send(pipeline: commands)
            try await eventually { client.statistics.inFlight == 100 }
            await server.crash()
            let errors = await outcomes.map { outcome in
                guard case .failure(let error) = outcome else { return RedisError.closed }
                return error
            }
            #expect(errors.first == .connectionLost(mayHaveExecuted: true))
            #expect(errors.last == .connectionLost(mayHaveExecuted: false))
            try await server.start()
            #expect(try await client.send(RedisCommand("DBSIZE")).asInt() == 0)
        }
    }

    @Test func cancelledCommandsMakeRoomWhileTheServerIsAway() async throws {
        try await PrivateRedis.with { server in
            await server.crash()
            let client = server.client { $0.maximumQueuedCommands = 2_000 }
            for _ in 0..<3 {
                let tasks = (0..<1_200).map { _ in
                    Task { await client.send(pipeline: [RedisCommand("PING")], deadline: .now + .seconds(60)) }
                }
                try await eventually { client.statistics.waiting >= 1_200 }
                let start = ContinuousClock.now
                for task in tasks {
                    task.cancel()
                }
                for task in tasks {
                    #expect(await task.value == [.failure(.cancelled)])
                }
                #expect(ContinuousClock.now - start < .seconds(2))
                try await eventually { client.statistics.waiting < 500 }
            }
        }
    }
}
