import Foundation
import Redis
import Store
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Daemon
@testable import Runtime

/// The user of Redis that `docs/configuration.md` describes has what a daemon needs, and no more.
struct RedisRightsTests {
    /// The words of the line `ACL SETUSER` in the docs, with a password.
    private static func line() throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER campaigns ") })
        return line.split(separator: " ").map { $0 == ">PASSWORD" ? ">pass:word" : String($0) }
    }

    /// Runs a server with the user of a line, and returns the address for that user.
    private static func with<Value>(
        _ line: [String],
        _ body: (RedisServer, String) async throws -> Value
    ) async throws -> Value {
        try await RedisServer.with { server in
            let admin = RedisClient(configuration: server.configuration, logger: TestDatabase.logger)
            let command = RedisCommand(line[0], arguments: line.dropFirst().map { .text($0) })
            let answer = await admin.send(pipeline: [command])
            await admin.shutdown()
            #expect(answer == [.success(.status("OK"))])
            return try await body(server, "redis://campaigns:pass%3Aword@127.0.0.1:\(server.port)")
        }
    }

    /// Asks as the start of a daemon does.
    private static func refusal(_ url: String, prefix: String = "") async throws -> String? {
        var configuration = try RedisConfiguration(url: url)
        configuration.keyPrefix = prefix
        let client = RedisClient(configuration: configuration, logger: TestDatabase.logger)
        let result: Result<String?, any Error>
        do {
            try await RedisStartError.check(client)
            result = .success(nil)
        } catch let error as RedisStartError {
            result = .success(error.description)
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        return try result.get()
    }

    @Test func theLineGrantsWhatIsUsedAndNoMore() throws {
        let granted = try Self.line().filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) }
        #expect(Set(granted) == LaneRights.required.union(LaneRights.optional))
        #expect(Set(granted).count == granted.count)
        // A command of each kind of script, so that the search for them finds something.
        #expect(LaneRights.required.isSuperset(of: ["zmscore", "ltrim", "hincrby", "expire", "time"]))
    }

    @Test(.enabled(if: TestRedis.isAvailable))
    func aMissingRightIsOneLineWithItsRemedy() async throws {
        let line = try Self.line()
        try await Self.with(line) { server, url in
            #expect(try await Self.refusal(url) == nil)
            for command in LaneRights.required.sorted() {
                try await server.send("ACL", "SETUSER", "campaigns", "-\(command)")
                let refusal = try #require(try await Self.refusal(url), "\(command)")
                #expect(refusal.contains("NOPERM") && refusal.contains(command), "\(refusal)")
                #expect(refusal.contains("ACL SETUSER in docs/configuration.md") && refusal.hasSuffix("(REDIS_URL)"))
                #expect(!refusal.contains("\n"))
                try await server.send("ACL", "SETUSER", "campaigns", "+\(command)")
            }
            for command in LaneRights.optional {
                try await server.send("ACL", "SETUSER", "campaigns", "-\(command)")
                #expect(try await Self.refusal(url) == nil, "\(command)")
            }
            // Neither the keys nor the channel of another prefix.
            #expect(try await Self.refusal(url, prefix: "other:")?.contains("NOPERM") == true)
            let wrong = url.replacing("campaigns:", with: "campaign:")
            #expect(try await Self.refusal(wrong)?.contains("correct the user and the password") == true)
        }
        let prefixed = line.map { word in
            word.hasPrefix("~") || word.hasPrefix("&") ? "\(word.prefix(1))staging:\(word.dropFirst())" : word
        }
        try await Self.with(prefixed) { _, url in
            let (own, other) = (try await Self.refusal(url, prefix: "staging:"), try await Self.refusal(url))
            #expect(own == nil)
            #expect(other?.contains("NOPERM") == true)
        }
    }

    @Test(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(3)))
    func aCampaignIsDeliveredWithTheseRights() async throws {
        try await Self.with(try Self.line()) { server, url in
            try await DeliveryFixture.with(contacts: 100, rate: 100, dailyLimit: 1_000) { fixture in
                _ = try await fixture.launch()
                let redis = try RedisConfiguration(url: url)
                try await fixture.withDaemon(redis: redis, ending: .killed) { _ in
                    try await eventually("some are sent") { fixture.simulator.summary().accepted > 20 }
                }
                // The second one takes over what the first one held, and rebuilds what is lost.
                try await fixture.withDaemon(redis: redis) { _ in
                    try await server.send("FLUSHALL")
                    // For a moment all that is left may be claimed, and a daemon that ends then gives it back.
                    try await eventually(within: .seconds(60), "all are tried") {
                        let counts = try await fixture.statuses()
                        let left = counts[.pending, default: 0] + counts[.queued, default: 0]
                        return left == 0 && fixture.simulator.summary().accepted > 50
                    }
                }
                #expect(fixture.simulator.summary().recipientsAcceptedMoreThanOnce == 0)
                // Redis keeps what it has refused to this user.
                let refusals = try await server.send("ACL", "LOG").asArray()
                #expect(refusals.isEmpty, "\(refusals)")
            }
        }
    }
}
