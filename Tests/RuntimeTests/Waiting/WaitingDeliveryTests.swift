import AsyncHTTPClient
import Calendar
import Foundation
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Redis
import Spec
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Daemon
@testable import Runtime

/// What a whole daemon tells of runs that do not send: in the API, `/readyz`, the metrics and the log.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct WaitingDeliveryTests {
    /// A daemon that a test talks to.
    private struct Caller {
        let port: Int

        func text(_ path: String) async throws -> (status: Int, text: String) {
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
            let token = try TestToken.text(tenant: DeliveryFixture.tenant)
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            return (Int(response.status.code), String(buffer: try await response.body.collect(upTo: 1 << 20)))
        }

        func json(_ path: String) async throws -> JSONValue { try JSONValue(parsing: try await text(path).text) }

        /// The campaign of a run, and the run in the list of its runs.
        func views(of run: RunRecord) async throws -> (campaign: JSONValue, run: JSONValue) {
            let path = "/campaigns/\(run.campaignID.uuidString)"
            let runs = try await json(path + "/runs")
            return (try await json(path), runs["items"]?[0] ?? .null)
        }

        /// Waits until a run tells the reason, in each place.
        func expect(
            _ reason: Waiting.Reason,
            of run: RunRecord,
            lane: Bool = true,
            ready: Int = 200,
            hasEnd: Bool = true,
            within limit: Duration = .seconds(30)
        ) async throws -> JSONValue {
            try await eventually(within: limit, "the run tells \(reason.rawValue)") {
                try await views(of: run).run["waiting"]?["reason"]?.stringValue == reason.rawValue
            }
            let (campaign, shown) = try await views(of: run)
            #expect(campaign["waiting"]?["reason"]?.stringValue == reason.rawValue)
            #expect((campaign["estimatedCompletionAt"] != nil) == hasEnd)
            #expect((shown["estimatedCompletionAt"] != nil) == hasEnd)
            if lane {
                // The row of a sender may tell before the lane has asked Redis.
                try await eventually("the lane tells \(reason.rawValue)") {
                    try await json("/readyz")["waiting"]?[0]?["reason"]?.stringValue == reason.rawValue
                }
                let answer = try await text("/readyz")
                #expect(answer.status == ready, "\(answer.text)")
                let lanes = try JSONValue(parsing: answer.text)["waiting"]
                #expect(lanes?[0]?["sender"] == "main" && lanes?[0]?["tenant"] == "acme")
                let sample = "campaigns_lane_waiting{tenant=\"acme\",sender=\"main\",reason=\"\(reason.rawValue)\"} 1"
                try await eventually("the metric follows") { try await text("/metrics").text.contains(sample) }
            }
            return shown["waiting"] ?? .null
        }
    }

    /// The fixture with another address of WhatsApp.
    private static func unreachable(_ fixture: DeliveryFixture) -> DeliveryFixture {
        DeliveryFixture(
            postgres: fixture.postgres,
            pool: fixture.pool,
            redis: fixture.redis,
            group: fixture.group,
            simulator: fixture.simulator,
            // No server listens there.
            api: "http://127.0.0.1:1/v23.0"
        )
    }

    private static func lines(_ log: LogCollector, _ text: String) -> [Substring] {
        log.text.split(separator: "\n").filter { $0.contains(text) }
    }

    @Test(.timeLimit(.minutes(3)))
    func quietHoursAreToldWithTheirEnd() async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 20) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours") VALUES ('acme', 'acme', 'UTC',
                    jsonb_build_object('action', 'wait',
                        'from', to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI'),
                        'to', to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI')))
                """
            )
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon(logger: log.logger) { port in
                let caller = Caller(port: port)
                let waiting = try await caller.expect(.quietHours, of: run)
                let until = Instant(waiting["until"]?.stringValue ?? "")?.date ?? .distantPast
                #expect((3_500...3_600).contains(until.timeIntervalSinceNow))
                let end = try await caller.views(of: run).run["estimatedCompletionAt"]?.stringValue ?? ""
                let seconds = Instant(end)?.date.timeIntervalSince(until) ?? .infinity
                #expect((0...2).contains(seconds), "20 messages after the quiet hours")
                try await fixture.pool.execute("UPDATE tenants SET \"quietHours\" = NULL")
                try await fixture.completes(run.id)
                #expect(try await caller.views(of: run).run["waiting"] == nil, "a run that is over waits for nothing")
            }
            #expect(Self.lines(log, "notice Lane waits").count == 1, "\(log.text)")
            #expect(Self.lines(log, "notice Lane sends again").count == 1)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aMissingTokenIsToldWithItsVariable() async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 20) { fixture in
            try await fixture.pool.execute("UPDATE senders SET \"accessToken\" = 'env:MISSING'")
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon(logger: log.logger) { port in
                let waiting = try await Caller(port: port).expect(.noToken, of: run)
                #expect(waiting["detail"]?.stringValue?.contains("MISSING is not set") == true)
                try await fixture.pool.execute("UPDATE senders SET \"accessToken\" = 'env:TOKEN'")
                try await fixture.completes(run.id)
            }
            #expect(Self.lines(log, "Lane waits").count == 1, "once, not every few seconds")
            #expect(Self.lines(log, "Sender has no access token").count == 1, "told at the start: \(log.text)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func whatsAppIsToldToBeUnreachable() async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 60, rate: 50) { fixture in
            let run = try await fixture.run(try await fixture.launch())
            try await Self.unreachable(fixture).withDaemon(logger: log.logger) { port in
                let waiting = try await Caller(port: port).expect(.whatsappUnreachable, of: run)
                #expect(waiting["detail"]?.stringValue?.hasSuffix("connection refused") == true, "\(waiting)")
            }
            #expect(Self.lines(log, "Lane waits").count == 1, "probes change nothing: \(log.text)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func redisThatIsAwayIsTold() async throws {
        let log = LogCollector()
        let nowhere = try RedisConfiguration(url: "redis://127.0.0.1:1")
        try await DeliveryFixture.with(contacts: 20) { fixture in
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon(redis: nowhere, logger: log.logger) { port in
                let waiting = try await Caller(port: port).expect(.storeUnreachable, of: run, ready: 503)
                #expect(waiting["detail"]?.stringValue?.hasPrefix("Redis: ") == true)
            }
            #expect(Self.lines(log, "Lane waits").count == 1, "each attempt is no change: \(log.text)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aRateLimitIsToldWithItsEnd() async throws {
        let log = LogCollector()
        var faults = SimulatorFaults()
        faults.errors = [.init(share: 1, code: 130429)]
        try await DeliveryFixture.with(contacts: 20, faults: faults) { fixture in
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon(logger: log.logger) { port in
                let waiting = try await Caller(port: port).expect(.rateLimited, of: run)
                let until = Instant(waiting["until"]?.stringValue ?? "")?.date ?? .distantPast
                #expect((1...61).contains(until.timeIntervalSinceNow))
            }
            #expect(Self.lines(log, "Lane waits").count == 1, "\(log.text)")
            let throttles = try await fixture.pool.query("SELECT reason FROM sender_throttles")
            #expect(try throttles.first?.decode(0, as: String.self).hasPrefix("130429") == true)
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: ["wait", "pause"])
    func usedUpQuotaIsToldWithItsReturn(onQuotaExhausted: String) async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 20, onQuotaExhausted: onQuotaExhausted) { fixture in
            // The simulator would count every recipient against its limit; our quota counts half of them.
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 4")
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon(logger: log.logger) { port in
                let waiting = try await Caller(port: port).expect(.quota, of: run)
                // The hour in which it was charged counts until it is 24 hours old as a whole.
                let hour = (Date().timeIntervalSince1970 / 3_600).rounded(.down) * 3_600
                let until = Instant(waiting["until"]?.stringValue ?? "")?.date.timeIntervalSince1970 ?? 0
                #expect(abs(until - hour - 25 * 3_600) < 3_605, "this hour, or the one before")
                #expect(waiting["detail"]?.stringValue?.contains("resume") == (onQuotaExhausted == "pause"))
                let actions = try await Caller(port: port).views(of: run).run["actions"]?.arrayValue ?? []
                #expect(actions.first?["who"] == "guard:quota" && actions.first?["action"] == "pause")
            }
        }
    }

    /// A template that WhatsApp stopped is told apart from what a guard or a person pauses.
    @Test(
        .timeLimit(.minutes(3)),
        arguments: [
            (132015, Waiting.Reason.templateNotApproved, "guard:template"), (131042, .paused, "guard:answer"),
            (132012, .paused, "guard:alike"),
        ]
    )
    func aRefusalOfEveryMessageNamesTheGuard(code: Int, reason: Waiting.Reason, guarding: String) async throws {
        var faults = SimulatorFaults()
        faults.errors = [.init(share: 1, code: code)]
        try await DeliveryFixture.with(contacts: 60, faults: faults) { fixture in
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon { port in
                let waiting = try await Caller(port: port).expect(reason, of: run, lane: false, hasEnd: false)
                #expect(waiting["by"]?.stringValue == guarding)
                #expect(waiting["detail"]?.stringValue?.contains(String(code)) == true)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aPersonWhoPausesIsNamedAndLogged() async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 400, rate: 20) { fixture in
            let run = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon(logger: log.logger) { port in
                try await eventually("it is sent") { try await fixture.run(run.id).counters.accepted > 0 }
                // A second passes between two looks at what commands did.
                try await eventually("the log is read") {
                    let rows = try await fixture.pool.query("SELECT 1 FROM daemon_heartbeats")
                    return rows.count == 1
                }
                #expect(try await fixture.runs.pause(run.id, reason: "wrong price", by: .command("jane")))
                let waiting = try await Caller(port: port).expect(.paused, of: run, lane: false, hasEnd: false)
                #expect(waiting["by"] == "command:jane" && waiting["detail"] == "wrong price")
                try await eventually("the daemon logs what the command did") {
                    Self.lines(log, "notice Campaign paused").count == 1
                }
                let line = Self.lines(log, "notice Campaign paused").first ?? ""
                #expect(line.contains("reason=wrong price") && line.contains("who=command:jane"), "\(line)")
                #expect(try await fixture.runs.resume(run.id, by: .command("jane")))
                _ = try await Caller(port: port).expect(.moving, of: run, lane: false)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func noDaemonIsToldOnceTheLastHasStopped() async throws {
        try await DeliveryFixture.with(contacts: 400, rate: 20) { fixture in
            let outlooks = OutlookRepository(pool: fixture.pool)
            let run = try await fixture.run(try await fixture.launch())
            let before = try #require(try await outlooks.outlook(of: run))
            #expect(before.waiting.reason == .noDaemon)
            try await fixture.withDaemon { _ in
                try await eventually("it moves") {
                    try await outlooks.outlook(of: try await fixture.run(run.id))?.waiting.isMoving == true
                }
            }
            // Both are aged, because a test should not wait for fifteen seconds.
            try await fixture.pool.execute("UPDATE daemon_heartbeats SET \"lastSeen\" = now() - interval '16 seconds'")
            try await fixture.pool.execute("UPDATE campaign_runs SET \"startedAt\" = now() - interval '1 hour'")
            let after = try #require(try await outlooks.outlook(of: try await fixture.run(run.id)))
            #expect(after.waiting.reason == .noDaemon)
            #expect(abs(after.waiting.since.timeIntervalSinceNow + 16) < 3, "since the last heartbeat")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func theSecondCampaignOfASenderIsBehindTheFirst() async throws {
        try await DeliveryFixture.with(contacts: 900, rate: 20) { fixture in
            let first = try await fixture.run(try await fixture.launch())
            try await fixture.withDaemon { port in
                try await eventually("the first fills the lane") {
                    try await fixture.run(first.id).counters[.queued] > 500
                }
                let second = try await fixture.run(try await fixture.launchAnother())
                let caller = Caller(port: port)
                let waiting = try await caller.expect(.behindOthers, of: second, lane: false)
                #expect(waiting["until"] != nil)
                let end = try await caller.views(of: second).run["estimatedCompletionAt"]?.stringValue ?? ""
                let seconds = Instant(end)?.date.timeIntervalSinceNow ?? 0
                #expect(abs(seconds - 1_800 / 19.2) < 10, "what stands before it counts: \(seconds)")
                _ = try await caller.expect(.moving, of: first, lane: false)
            }
        }
    }

    @Test(.timing, .timeLimit(.minutes(3)))
    func twoCampaignsEndWhenTheyWereSaidTo() async throws {
        try await DeliveryFixture.with(contacts: 300, rate: 50) { fixture in
            let outlooks = OutlookRepository(pool: fixture.pool)
            try await fixture.withDaemon { _ in
                let runs = [try await fixture.launch(), try await fixture.launchAnother()]
                var ends: [Date] = []
                for run in runs {
                    let outlook = try #require(try await outlooks.outlook(of: try await fixture.run(run)))
                    ends.append(try #require(outlook.estimatedCompletionAt))
                }
                for (run, end) in zip(runs, ends) {
                    try await fixture.completes(run, within: .seconds(60))
                    let real = try #require(try await fixture.run(run).completedAt)
                    #expect(abs(real.timeIntervalSince(end)) < 5, "\(real.timeIntervalSince(end)) s off")
                }
            }
        }
    }
}

extension DeliveryFixture {
    /// Launches a second campaign to the same contacts, on the same sender.
    fileprivate func launchAnother() async throws -> UUID {
        try await pool.execute(
            """
            INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
            SELECT "tenantId", 'summer', type, "senderId", "messageTemplate", "audienceFilter" FROM campaigns
            """
        )
        let launcher = RunLauncher(launches: LaunchRepository(pool: pool), logger: TestDatabase.logger)
        switch try await launcher.launch(campaign: "summer", tenant: Self.tenant) {
        case .opened(let run), .underWay(let run), .over(let run): return run.id
        }
    }
}
