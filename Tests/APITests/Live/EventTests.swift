import AccessTokens
import AsyncHTTPClient
import Foundation
import JSON
import NIOHTTP1
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import API
@testable import Runtime

/// `GET /events`: the present state and its changes, with real Postgres, Redis and HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct EventTests {
    /// Launches a campaign and writes its messages.
    private static func launch(_ api: APIFixture, _ name: String, tenant: String = "acme") async throws {
        let created = try await api.call("POST", "/campaigns", APIFixture.draft(name), tenant: tenant)
        #expect(try await api.call("POST", "/campaigns/\(created.id)/send", tenant: tenant).status == 202)
        try await api.finishLaunches()
    }

    @Test func showsTheStateAndThenWhatChanges() async throws {
        try await APIFixture.with(contacts: 4) { api in
            try await Self.launch(api, "spring")
            try await EventStream.with(api) { stream in
                #expect(stream.status == 200 && stream.headers.first(name: "Content-Type") == "text/event-stream")
                #expect(stream.headers.first(name: "Cache-Control") == "no-store")
                try await eventually("a snapshot") { !stream.events.isEmpty }
                let first = try #require(stream.events.first)
                #expect(first.name == "snapshot" && first.data["removed"] == nil)
                let run = try #require(first.run("spring"))
                #expect(run["status"] == "running" && run["recipientCount"] == 4 && run["tried"] == 0)
                #expect(run["messages"]?["pending"] == 4 && run["limit"] == 80)
                #expect(run["share"] == .number(1))
                #expect(run["waiting"]?["reason"] == "no_daemon", "the test runs no heartbeat")
                let sender = try #require(first.items(.senders).first)
                #expect(sender["name"] == "main" && sender["limit"] == 80 && sender["openRuns"] == 1)
                #expect(sender["ready"] == 0 && sender["quota"]?["limit"] == 1_000 && sender["circuit"] == "closed")

                try await api.pool.execute("UPDATE campaign_runs SET pending = 1, sent = 3")
                try await eventually("the counters") { stream.shown(.runs).values.first?["tried"] == 3 }
                let change = try #require(stream.events.first { $0.run("spring")?["tried"] == 3 })
                #expect(change.name == "change" && change.items(.daemons).isEmpty, "only what has changed")
                try await eventually("a rate") { stream.shown(.senders).values.first?["rate"]?.isPositive ?? false }

                try await api.pool.execute(
                    """
                    INSERT INTO daemon_heartbeats (id, version, lanes)
                    VALUES ('8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c', '1.4.0', '[]')
                    """
                )
                try await eventually("the daemon") { stream.shown(.daemons).values.first?["isLive"] == true }
                try await eventually("it moves") { stream.shown(.runs).values.first?["waiting"]?["reason"] == "moving" }
                try await api.pool.execute("DELETE FROM daemon_heartbeats")
                try await eventually("no daemon") { stream.shown(.daemons).isEmpty }
                #expect(stream.events.contains { $0.removed(.daemons) == ["8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c"] })
                let ids = stream.events.map(\.id)
                #expect(Set(ids).count == ids.count && stream.events.dropFirst().allSatisfy { $0.name == "change" })
            }
        }
    }

    @Test func tellsOfAPauseWithinASecond() async throws {
        try await APIFixture.with(contacts: 2) { api in
            try await Self.launch(api, "spring")
            // Otherwise it would wait for a daemon first of all.
            try await api.pool.execute(
                "INSERT INTO daemon_heartbeats (id, version, lanes) VALUES (gen_random_uuid(), '1.4.0', '[]')"
            )
            let id = try await api.call("GET", "/campaigns").json["items"]?.arrayValue?.first?["id"]?.stringValue ?? ""
            try await EventStream.with(api) { stream in
                try await eventually("a snapshot") { !stream.events.isEmpty }
                let start = ContinuousClock.now
                let reason: JSONValue = ["reason": "wrong price"]
                #expect(try await api.call("POST", "/campaigns/\(id)/pause", reason).status == 200)
                try await eventually("the pause") { stream.shown(.runs).values.first?["status"] == "paused" }
                #expect(ContinuousClock.now - start < .seconds(4), "the machine may be busy; the interval is 0.8 s")
                let waiting = stream.shown(.runs).values.first?["waiting"]
                #expect(waiting?["by"] == "api:tester" && waiting?["detail"] == "wrong price")
                #expect(try await api.call("POST", "/campaigns/\(id)/cancel").status == 200)
                try await eventually("the end") { stream.shown(.runs).values.first?["status"] == "cancelled" }
            }
        }
    }

    @Test func showsNobodyTheRunsOfAnotherTenant() async throws {
        try await APIFixture.with(contacts: 2) { api in
            try await api.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", name) VALUES ('other', '+254799999999', 'Somebody')
                """
            )
            try await Self.launch(api, "spring")
            try await Self.launch(api, "secret", tenant: "other")
            try await EventStream.with(api) { acme in
                try await EventStream.with(api, token: try TestToken.text(tenant: "other")) { other in
                    try await eventually("snapshots") { !acme.events.isEmpty && !other.events.isEmpty }
                    try await Self.launch(api, "later", tenant: "other")
                    try await eventually("a change") { other.shown(.runs).count == 2 || other.events.count > 1 }
                    try await api.pool.execute("UPDATE senders SET \"ratePerSecond\" = \"ratePerSecond\" + 1")
                    try await eventually("both know the rate") {
                        acme.shown(.senders).values.first?["limit"] == 81
                            && other.shown(.senders).values.first?["limit"] == 81
                    }
                    let texts = (acme.events.map(\.data.canonicalText), other.events.map(\.data.canonicalText))
                    #expect(texts.0.contains { $0.contains("spring") } && !texts.0.contains { $0.contains("secret") })
                    #expect(!texts.0.contains { $0.contains("later") } && !texts.1.contains { $0.contains("spring") })
                    #expect(acme.shown(.senders).count == 1 && other.shown(.senders).count == 1)
                    // The id of a message of another tenant is not known.
                    let last = try #require(acme.events.last?.id)
                    try await EventStream.with(api, token: try TestToken.text(tenant: "other"), after: last) { again in
                        try await eventually("a snapshot") { again.events.first?.name == "snapshot" }
                    }
                }
            }
        }
    }

    @Test func endsWhenTheKeyOfTheTokenIsRemoved() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try TestToken.secret.write(to: file, atomically: true, encoding: .utf8)
        var options = LiveFeed.Options.patient
        options.heartbeat = .milliseconds(100)
        try await APIFixture.with(tokens: ["JWT_SECRET": "file:\(file.path)"], liveOptions: options) { api in
            try await EventStream.with(api) { stream in
                try await eventually("a snapshot") { !stream.events.isEmpty }
                try (TestToken.secret + " of tomorrow").write(to: file, atomically: true, encoding: .utf8)
                try await eventually("the end") { stream.isOver }
                #expect(try await api.call("GET", "/session").status == 401)
            }
        }
    }

    @Test func goesOnFromTheLastMessage() async throws {
        try await APIFixture.with(contacts: 3) { api in
            try await Self.launch(api, "spring")
            let last = Mutex("")
            try await EventStream.with(api) { stream in
                try await eventually("a snapshot") { !stream.events.isEmpty }
                last.withLock { $0 = stream.events.last?.id ?? "" }
            }
            try await api.pool.execute("UPDATE campaign_runs SET pending = 2, sent = 1")
            let known = last.withLock { $0 }
            try await EventStream.with(api, after: known) { stream in
                try await eventually("a change") { !stream.events.isEmpty }
                #expect(stream.events.allSatisfy { $0.name == "change" }, "the rest is known")
                try await eventually("what was missed") { stream.events.contains { $0.run("spring")?["tried"] == 1 } }
            }
            let (version, other) = (known.split(separator: "-").last ?? "", UUID().uuidString.lowercased())
            for unknown in ["\(other)-\(version)", "\(known)9", "x", "-", "\(known.dropLast(version.count))-1"] {
                try await EventStream.with(api, after: unknown) { stream in
                    try await eventually("a snapshot") { stream.events.first?.name == "snapshot" }
                }
            }
        }
    }

    @Test func endsWithTheToken() async throws {
        try await APIFixture.with { api in
            let token = try TestToken.text(lifetime: 3)
            try await EventStream.with(api, token: token) { stream in
                try await eventually("a snapshot") { !stream.events.isEmpty }
                #expect(!stream.isOver)
                try await eventually("the end") { stream.isOver }
            }
            try await eventually("the place is free") { api.live.streams == 0 }
            let again = try await api.send("GET", "/events", headers: ["Authorization": "Bearer \(token)"])
            #expect(again.status == 401)
        }
    }

    /// The server waits for its answers, so a stream that did not end would keep it.
    @Test func endsAtAShutdownAtOnce() async throws {
        try await APIFixture.with { api in
            try await EventStream.with(api) { stream in
                try await eventually("a snapshot") { !stream.events.isEmpty }
                let start = ContinuousClock.now
                await api.shutDown()
                try await eventually("the end") { stream.isOver }
                #expect(ContinuousClock.now - start < .seconds(5))
            }
        }
    }

    @Test func servesSoManyStreamsAndNoMore() async throws {
        var options = LiveFeed.Options.patient
        options.capacity = 3
        // A heartbeat shows that a client is gone.
        options.heartbeat = .milliseconds(100)
        try await APIFixture.with(liveOptions: options) { api in
            try await EventStream.with(api) { first in
                try await EventStream.with(api) { _ in
                    try await EventStream.with(api) { third in
                        try await eventually("snapshots") { !first.events.isEmpty && !third.events.isEmpty }
                        let refused = try await api.call("GET", "/events")
                        #expect((refused.status, refused.code) == (503, "unavailable"))
                        #expect(refused.header("Retry-After") == "10")
                        // An answer without a body takes no place for long.
                        #expect(try await api.call("HEAD", "/events").status == 503)
                    }
                    try await eventually("the client is gone") { api.live.streams < 3 || first.events.count > 1_000 }
                }
            }
            try await eventually("all places are free") { api.live.streams == 0 }
            for _ in 1...10 { #expect(try await api.call("HEAD", "/events").status == 200) }
            try await eventually("and stay so") { api.live.streams == 0 }
        }
        #expect(LiveFeed.Options().capacity == 100)
    }

    @Test func noTenantTakesTheStreamsOfOthers() async throws {
        var options = LiveFeed.Options.patient
        options.tenantCapacity = 2
        // A heartbeat shows that a client is gone.
        options.heartbeat = .milliseconds(100)
        try await APIFixture.with(liveOptions: options) { api in
            try await EventStream.with(api) { first in
                try await EventStream.with(api) { second in
                    try await eventually("snapshots") { !first.events.isEmpty && !second.events.isEmpty }
                    let refused = try await api.call("GET", "/events")
                    #expect((refused.status, refused.code) == (429, "too_many_requests"))
                    #expect(refused.header("Retry-After") == "10" && refused.text.contains("2 streams"))
                    #expect(try await api.call("HEAD", "/events", tenant: "other").status == 200)
                }
                try await eventually("a place is free") { api.live.streams < 2 }
                #expect(try await api.call("HEAD", "/events").status == 200)
            }
        }
        #expect(LiveFeed.Options().tenantCapacity == 25)
    }

    @Test func showsThatAQuietStreamLives() async throws {
        var options = LiveFeed.Options.patient
        let clock = ManualClock()
        (options.clock, options.spacing) = (clock, .zero)
        // The readings of an idle tenant change nothing.
        try await APIFixture.with(liveOptions: options) { api in
            try await EventStream.with(api) { stream in
                try await eventually("a snapshot") { !stream.events.isEmpty }
                for count in 1...3 {
                    try await eventually("it waits") { clock.sleepers > 0 }
                    #expect(stream.comments == count - 1)
                    clock.advance(by: .seconds(15))
                    try await eventually("a heartbeat") { stream.comments == count }
                }
            }
        }
    }

    @Test func listsSendersAndDaemons() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let senders = try await api.call("GET", "/senders")
            #expect(senders.status == 200)
            #expect(senders.json["items"]?.arrayValue?.map { $0["name"] } == ["main"])
            #expect(try await api.call("GET", "/daemons").json == ["items": []])
            try await api.pool.execute(
                """
                INSERT INTO daemon_heartbeats (id, version, lanes, "lastSeen")
                VALUES ('8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c', '1.4.0', '[]', now() - interval '1 minute')
                """
            )
            try await eventually("the daemon") {
                let items = try await api.call("GET", "/daemons").json["items"]?.arrayValue ?? []
                return items.first?["isLive"] == false && items.first?["version"] == "1.4.0"
            }
        }
    }
}

extension JSONValue {
    fileprivate var isPositive: Bool {
        switch self {
        case .integer(let value): value > 0
        case .number(let value): value > 0
        default: false
        }
    }
}
