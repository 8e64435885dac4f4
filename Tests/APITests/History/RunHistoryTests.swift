import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import API
@testable import Store

/// The history of runs, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RunHistoryTests {
    /// A campaign with an open run whose messages are claimed under lease 1.
    private static func launched(_ api: APIFixture) async throws -> (campaign: String, run: String, messages: [UUID]) {
        let campaign = try await api.campaign()
        let sent = try await api.call("POST", "/campaigns/\(campaign)/send")
        let run = try #require(sent.json["run"]?["id"]?.stringValue)
        try await api.finishLaunches()
        try await api.pool.execute("UPDATE campaign_chunks SET \"notBefore\" = now() - interval '1 second'")
        let chunks = ChunkRepository(pool: api.pool)
        let id = try #require(UUID(uuidString: run))
        while let claim = try await chunks.claim(run: id, limit: 100) { try await chunks.finish(claim) }
        let rows = try await api.pool.query("SELECT id FROM campaign_messages ORDER BY position")
        let messages = try rows.map { try $0.decode(0, as: UUID.self) }
        _ = try await MessageRepository(pool: api.pool).begin([SendClaim(messages, lease: 1)])
        return (campaign, run, messages)
    }

    private static func record(_ api: APIFixture, _ results: [UUID: MessageOutcome.Result]) async throws {
        try await MessageRepository(pool: api.pool).record(
            results.map { MessageOutcome(messageID: $0.key, lease: 1, result: $0.value) }
        )
    }

    private static let refusal = MessageOutcome.Failure(code: "131026", message: "undeliverable", httpStatus: 400)

    private static func sum(_ series: JSONValue, _ field: String) -> Int {
        series["points"]?.arrayValue?.reduce(0) { $0 + ($1[field]?.integerValue ?? 0) } ?? -1
    }

    @Test func theSeriesEqualsTheCountersAndTellsWhatWasDone() async throws {
        try await APIFixture.with(contacts: 6) { api in
            let (campaign, run, ids) = try await Self.launched(api)
            try await DaemonRepository(pool: api.pool).beat(UUID(), version: "9.9", lanes: [])
            let dead = UUID()
            try await DaemonRepository(pool: api.pool).beat(dead, version: "9.8", lanes: [])
            try await api.pool.execute(
                """
                UPDATE daemon_heartbeats SET "lastSeen" = now() - interval '1 minute', since = now() - interval '1 day'
                WHERE id = \(dead)
                """
            )
            try await Self.record(
                api,
                [
                    ids[0]: .sent(waMessageID: "a"), ids[1]: .sent(waMessageID: "b"), ids[2]: .failed(Self.refusal),
                    ids[3]: .retry(after: .zero, Self.refusal), ids[4]: .released(after: .zero),
                ]
            )
            let read = DeliveryStatus(waMessageID: "a", messageID: ids[0], rank: .read, at: Date())
            _ = try await MessageRepository(pool: api.pool).report([read])
            let sender: UUID = try await api.pool.query("SELECT id FROM senders WHERE \"tenantId\" = 'acme'")[0].decode(
                0
            )
            try await LaneRepository(pool: api.pool).pause(sender, for: .seconds(60), reason: "130429: too fast")
            _ = try await api.call("POST", "/campaigns/\(campaign)/pause", ["reason": "wrong price"])
            _ = try await api.call("POST", "/campaigns/\(campaign)/resume")

            let from = Date().addingTimeInterval(-120).apiText
            let series = try await api.call("GET", "/runs/\(run)/series?from=\(from)").json
            #expect(series["stepSeconds"] == 60 && series["limit"] == 80)
            let counters = try await api.call("GET", "/campaigns/\(campaign)/runs").json["items"]?[0]?["messages"]
            #expect(Self.sum(series, "accepted") == 2)
            #expect(Self.sum(series, "delivered") == 1 && counters?["read"] == 1)
            #expect(Self.sum(series, "read") == 1)
            #expect(Self.sum(series, "failed") == 1 && counters?["failed"] == 1)
            #expect(Self.sum(series, "retried") == 1)
            let marks = series["marks"]?.arrayValue ?? []
            let kinds = marks.compactMap { $0["kind"]?.stringValue }.sorted()
            #expect(kinds == ["daemonLost", "daemonStarted", "launch", "pause", "resume", "throttled"])
            let pause = marks.first { $0["kind"] == "pause" }
            #expect(pause?["who"] == "api:tester" && pause?["reason"] == "wrong price")
            #expect(marks.first { $0["kind"] == "throttled" }?["reason"] == "130429: too fast")
            #expect(marks.first { $0["kind"] == "daemonLost" }?["who"] == "9.8")
            #expect(try await api.call("GET", "/runs/\(run)/series", tenant: "other").status == 404)
        }
    }

    @Test func longPeriodsHaveLongSteps() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let (_, run, _) = try await Self.launched(api)
            try await api.pool.execute("UPDATE campaign_runs SET \"createdAt\" = now() - interval '10 days'")
            try await api.pool.execute(
                """
                INSERT INTO run_minutes ("runId", minute, accepted, revoked, delivered, read, failed, retried)
                SELECT id, date_trunc('day', now()) - interval '2 days' + n * interval '1 minute', 1, 0, 0, 0, 0, 0
                FROM campaign_runs, generate_series(0, 119) n
                """
            )
            let series = try await api.call("GET", "/runs/\(run)/series").json
            #expect(series["stepSeconds"] == 900)
            let points = series["points"]?.arrayValue ?? []
            #expect(points.map { $0["accepted"] } == Array(repeating: 15, count: 8))
            let from = Date().addingTimeInterval(-90 * 86_400).apiText
            let whole = try await api.call("GET", "/runs/\(run)/series?from=\(from)").json
            #expect(whole["stepSeconds"] == 21_600 && Self.sum(whole, "accepted") == 120)
            let empty = "from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z"
            let reversed = try await api.call("GET", "/runs/\(run)/series?\(empty)")
            #expect(reversed.status == 400, "\(reversed.text)")
        }
    }

    @Test func theFunnelAddsUp() async throws {
        try await APIFixture.with(contacts: 10) { api in
            let draft = try await api.campaign("draft")
            #expect(try await api.call("GET", "/campaigns/\(draft)/funnel").json == ["steps": [], "losses": []])
            try await api.pool.execute(
                "UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" IN ('+254711000001', '+254711000002')"
            )
            let (campaign, run, ids) = try await Self.launched(api)
            #expect(ids.count == 8)
            try await Self.record(
                api,
                [
                    ids[0]: .sent(waMessageID: "a"), ids[1]: .sent(waMessageID: "b"), ids[2]: .sent(waMessageID: "c"),
                    ids[3]: .failed(Self.refusal), ids[4]: .failed(.init(code: "131000", message: "no 254711000009")),
                    ids[5]: .unconfirmed(Self.refusal), ids[6]: .released(after: .zero),
                ]
            )
            _ = try await MessageRepository(pool: api.pool).report([
                DeliveryStatus(waMessageID: "a", messageID: ids[0], rank: .read, at: Date()),
                DeliveryStatus(waMessageID: "b", messageID: ids[1], rank: .delivered, at: Date()),
            ])
            let funnel = try await api.call("GET", "/campaigns/\(campaign)/funnel").json
            #expect(funnel["runId"]?.stringValue == run)
            let steps = funnel["steps"]?.arrayValue ?? []
            #expect(steps.map { $0["count"] } == [10, 8, 3, 2, 1, 0])
            let losses = funnel["losses"]?.arrayValue ?? []
            for (step, next) in zip(steps, steps.dropFirst()).prefix(4) {
                let lost = losses.filter { $0["after"] == step["name"] }.reduce(0) {
                    $0 + ($1["count"]?.integerValue ?? 0)
                }
                #expect(step["count"]?.integerValue == (next["count"]?.integerValue ?? 0) + lost, "\(step)")
            }
            let reasons = losses.compactMap { $0["reason"]?.stringValue }
            #expect(
                reasons == [
                    "optedOut", "131000", "131026", "unconfirmed", "queued", "sending", "notDelivered", "notRead",
                ]
            )
            #expect(!"\(losses)".contains("254711000009"))
            #expect(try await api.call("GET", "/campaigns/\(campaign)/funnel?run=\(run)").json == funnel)
            #expect(try await api.call("GET", "/campaigns/\(draft)/funnel?run=\(run)").status == 404)
        }
    }
}
