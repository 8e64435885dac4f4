import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import API

/// Sending failed messages again, and whole campaigns, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RetryEndpointTests {
    /// Ends the open run: messages at positions up to `failed` fail, all others are accepted.
    private static func complete(_ api: APIFixture, failed: Int, code: String = "131026") async throws {
        try await api.finishLaunches()
        let runs = try await api.pool.query("SELECT id FROM campaign_runs WHERE status = 'running'")
        let run = try runs[0].decode(0, as: UUID.self)
        try await api.pool.execute(
            """
            UPDATE campaign_messages SET
                status = CASE WHEN position <= \(failed) THEN 'failed' ELSE 'sent' END::campaign_message_status_enum,
                "failedAt" = CASE WHEN position <= \(failed) THEN now() END,
                "errorCode" = CASE WHEN position <= \(failed) THEN \(code) END,
                "waMessageId" = CASE WHEN position > \(failed) THEN 'wamid.' || id END
            WHERE "runId" = \(run)
            """
        )
        try await api.pool.execute(
            """
            UPDATE campaign_runs SET pending = 0, failed = \(failed), sent = "recipientCount" - \(failed) WHERE id = \(run)
            """
        )
        _ = try await RunRepository(pool: api.pool).completeFinished(unconfirmedTimeout: .zero)
    }

    @Test func sendsFailedMessagesAgainInARunOfTheirOwn() async throws {
        try await APIFixture.with(contacts: 20) { api in
            let id = try await api.campaign()
            let early = try await api.call("POST", "/campaigns/\(id)/retry")
            #expect((early.status, early.code) == (409, "not_ready"), "\(early.text)")
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            let open = try await api.call("POST", "/campaigns/\(id)/retry")
            #expect((open.status, open.code) == (409, "state_conflict") && open.json["currentStatus"] == "running")
            try await Self.complete(api, failed: 4)

            let other = try await api.call("POST", "/campaigns/\(id)/retry", ["codes": ["131000"]])
            #expect((other.status, other.code) == (409, "not_ready"), "\(other.text)")
            let retry = try await api.call("POST", "/campaigns/\(id)/retry", ["codes": ["131000", "131026"]])
            #expect(retry.status == 202, "\(retry.text)")
            #expect(retry.json["run"]?["recipientCount"] == 4 && retry.json["isNew"] == true)
            #expect(retry.json["run"]?["retryOf"] == retry.json["previousRun"]?["id"])
            #expect(retry.json["previousRun"]?["messages"]?["failed"] == 4)
            #expect(retry.json["run"]?["actions"]?[0]?["action"] == "retry")
            #expect(try await api.call("POST", "/campaigns/\(id)/retry").code == "state_conflict")
            let analytics = try await api.call("GET", "/campaigns/\(id)/analytics").json
            #expect(analytics["total"] == 20 && analytics["failed"] == 0 && analytics["pending"] == 4)
            try await Self.complete(api, failed: 1)
            let after = try await api.call("GET", "/campaigns/\(id)/analytics").json
            #expect(after["total"] == 20 && after["failed"] == 1 && after["sent"] == 19)
            #expect(try await api.call("GET", "/campaigns/\(id)/errors").json[0]?["count"] == 1)
            #expect(try await api.call("GET", "/campaigns/\(id)/runs").json["total"] == 2)
            let wrong = try await api.call("POST", "/campaigns/\(id)/retry", ["codes": "131026"])
            #expect(wrong.error("codes") != nil, "\(wrong.text)")
            #expect(try await api.call("POST", "/campaigns/\(id)/retry", tenant: "other").status == 404)
        }
    }

    @Test func aKeyRepeatsFailedMessagesOnce() async throws {
        try await APIFixture.with(contacts: 20) { api in
            let id = try await api.campaign()
            func post(_ path: String, _ body: JSONValue, key: String) async throws -> APIFixture.Reply {
                try await api.call("POST", "/campaigns/\(id)/\(path)", body, headers: ["Idempotency-Key": key])
            }
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            try await Self.complete(api, failed: 4)
            let first = try await post("retry", [:], key: "monday")
            #expect(first.status == 202 && first.json["isNew"] == true, "\(first.text)")
            let repeated = try await post("retry", [:], key: "monday")
            #expect(repeated.status == 202 && repeated.json["isNew"] == false, "\(repeated.text)")
            #expect(repeated.json["run"]?["id"] == first.json["run"]?["id"])
            #expect(repeated.json["previousRun"]?["id"] == first.json["previousRun"]?["id"])
            #expect(try await post("retry", [:], key: "tuesday").code == "state_conflict")
            try await Self.complete(api, failed: 1)
            #expect(try await post("retry", [:], key: "monday").json["run"]?["id"] == first.json["run"]?["id"])
            let other = try await post("send", ["again": true], key: "monday")
            #expect((other.status, other.code) == (409, "not_ready"), "\(other.text)")
            #expect(try await post("retry", [:], key: "tuesday").json["isNew"] == true)
            #expect(try await api.call("GET", "/campaigns/\(id)/runs").json["total"] == 3)
        }
    }

    @Test func aKeySendsACampaignAgainOnce() async throws {
        try await APIFixture.with(contacts: 6) { api in
            let id = try await api.campaign()
            func again(_ key: String?) async throws -> APIFixture.Reply {
                try await api.call(
                    "POST",
                    "/campaigns/\(id)/send",
                    ["again": true],
                    headers: key.map { ["Idempotency-Key": $0] } ?? [:]
                )
            }
            let keyless = try await again(nil)
            #expect((keyless.status, keyless.code) == (400, "invalid_parameter"), "\(keyless.text)")
            #expect(try await again("monday").code == "not_ready", "it was never sent")
            #expect(try await api.call("POST", "/campaigns/\(id)/send", ["again": false]).status == 202)
            #expect(try await again("monday").code == "state_conflict")
            try await Self.complete(api, failed: 0)
            #expect(try await api.call("POST", "/campaigns/\(id)/send").code == "state_conflict", "without `again`")

            let first = try await again("monday")
            #expect(first.status == 202 && first.json["isNew"] == true, "\(first.text)")
            #expect(first.json["previousRun"]?["recipientCount"] == 6 && first.json["previousRun"]?["startedAt"] != nil)
            #expect(first.json["run"]?["expectedCount"] == 6 && first.json["quotaCheck"] != nil)
            #expect(first.json["run"]?["actions"]?[0]?["action"] == "again")
            let repeated = try await again("monday")
            #expect(repeated.json["isNew"] == false && repeated.json["run"]?["id"] == first.json["run"]?["id"])
            #expect(try await again("tuesday").code == "state_conflict")
            try await Self.complete(api, failed: 0)
            #expect(try await again("monday").json["run"]?["id"] == first.json["run"]?["id"])
            let second = try await again("tuesday")
            #expect(second.json["isNew"] == true && second.json["run"]?["id"] != first.json["run"]?["id"])
        }
    }
}
