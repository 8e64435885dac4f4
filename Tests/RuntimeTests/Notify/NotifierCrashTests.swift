import Foundation
import JSON
import Postgres
import Store
import TestBed
import TestSupport
import Testing

@testable import Runtime

/// A daemon that is killed after a receiver took a post and before Postgres knows.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct NotifierCrashTests {
    private static func start(
        _ fixture: DeliveryFixture,
        hook: String,
        _ more: [String: String] = [:]
    ) async throws -> ChildProcess {
        var environment = ProcessInfo.processInfo.environment
        let name = try await fixture.pool.query("SELECT current_database()")[0].decode(0, as: String.self)
        var url = try #require(URLComponents(string: environment["DATABASE_URL"] ?? ""))
        url.path = "/\(name)"
        environment["DATABASE_URL"] = url.string
        environment["HTTP_PORT"] = "0"
        environment["WHATSAPP_API_URL"] = fixture.api
        environment["TOKEN"] = "token"
        environment["HOOK"] = hook
        environment["KEY"] = "key"
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let daemon = try await ChildProcess.start(
            root.appending(path: ".build/debug/campaignd").path,
            ["run"],
            environment: environment.merging(more) { $1 },
            output: .captured
        )
        return daemon
    }

    @Test(.timeLimit(.minutes(3)))
    func thePostIsRepeatedWithItsID() async throws {
        try await DeliveryFixture.with(contacts: 2) { fixture in
            try await HookReceiver.withRunning { receiver, address in
                let notify = #"{"url":"env:HOOK","secret":"env:KEY","format":"json","on":["paused"]}"#
                try await fixture.pool.execute(
                    """
                    INSERT INTO tenants ("tenantId", name, notify)
                    VALUES (\(DeliveryFixture.tenant), 'acme', \(PostgresJSON(text: notify)))
                    """
                )
                let first = try await Self.start(fixture, hook: address, ["CRASH_AT": "notificationPosted"])
                let run = try await fixture.launch()
                try await fixture.runs.pause(run, reason: "no", by: .command("jane"))
                try await eventually(within: .seconds(90), "the daemon has posted and died") { !first.isRunning }
                #expect(receiver.posts.count == 1, "\(first.errors)")
                func delivered() async throws -> Int {
                    let rows = try await fixture.pool.query(
                        "SELECT count(*) FROM notifications WHERE \"postedAt\" IS NOT NULL"
                    )
                    return try rows[0].decode(0)
                }
                #expect(try await delivered() == 0)
                // The claim of the dead daemon ends.
                try await fixture.pool.execute("UPDATE notification_posts SET \"dueAt\" = now()")
                let second = try await Self.start(fixture, hook: address)
                try await eventually(within: .seconds(90), "the post is repeated") { try await delivered() == 1 }
                second.signal(SIGTERM)
                #expect(try await second.outcome().exitCode == 0)
                let ids = receiver.posts.map { $0.json["id"] }
                #expect(ids.count == 2 && Set(ids).count == 1)
                #expect(receiver.posts.allSatisfy { $0.isSigned(with: "key") })
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aWebhookThatWasPassedOnAndNotDeletedIsPassedOnAgain() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await HookReceiver.withRunning { receiver, address in
                try await fixture.pool.execute(
                    """
                    INSERT INTO tenants ("tenantId", name, webhook)
                    VALUES (\(DeliveryFixture.tenant), 'acme', '{"forward": "env:HOOK"}')
                    """
                )
                let forwards = ForwardRepository(pool: fixture.pool)
                try await forwards.addReceivers()
                try await forwards.store(
                    ["one", "two"].map {
                        ForwardedWebhook(tenantID: DeliveryFixture.tenant, signature: "s", body: Data($0.utf8))
                    }
                )
                let first = try await Self.start(fixture, hook: address, ["CRASH_AT": "webhooksForwarded"])
                try await eventually(within: .seconds(90), "the daemon has posted and died") { !first.isRunning }
                #expect(receiver.posts.map(\.body) == ["one", "two"], "\(first.errors)")
                // The lease of the dead daemon ends.
                try await fixture.pool.execute("UPDATE webhook_receivers SET \"leasedUntil\" = now()")
                let second = try await Self.start(fixture, hook: address)
                try await eventually(within: .seconds(90), "nothing waits") {
                    try await fixture.pool.query("SELECT FROM webhook_forwards").isEmpty
                }
                second.signal(SIGTERM)
                #expect(try await second.outcome().exitCode == 0)
                #expect(receiver.posts.map(\.body) == ["one", "two", "one", "two"])
            }
        }
    }
}
