import Foundation
import NIOCore
import NIOPosix
import Postgres
import Redis
import Store
import TestSupport
import Testing

@testable import AccessTokens
@testable import Daemon
@testable import Runtime
@testable import Settings

/// The log of a start names functions that are off, and an error says why a daemon does not start.
struct DaemonStartTests {
    private static func configuration() throws -> DaemonConfiguration {
        DaemonConfiguration(
            postgres: try PostgresConfiguration("postgresql://localhost/x", applicationName: "test"),
            redis: try RedisConfiguration(url: "redis://localhost:6379/0")
        )
    }

    @Test func whatIsNotSetIsToldWithItsConsequence() throws {
        let gaps = try Self.configuration().gaps(senders: ["acme/main: the environment variable TOKEN is not set"])
        #expect(gaps.count == 4)
        #expect(gaps[0].contains("503") && gaps[0].contains("JWT_SECRET"))
        #expect(gaps[1].contains("WHATSAPP_APP_SECRET") && gaps[1].contains("webhooks are refused"))
        #expect(gaps[2].contains("WHATSAPP_VERIFY_TOKEN"))
        #expect(gaps[3].contains("acme/main: the environment variable TOKEN is not set"))
        var complete = try Self.configuration()
        complete.tokens = try TokenSettings.read(Variables(["JWT_SECRET": TestToken.secret]))
        (complete.appSecret, complete.verifyToken) = ("secret", "token")
        #expect(complete.gaps(senders: []) == [])
        let many = complete.gaps(senders: (1...25).map { "acme/s\($0): no" })
        #expect(many.count == 11 && many[10] == "Sender has no access token, its messages wait: 15 more")
        let receivers = complete.gaps(senders: [], receivers: ["acme: notify.secret: KEY is not set"])
        #expect(receivers.count == 1 && receivers[0].contains("not told") && receivers[0].contains("KEY is not set"))
        let forwards = complete.gaps(senders: [], forwards: ["acme: webhook.forward: INBOX is not set"])
        #expect(forwards.count == 1 && forwards[0].contains("passed on") && forwards[0].contains("INBOX is not set"))
    }

    @Test func aPortInUseIsOneLineWithItsVariable() async throws {
        let other = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let error = await #expect(throws: ListeningError.self) {
            try await ListeningError.check(host: "127.0.0.1", port: port)
        }
        let text = try #require(error?.description)
        #expect(text.hasPrefix("cannot listen on 127.0.0.1:\(port): another program uses the port"))
        #expect(text.contains("HTTP_PORT") && !text.contains("\n"))
        try await other.close()
        try await ListeningError.check(host: "127.0.0.1", port: port)
        try await ListeningError.check(host: "127.0.0.1", port: 0)
    }

    /// Asks the Redis of an address as the start does, and returns the refusal.
    private static func refusal(_ url: String) async throws -> String? {
        let client = RedisClient(configuration: try RedisConfiguration(url: url), logger: TestDatabase.logger)
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

    @Test(.enabled(if: TestRedis.isAvailable)) func onlyWhatHealsKeepsADaemonWaitingForRedis() async throws {
        let url = try #require(ProcessInfo.processInfo.environment["REDIS_URL"])
        let address = try #require(url.split(separator: "@").last?.split(separator: "/").first)
        #expect(try await Self.refusal(url) == nil)
        for (wrong, words) in [
            ("redis://:wrong@\(address)/0", "correct the user and the password"),
            ("redis://unknown:wrong@\(address)/0", "correct the user and the password"),
            ("redis://\(address)/0", "redis://:PASSWORD@HOST"),
            (url.replacing(/\/0$/, with: "/4711"), "correct the database"),
        ] {
            let refusal = try #require(try await Self.refusal(wrong), "\(wrong)")
            #expect(refusal.contains(words) && refusal.hasSuffix("(REDIS_URL)"), "\(wrong): \(refusal)")
        }
        // Whether a name is unknown, only the DNS of the machine can say.
        let unknown = RedisStartError(
            reason: .unknownHost("redsi"),
            remedy: RedisError.unknownHost("redsi").remedyOfStart ?? ""
        )
        #expect(unknown.description.contains("the host 'redsi' is unknown; correct the host"))
        // The server may come back.
        #expect(try await Self.refusal("redis://127.0.0.1:1") == nil)
    }
}
