import Foundation
import JSON
import Logging
import Postgres
import Settings
import Store
import TestBed
import TestSupport
import Testing

@testable import Runtime

/// Posts to a receiver over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct NotifierTests {
    private static let key = "0123456789abcdef0123456789abcdef"
    private static let now = Date(timeIntervalSince1970: 1_780_000_000)

    private struct Stage {
        let fixture: DeliveryFixture
        let receiver: HookReceiver
        let log: LogCollector
        let notifier: Notifier

        /// Moves Postgres's clock, as far as posts are concerned.
        func pass(_ seconds: Double) async throws {
            try await fixture.pool.execute(
                """
                UPDATE notification_posts SET "dueAt" = "dueAt" - \(seconds) * interval '1 second',
                    "firstAt" = "firstAt" - \(seconds) * interval '1 second'
                """
            )
        }
    }

    private static func notifier(
        _ fixture: DeliveryFixture,
        environment: [String: String],
        log: LogCollector,
        times: Notifier.Times = Notifier.Times()
    ) -> Notifier {
        Notifier(
            notifications: NotificationRepository(pool: fixture.pool),
            tokens: TokenResolver(environment: environment),
            times: times,
            now: { now },
            logger: log.logger
        )
    }

    /// A run of 4 messages of a tenant whose receiver is on this machine.
    private static func withStage(
        url: String = "env:HOOK",
        format: String = "json",
        environment: [String: String]? = nil,
        answer: @escaping HookReceiver.Answer = { _ in (200, nil) },
        _ body: (Stage, UUID) async throws -> Void
    ) async throws {
        try await DeliveryFixture.with(contacts: 4) { fixture in
            try await HookReceiver.withRunning(answer: answer) { receiver, address in
                let notify: JSONValue = [
                    "url": .string(url), "secret": "env:KEY", "format": .string(format),
                    "on": ["paused", "failed", "completed", "quota", "template"],
                ]
                try await fixture.pool.execute(
                    """
                    INSERT INTO tenants ("tenantId", name, notify)
                    VALUES (\(DeliveryFixture.tenant), 'acme', \(PostgresJSON(text: notify.canonicalText)))
                    """
                )
                let log = LogCollector()
                let all = environment ?? ["HOOK": address + "/hook?a=b%20c", "KEY": key]
                let stage = Stage(
                    fixture: fixture,
                    receiver: receiver,
                    log: log,
                    notifier: notifier(fixture, environment: all, log: log)
                )
                try await body(stage, try await fixture.launch())
            }
        }
    }

    @Test func aPostIsSignedAndTellsWhatHappened() async throws {
        try await Self.withStage { stage, run in
            try await stage.fixture.runs.pause(
                run,
                reason: "call +254 700 100200 or 254700100200",
                by: .command("jane")
            )
            #expect(try await stage.notifier.postDue() == 1)
            #expect(try await stage.notifier.postDue() == 0)
            let post = try #require(stage.receiver.posts.first)
            #expect(stage.receiver.posts.count == 1)
            #expect(post.path == "/hook?a=b%20c")
            #expect(post.isSigned(with: Self.key) && !post.isSigned(with: "another"))
            #expect(post.headers["x-campaigns-timestamp"] == "1780000000")
            #expect(post.headers["x-campaigns-id"] == post.json["id"]?.stringValue)
            #expect(post.json["tenant"] == "acme" && post.json["reason"] == "paused" && post.json["count"] == 1)
            let event = try #require(post.json["events"]?[0])
            #expect(event["campaign"] == "spring" && event["what"] == "paused" && event["who"] == "command:jane")
            #expect(event["runId"] == .string(run.uuidString.lowercased()))
            #expect(event["numbers"]?["waiting"] == 4)
            #expect(event["why"] == "call … or …", "no phone numbers")
            let delivered = try await stage.fixture.pool.query("SELECT \"postedAt\" IS NOT NULL FROM notifications")
            #expect(try delivered[0].decode(0, as: Bool.self))
            #expect(!stage.log.text.contains("127.0.0.1") && !stage.log.text.contains(Self.key))
        }
    }

    @Test func failuresAreRepeatedWithTheSameID() async throws {
        let answer: HookReceiver.Answer = { number in
            switch number {
            case 1: (500, nil)
            case 2: (302, nil)
            case 3: (429, 900)
            default: (201, nil)
            }
        }
        try await Self.withStage(answer: answer) { stage, run in
            try await stage.fixture.runs.pause(run, reason: "no", by: .answer)
            try await stage.notifier.postDue()
            try await stage.pass(30)
            #expect(try await stage.notifier.postDue() == 0)
            try await stage.pass(45)
            #expect(try await stage.notifier.postDue() == 1)
            // A redirect is not followed.
            try await stage.pass(145)
            #expect(try await stage.notifier.postDue() == 1)
            try await stage.pass(800)
            #expect(try await stage.notifier.postDue() == 0)
            try await stage.pass(101)
            #expect(try await stage.notifier.postDue() == 1)
            try await stage.pass(7200)
            #expect(try await stage.notifier.postDue() == 0)
            #expect(stage.receiver.posts.count == 4)
            #expect(Set(stage.receiver.posts.map(\.body)).count == 1)
            #expect(stage.log.text.contains("HTTP 500") && stage.log.text.contains("redirects are not followed"))
        }
    }

    @Test func aReceiverThatIsGoneIsGivenUpWithOneLine() async throws {
        try await Self.withStage(answer: { _ in (404, nil) }) { stage, run in
            try await stage.fixture.runs.pause(run, reason: "no", by: .answer)
            for _ in 1...20 {
                try await stage.notifier.postDue()
                try await stage.pass(4400)
            }
            let lines = stage.log.text.split(separator: "\n").filter { $0.contains("given up") }
            #expect(lines.count == 1 && lines[0].hasPrefix("error") && lines[0].contains("HTTP 404"), "\(lines)")
            #expect((5...14).contains(stage.receiver.posts.count), "\(stage.receiver.posts.count)")
        }
    }

    @Test(arguments: [
        ["KEY": key], ["HOOK": "https://localhost:1/x"], ["HOOK": "http://ops.example/x", "KEY": key],
        ["HOOK": "nonsense", "KEY": key],
    ])
    func aReferenceThatLeadsNowhereIsLoggedAndWaits(environment: [String: String]) async throws {
        try await Self.withStage(environment: environment) { stage, run in
            try await stage.fixture.runs.pause(run, reason: "no", by: .answer)
            for _ in 1...3 {
                #expect(try await stage.notifier.postDue() == 1)
                try await stage.pass(100_000)
            }
            let lines = stage.log.text.split(separator: "\n")
            #expect(lines.count == 1 && lines[0].contains("Notification waits"), "\(lines)")
            #expect(!stage.log.text.contains("ops.example") && !stage.log.text.contains("nonsense"))
            #expect(stage.receiver.posts.isEmpty)
            // The daemon starts again with what was missing.
            try await HookReceiver.withRunning { other, address in
                let mended = Self.notifier(
                    stage.fixture,
                    environment: ["HOOK": address, "KEY": Self.key],
                    log: stage.log
                )
                let posted = try await mended.postDue()
                #expect(posted == 1)
                #expect(other.posts.map(\.path) == ["/"])
                #expect(other.posts[0].isSigned(with: Self.key))
            }
        }
    }

    @Test func aFileIsReadWheneverItIsNeeded() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "hook-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try await Self.withStage(url: "file:\(file.path)", environment: ["KEY": Self.key]) { stage, run in
            try await stage.fixture.runs.pause(run, reason: "no", by: .answer)
            try await stage.notifier.postDue()
            #expect(stage.log.text.contains("cannot be read"))
            try await HookReceiver.withRunning { other, address in
                try "\(address)/later\n".write(to: file, atomically: true, encoding: .utf8)
                try await stage.pass(60)
                try await stage.notifier.postDue()
                #expect(other.posts.map(\.path) == ["/later"])
            }
        }
    }

    @Test func slackGetsATextWithWhatToDo() async throws {
        try await Self.withStage(format: "slack") { stage, run in
            try await stage.fixture.pool.execute("UPDATE campaigns SET title = 'Spring <!channel> & more'")
            try await stage.fixture.runs.pause(run, reason: "132000: no", by: .guardRail("alike"))
            try await stage.notifier.postDue()
            let text = try #require(stage.receiver.posts.first?.json["text"]?.stringValue)
            #expect(
                text == "*acme*: campaign Spring &lt;!channel&gt; &amp; more (spring) was paused by the alike guard: "
                    + "132000: no. To go on: `campaignd resume acme/spring`"
            )
            #expect(stage.receiver.posts[0].json.objectKeys == ["text"])
            try await stage.fixture.runs.resume(run)
            try await stage.fixture.runs.pause(run, reason: "wrong", by: .command("jane"))
            try await stage.fixture.runs.resume(run)
            try await stage.fixture.runs.pause(run, reason: "wrong again", by: .command("jane"))
            try await stage.pass(60)
            try await stage.notifier.postDue()
            let joined = try #require(stage.receiver.posts.last?.json["text"]?.stringValue)
            #expect(joined.hasPrefix("*acme*: 2 events\n• campaign Spring"))
            #expect(joined.split(separator: "\n").count == 3)
        }
    }

    @Test func twoDaemonsPostOnce() async throws {
        try await Self.withStage { stage, run in
            try await stage.fixture.runs.pause(run, reason: "no", by: .answer)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...4 { group.addTask { try await stage.notifier.postDue() } }
                let posted = try await group.reduce(0, +)
                #expect(posted == 1)
            }
            #expect(stage.receiver.posts.count == 1)
        }
    }

    @Test func delaysGrowAndEnd() {
        let times = Notifier.Times()
        #expect(times.delay(after: 1, random: 0) == .seconds(60))
        #expect(times.delay(after: 3, random: 0) == .seconds(240))
        #expect(times.delay(after: 3, random: 1) == .seconds(288))
        #expect(times.delay(after: 100, random: 0) == .seconds(3600))
    }

    /// The whole daemon: a run completes, and the receiver hears of it without any look of the test.
    @Test func aDaemonTellsOfACompletedRun() async throws {
        try await DeliveryFixture.with(contacts: 4) { fixture in
            try await HookReceiver.withRunning { receiver, address in
                let notify = "{\"url\":\"\(address)/done\",\"format\":\"slack\",\"on\":[\"completed\"]}"
                try await fixture.pool.execute(
                    """
                    INSERT INTO tenants ("tenantId", name, notify)
                    VALUES (\(DeliveryFixture.tenant), 'acme', \(PostgresJSON(text: notify)))
                    """
                )
                try await fixture.withDaemon { _ in
                    let run = try await fixture.launch()
                    try await fixture.completes(run)
                    try await eventually("the receiver hears of it") { !receiver.posts.isEmpty }
                }
                let text = receiver.posts.first?.json["text"]?.stringValue ?? ""
                #expect(text.contains("spring is complete: 4 recipients, 4 accepted"), "\(text)")
                #expect(receiver.posts[0].headers["x-campaigns-signature"] == nil)
            }
        }
    }
}

extension JSONValue {
    /// The keys of an object, sorted.
    fileprivate var objectKeys: [String] {
        if case .object(let fields) = self { fields.keys.sorted() } else { [] }
    }
}
