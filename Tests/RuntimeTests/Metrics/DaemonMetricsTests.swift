import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Postgres
import Redis
import ServiceLifecycle
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import API
@testable import Daemon
@testable import Prometheus
@testable import Runtime

/// The metrics and the log lines of a whole daemon.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DaemonMetricsTests {
    /// A loop over specs that has nothing to do.
    private struct Idle: Service {
        func run() async throws { try await gracefulShutdown() }
    }

    private static let lane = ["tenant": DeliveryFixture.tenant, "sender": "main"]
    private static let tenant = ["tenant": DeliveryFixture.tenant]

    private static func scrape(_ port: Int) async throws -> Exposition {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/metrics")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        #expect(response.status == .ok)
        #expect(response.headers.first(name: "Content-Type") == PrometheusText.mediaType)
        return try Exposition(String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    /// The rows of the tables in `docs/metrics.md`: name, type and labels.
    private static func documented() throws -> [String: (type: String, labels: Set<String>)] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/metrics.md"), encoding: .utf8)
        var rows: [String: (type: String, labels: Set<String>)] = [:]
        for line in text.split(separator: "\n") {
            guard let match = line.prefixMatch(of: /\| `([a-z_]+)` \| (\w+) \| ([^|]*) \|/) else { continue }
            let labels = match.3.matches(of: /`(\w+)`/).map { String($0.1) }
            #expect(rows[String(match.1)] == nil, "\(match.1) is documented twice")
            rows[String(match.1)] = (String(match.2), Set(labels))
        }
        return rows
    }

    @Test(.timeLimit(.minutes(3)))
    func aDeliveryMovesTheCountersAndTheListIsDocumented() async throws {
        let log = LogCollector()
        let specs = SpecsService(service: Idle(), state: { SpecsState() })
        try await DeliveryFixture.with(contacts: 60) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon(specs: specs, logger: log.logger) { port in
                try await fixture.completes(run)
                var shown = try await Self.scrape(port)
                try await eventually("everything is counted") {
                    shown = try await Self.scrape(port)
                    return shown.value("campaigns_messages_total", ["outcome": "sent"]) == 60
                        && shown.value("campaigns_webhook_reports_total", ["outcome": "written"]) ?? 0 >= 120
                        && shown.value("campaigns_statuses_total", ["status": "delivered"]) ?? 0 >= 60
                }
                #expect(shown.value("campaigns_requests_total", ["answer": "2xx"]) == 60)
                #expect(shown.value("campaigns_request_duration_seconds_count") == 60)
                #expect(shown.value("campaigns_messages_total", ["outcome": "failed"]) == 0)
                #expect(shown.value("campaigns_requests_in_flight") == 0)
                #expect(shown.value("campaigns_breaker_open") == 0)
                for state in ["ready", "delayed", "held"] {
                    let labels = Self.lane.merging(["state": state]) { _, new in new }
                    #expect(shown.value("campaigns_lane_messages", labels) == 0, "\(state)")
                }
                #expect(shown.value("campaigns_lane_oldest_ready_seconds", Self.lane) == 0)
                #expect(shown.value("campaigns_lane_attempts_total", Self.lane) == 60)
                #expect(shown.value("campaigns_lane_pace_per_second", Self.lane) ?? 0 > 0)
                #expect((0...60).contains(shown.value("campaigns_lane_quota_used", Self.lane) ?? -1))
                #expect(shown.value("campaigns_rate_limits_total", Self.lane) == 0)
                #expect(shown.value("campaigns_held_messages_total", ["status": "paused"]) == 0)
                #expect(shown.value("campaigns_build_info", ["version": "unknown", "commit": "unknown"]) == 1)
                #expect(shown.value("campaigns_redis_up") == 1)
                #expect(shown.value("campaigns_postgres_up") == 1)
                #expect(shown.value("campaigns_postgres_connections_max") == 8)
                #expect(shown.value("process_cpu_seconds_total") ?? 0 > 0)
                #expect(shown.value("process_resident_memory_bytes") ?? 0 > 1_000_000)
                #expect(shown.value("process_open_fds") ?? 0 > 3)
                let started = shown.value("process_start_time_seconds") ?? 0
                #expect((1...86_400 * 7).contains(Date().timeIntervalSince1970 - started), "\(started)")
                let webhook = ["method": "POST", "route": "/webhooks/whatsapp", "status": "200"]
                #expect(shown.value("campaigns_http_requests_total", webhook) ?? 0 > 0)
                try Self.expectDocumented(shown)
            }
        }
        #expect(log.text.contains("Run completed"))
        Self.expectNothingPersonal(log.text)
    }

    private static func expectDocumented(_ shown: Exposition) throws {
        let documented = try documented()
        #expect(Set(documented.keys).subtracting(shown.types.keys) == [], "documented, and not there")
        #expect(Set(shown.types.keys).subtracting(documented.keys) == [], "there, and not documented")
        for (name, type) in shown.types {
            #expect(documented[name]?.type == type, "\(name)")
            if type == "histogram", shown.value(name + "_count") != nil {
                #expect(shown.problems(ofHistogram: name) == [], "\(name)")
            }
        }
        var families: Set<String> = []
        for sample in shown.samples {
            let suffix = ["_bucket", "_sum", "_count"].first { suffix in
                sample.name.hasSuffix(suffix) && shown.types[String(sample.name.dropLast(suffix.count))] == "histogram"
            }
            let family = String(sample.name.dropLast(suffix?.count ?? 0))
            families.insert(family)
            let labels = Set(sample.labels.keys).subtracting(["le"])
            #expect(labels == documented[family]?.labels, "\(sample.name)")
        }
        // These have series only while there is something to show.
        let rare: Set = [
            "campaigns_open_runs", "campaigns_open_messages", "campaigns_unconfirmed_messages",
            "campaigns_send_errors_total", "campaigns_webhook_events_total", "campaigns_lane_quota_limit",
        ]
        #expect(Set(shown.types.keys).subtracting(families).subtracting(rare) == [], "without a series")
    }

    @Test func codesAreABoundedNumberOfLabelValues() {
        let codes = ErrorCodes()
        for code in 1...ErrorCodes.most { #expect(codes.label(of: code) == "\(code)") }
        #expect(codes.label(of: 130_429) == "other")
        #expect(codes.label(of: 7) == "7")
        #expect(codes.label(of: nil) == "none")
    }

    /// Names and phone numbers of the contacts; ids are no personal data.
    private static func expectNothingPersonal(_ log: String) {
        let phone = DeliveryFixture.phone(0).dropFirst().prefix(6)
        for word in [String(phone), "Contact ", "Hello "] {
            #expect(!log.contains(word), "\(word) in \(log)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aRateLimitShowsWithTheMessagesThatWait() async throws {
        let log = LogCollector()
        let faults = try SimulatorFaults(json: Data(#"{"errors":[{"share":1,"code":130429,"status":429}]}"#.utf8))
        try await DeliveryFixture.with(contacts: 60, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon(logger: log.logger) { port in
                var shown = try await Self.scrape(port)
                try await eventually("everything waits for the end of the silence") {
                    shown = try await Self.scrape(port)
                    let waiting = Self.lane.merging(["state": "ready"]) { _, new in new }
                    return shown.value("campaigns_rate_limits_total", Self.lane) ?? 0 > 0
                        && shown.value("campaigns_lane_messages", waiting) == 60
                        && shown.value("campaigns_lane_oldest_ready_seconds", Self.lane) ?? 0 > 1
                }
                #expect(shown.value("campaigns_requests_total", ["answer": "4xx"]) ?? 0 > 0)
                #expect(shown.value("campaigns_messages_total", ["outcome": "released"]) ?? 0 > 0)
                #expect(shown.value("campaigns_messages_total", ["outcome": "sent"]) == 0)
                #expect(shown.value("campaigns_open_runs", Self.tenant) == 1)
                #expect(shown.value("campaigns_open_messages", Self.tenant) == 60)
                #expect(shown.value("campaigns_unconfirmed_messages", Self.tenant) == 0)
                try await fixture.pool.execute(
                    "UPDATE campaign_runs SET unconfirmed = 3, queued = queued - 3 WHERE id = \(run)"
                )
                try await eventually("unconfirmed messages show") {
                    try await Self.scrape(port).value("campaigns_unconfirmed_messages", Self.tenant) == 3
                }
            }
        }
        #expect(log.text.contains("Rate limited by WhatsApp, lane paused"))
        #expect(log.text.contains("sender=main tenant=acme"))
        Self.expectNothingPersonal(log.text)
    }

    @Test(.timeLimit(.minutes(3)))
    func eventsAndSchedulesAreCounted() async throws {
        try await DeliveryFixture.with(contacts: 2) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt", "maxRuns")
                SELECT id, "tenantId", '* * * * *', now() + interval '1 second', 1 FROM campaigns
                """
            )
            try await fixture.withDaemon { port in
                for path in ["/triggers/nobody.waits", "/no/such/place", "/no/other/place"] {
                    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
                    request.method = .POST
                    let token = try TestToken.text(tenant: DeliveryFixture.tenant)
                    request.headers.add(name: "Authorization", value: "Bearer \(token)")
                    request.headers.add(name: "Content-Type", value: "application/json")
                    request.body = .bytes(ByteBuffer(string: #"{"contactId":"\#(DeliveryFixture.phone(1))"}"#))
                    _ = try await HTTPClient.shared.execute(request, timeout: .seconds(30)).body.collect(upTo: 1 << 20)
                }
                var shown = try await Self.scrape(port)
                try await eventually("the schedule has fired") {
                    shown = try await Self.scrape(port)
                    return shown.value("campaigns_schedule_firings_total", ["outcome": "started"]) == 1
                }
                #expect(shown.value("campaigns_schedule_lag_seconds_bucket", ["le": "10"]) ?? 0 >= 1)
                #expect(shown.value("campaigns_trigger_events_total", ["outcome": "ignored"]) == 1)
                let event = ["method": "POST", "route": "/triggers/{event}", "status": "202"]
                #expect(shown.value("campaigns_http_requests_total", event) == 1)
                let unknown = ["method": "other", "route": "other", "status": "404"]
                #expect(shown.value("campaigns_http_requests_total", unknown) == 2)
                #expect(!shown.samples.contains { $0.labels.values.contains { $0.contains("such") } })
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func withoutRedisTheRestIsStillShown() async throws {
        try await DeliveryFixture.with(contacts: 5) { fixture in
            _ = try await fixture.launch()
            // Nothing listens there.
            let nowhere = try RedisConfiguration(url: "redis://127.0.0.1:1")
            try await fixture.withDaemon(redis: nowhere) { port in
                let clock = ContinuousClock()
                var shown = try await Self.scrape(port)
                let time = try await clock.measure { shown = try await Self.scrape(port) }
                #expect(time < .seconds(5))
                #expect(shown.value("campaigns_redis_up") == 0)
                #expect(shown.value("campaigns_postgres_up") == 1)
                #expect(shown.value("campaigns_open_messages", Self.tenant) == 5)
                #expect(!shown.samples.contains { $0.name == "campaigns_lane_messages" })
            }
        }
    }
}
