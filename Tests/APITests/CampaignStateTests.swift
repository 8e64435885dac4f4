import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import API

/// Launching, scheduling and stopping campaigns over HTTP, and the reasons for refusing it.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct CampaignStateTests {
    @Test func answersALaunchBeforeTheMessagesAreWritten() async throws {
        try await APIFixture.with(contacts: 50) { api in
            let id = try await api.campaign()
            let sent = try await api.call("POST", "/campaigns/\(id)/send", [:])
            #expect(sent.status == 202, "\(sent.text)")
            #expect(sent.json["isNew"] == true)
            #expect(sent.json["run"]?["status"] == "launching")
            #expect(sent.json["run"]?["expectedCount"] == 50)
            #expect(sent.json["quotaCheck"]?["quotaStatus"]?["remaining"] == 1_000)
            #expect(sent.json["campaign"]?["status"] == "running")
            let again = try await api.call("POST", "/campaigns/\(id)/send")
            #expect(again.status == 202)
            #expect(again.json["isNew"] == false)
            #expect(again.json["run"]?["id"] == sent.json["run"]?["id"], "launching twice is one run")
            try await api.finishLaunches()
            let runs = try await api.call("GET", "/campaigns/\(id)/runs").json
            #expect(runs["total"] == 1)
            #expect(runs["items"]?[0]?["recipientCount"] == 50)
            #expect(runs["items"]?[0]?["messages"]?["pending"] == 50)
            #expect(runs["items"]?[0]?["revision"] == 1)
        }
    }

    @Test func explainsWhyALaunchIsImpossible() async throws {
        try await APIFixture.with(contacts: 4) { api in
            func refusal(_ name: String, _ changes: [String: JSONValue]) async throws -> (String?, String?) {
                let reply = try await api.call("POST", "/campaigns/\(try await api.campaign(name, changes))/send")
                #expect(reply.status == 409, "\(reply.text)")
                return (reply.code, reply.json["detail"]?.stringValue)
            }
            let nobody = try await refusal("a", ["audienceFilter": nil])
            #expect(nobody.0 == "not_ready" && nobody.1?.contains("audienceFilter") == true)
            let filter: JSONValue = [
                "logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "nobody"]],
            ]
            #expect(try await refusal("b", ["audienceFilter": filter]).1?.contains("no contact") == true)
            #expect(try await refusal("c", ["type": "event_triggered"]).1?.contains("triggerType") == true)
            try await api.pool.execute("UPDATE contacts SET \"lastSeen\" = NULL")
            try await api.pool.execute("UPDATE senders SET \"dailyLimit\" = 5")
            try await api.pool.execute(
                """
                INSERT INTO quota_hours ("quotaGroup", hour, "tenantId", count)
                VALUES ('acme/acme-group', date_trunc('hour', now(), 'UTC'), 'acme', 5)
                """
            )
            #expect(try await refusal("d", [:]).0 == "quota_exhausted")
            let quota = try await api.call("GET", "/campaigns/quota").json["items"]?[0]
            #expect(quota?["remaining"] == 0 && quota?["businessSent24h"] == 5 && quota?["tier"] == .null)
        }
    }

    @Test func namesTheStateThatPreventsAnAction() async throws {
        try await APIFixture.with(contacts: 3) { api in
            let id = try await api.campaign()
            func conflict(_ action: String, _ state: String, _ body: JSONValue? = nil) async throws {
                let method = action.isEmpty ? "PATCH" : "POST"
                let reply = try await api.call(method, "/campaigns/\(id)" + (action.isEmpty ? "" : "/\(action)"), body)
                #expect((reply.status, reply.code) == (409, "state_conflict"), "\(action) in \(state): \(reply.text)")
                #expect(reply.json["currentStatus"]?.stringValue == state, "\(action): \(reply.text)")
            }
            for action in ["cancel", "pause", "resume"] { try await conflict(action, "draft") }
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            #expect(try await api.call("POST", "/campaigns/\(id)/pause").code == "not_ready", "still launching")
            try await api.finishLaunches()
            try await conflict("", "running", ["title": "x"])
            try await conflict("resume", "running")
            try await conflict("schedule", "running", ["scheduledAt": "2100-01-01T00:00:00Z"])
            #expect(try await api.call("DELETE", "/campaigns/\(id)").code == "state_conflict")
            let paused = try await api.call("POST", "/campaigns/\(id)/pause", ["reason": "wrong price"])
            #expect(paused.json["status"] == "paused" && paused.json["statusReason"] == "wrong price")
            try await conflict("pause", "paused")
            #expect(try await api.call("POST", "/campaigns/\(id)/resume").json["status"] == "running")
            #expect(try await api.call("POST", "/campaigns/\(id)/cancel").json["status"] == "cancelled")
            for action in ["cancel", "pause", "resume", "send"] { try await conflict(action, "cancelled") }
        }
    }

    @Test func resumesWithoutTheGuardsWhereAsked() async throws {
        try await APIFixture.with(contacts: 3) { api in
            let id = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            try await api.finishLaunches()
            for (body, ignored) in [(["ignoreGuards": true], true), ([:], false)] as [(JSONValue, Bool)] {
                #expect(try await api.call("POST", "/campaigns/\(id)/pause").status == 200)
                let resumed = try await api.call("POST", "/campaigns/\(id)/resume", body)
                #expect(resumed.json["status"] == "running", "\(resumed.text)")
                let rows = try await api.pool.query("SELECT \"ignoresGuards\" FROM campaign_runs")
                #expect(try rows[0].decode(0, as: Bool.self) == ignored)
            }
            let wrong = try await api.call("POST", "/campaigns/\(id)/resume", ["ignoreGuards": "yes"])
            #expect(wrong.error("ignoreGuards") != nil, "\(wrong.text)")
            #expect(try await api.call("GET", "/campaigns/\(id)/runs").json["items"]?[0]?["held"] == 0)
        }
    }

    @Test func schedulesACampaignOnce() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let id = try await api.campaign("a", ["type": "scheduled", "scheduledAt": "2100-01-01T09:00:00+03:00"])
            let stored = try await api.call("POST", "/campaigns/\(id)/schedule", [:])
            #expect(stored.json["campaign"]?["scheduledAt"] == "2100-01-01T06:00:00Z", "\(stored.text)")
            #expect(stored.json["campaign"]?["status"] == "scheduled")
            let moved = try await api.call("POST", "/campaigns/\(id)/schedule", ["scheduledAt": "2100-02-01T00:00:00Z"])
            #expect(moved.json["campaign"]?["scheduledAt"] == "2100-02-01T00:00:00Z")
            let past = try await api.call("POST", "/campaigns/\(id)/schedule", ["scheduledAt": "2020-01-01T00:00:00Z"])
            #expect(past.error("scheduledAt")?.contains("past") == true)
            #expect(try await api.call("POST", "/campaigns/\(id)/cancel").json["status"] == "cancelled")
            #expect(try await api.call("POST", "/campaigns/\(id)/schedule", [:]).code == "state_conflict")
        }
    }

    @Test func schedulesACampaignByCron() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let id = try await api.campaign()
            let cron: JSONValue = [
                "cronExpression": "0 9 * * MON", "timeZone": "Africa/Nairobi", "maxRuns": 3, "from": "2099-01-01",
            ]
            let first = try await api.call("POST", "/campaigns/\(id)/schedule", cron)
            #expect(first.status == 200, "\(first.text)")
            let schedule = first.json["schedules"]?[0]
            #expect(schedule?["nextRunAt"] == "2099-01-05T06:00:00Z", "the first Monday, 9:00 in Nairobi")
            #expect(schedule?["maxRuns"] == 3)
            #expect(first.json["campaign"]?["status"] == "scheduled")
            let daily = try await api.call(
                "POST",
                "/campaigns/\(id)/schedule",
                ["cronExpression": "@daily", "timeZone": "UTC"]
            )
            #expect(daily.json["schedules"]?.arrayValue?.count == 1, "the later takes the place of the earlier")
            let wrong = try await api.call(
                "POST",
                "/campaigns/\(id)/schedule",
                ["cronExpression": "0 25 * * *", "timeZone": "Africa/Nairob", "maxRuns": 0]
            )
            #expect(wrong.status == 422)
            #expect(wrong.error("maxRuns") != nil, "\(wrong.text)")
            let both = try await api.call(
                "POST",
                "/campaigns/\(id)/schedule",
                ["cronExpression": "@daily", "scheduledAt": "2100-01-01T00:00:00Z"]
            )
            #expect(both.error("cronExpression")?.contains("exclude") == true)
            let zoneless = try await api.call("POST", "/campaigns/\(id)/schedule", ["cronExpression": "@daily"])
            #expect(zoneless.error("timeZone") != nil, "\(zoneless.text)")
            #expect(try await api.call("POST", "/campaigns/\(id)/cancel").json["status"] == "cancelled")
            let left = try await api.pool.query(
                "SELECT count(*) FROM campaign_schedules WHERE \"isActive\" OR \"nextRunAt\" IS NOT NULL"
            )
            #expect(try left[0].decode(0, as: Int.self) == 0, "nothing fires any more")
        }
    }

    @Test func refusesSchedulesThatViolateThePolicyOfTheTenant() async throws {
        try await APIFixture.with(contacts: 1) { api in
            try await api.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, policy, "managedBy") VALUES
                    ('acme', 'acme', '{"minScheduleInterval": "12h"}', 'spec')
                """
            )
            let id = try await api.campaign()
            func schedule(_ cron: String, _ fields: [String: JSONValue] = [:]) async throws -> APIFixture.Reply {
                let body: [String: JSONValue] = ["cronExpression": .string(cron), "timeZone": "Europe/Berlin"]
                return try await api.call(
                    "POST",
                    "/campaigns/\(id)/schedule",
                    .object(body.merging(fields) { _, new in new })
                )
            }
            #expect(try await schedule("0 9 * * *").status == 200)
            for cron in ["* * * * *", "0 9,20 1 * *", "0 0,6 * * MON"] {
                let refused = try await schedule(cron)
                #expect((refused.status, refused.code) == (409, "policy_violated"), "\(cron): \(refused.text)")
                #expect(refused.json["detail"]?.stringValue?.contains("12h") == true)
            }
            let kept = try await api.pool.query("SELECT \"cronExpression\" FROM campaign_schedules WHERE \"isActive\"")
            #expect(try kept.map { try $0.decode(0, as: String.self) } == ["0 9 * * *"], "what was there goes on")
            #expect(try await schedule("* * * * *", ["maxRuns": 1]).status == 200, "one start has no interval")
            try await api.pool.execute("UPDATE tenants SET policy = NULL")
            #expect(try await schedule("* * * * *").status == 200)
        }
    }

    @Test func concurrentLaunchesOpenOneRun() async throws {
        try await APIFixture.with(contacts: 5) { api in
            let id = try await api.campaign()
            let runs = try await withThrowingTaskGroup { group in
                for _ in 1...8 {
                    group.addTask { try await api.call("POST", "/campaigns/\(id)/send").json["run"]?["id"] }
                }
                return try await group.reduce(into: Set<JSONValue?>()) { $0.insert($1) }
            }
            #expect(runs.count == 1 && !runs.contains(nil))
        }
    }
}
