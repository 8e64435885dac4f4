import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import API
@testable import Store

/// The state and the history of specs, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct SpecEndpointTests {
    private static func change(_ tenant: String, _ name: String, _ action: String, _ after: JSONValue?) -> JSONValue {
        .fields([
            "action": .string(action), "id": .string("\(tenant)/Campaign/\(name)"), "tenant": .string(tenant),
            "kind": "Campaign", "name": .string(name), "after": after,
        ])
    }

    private static func apply(_ api: APIFixture, _ digest: String, _ changes: [JSONValue], commit: String) async throws
    {
        try await api.pool.withConnection { connection in
            _ = try await HistoryRepository().add(
                HistoryRepository.Entry(
                    digest: digest,
                    actor: "jane",
                    gitCommit: commit,
                    counts: (changes.count, 0, 0),
                    plan: [
                        "digest": .string(digest), "changes": .array(changes), "unmanaged": ["Campaign": 77],
                        "allowances": [["code": "x", "message": "other/secret-campaign", "flag": "--x"]],
                    ],
                    toolVersion: "1"
                ),
                on: connection
            )
        }
    }

    /// The content of a campaign as the database has it.
    private static func content(_ api: APIFixture, _ id: String) async throws -> JSONValue {
        let id = try #require(UUID(uuidString: id))
        return try await api.pool.withConnection { connection in
            try #require(
                try await ManagedRepository(kind: .campaign).rows([id], tenant: "acme", on: connection).first
            ).content
        }
    }

    @Test func rowsFilesAndDriftAreListed() async throws {
        try await APIFixture.with { api in
            let empty = try await api.call("GET", "/specs").json
            #expect(empty["managed"] == [] && empty["appliedAt"] == nil && empty["lastAttempt"] == nil)
            #expect(empty["unmanaged"] == [["kind": "Sender", "name": "main"]])
            let (offer, other) = (try await api.campaign("offer"), try await api.campaign("digest"))
            for id in [offer, other] {
                try await api.pool.execute(
                    """
                    UPDATE campaigns SET "managedBy" = 'spec', "sourceFile" = 'acme/offers.yaml', title = 'Title'
                    WHERE id = \(UUID(uuidString: id))
                    """
                )
            }
            try await Self.apply(
                api,
                "sha256:1",
                [
                    Self.change("acme", "offer", "create", try await Self.content(api, offer)),
                    Self.change("acme", "digest", "create", try await Self.content(api, other)),
                    Self.change("other", "secret-campaign", "create", ["name": "secret-campaign"]),
                ],
                commit: "abc1234"
            )
            #expect(
                try await api.call("GET", "/specs").json["managed"]?.arrayValue?.contains { $0["drift"] != nil }
                    == false
            )
            try await api.pool.execute("UPDATE campaigns SET title = 'By hand' WHERE name = 'offer'")
            let status = try await api.call("GET", "/specs").json
            #expect(status["appliedCommit"] == "abc1234" && status["appliedBy"] == "jane")
            let managed = status["managed"]?.arrayValue ?? []
            #expect(managed.map { $0["name"] } == ["digest", "offer"])
            #expect(managed.map { $0["drift"] } == [nil, ["title"]])
            #expect(managed[1]["file"] == "acme/offers.yaml" && status["managedCount"] == 2)
            #expect(status["unmanagedCount"] == 1)
            let foreign = try await api.call("GET", "/specs", tenant: "other").json
            #expect(foreign["managed"] == [] && foreign["appliedCommit"] == "abc1234")
        }
    }

    @Test func attemptsTellOnlyOfTheTenant() async throws {
        try await APIFixture.with { api in
            let attempts = AttemptRepository(pool: api.pool)
            _ = try await attempts.add(
                fingerprint: "1",
                gitCommit: "def5678",
                actor: "jane",
                outcome: .invalid,
                reason:
                    "acme/offers.yaml:3:5: error: no such sender\nother/secret.yaml:1:1: error: big-acme/x is unknown"
            )
            let attempt = try await api.call("GET", "/specs").json["lastAttempt"]
            #expect(attempt?["outcome"] == "invalid" && attempt?["commit"] == "def5678" && attempt?["count"] == 1)
            #expect(attempt?["detail"] == "acme/offers.yaml:3:5: error: no such sender")
            try await api.pool.execute("DELETE FROM senders WHERE \"tenantId\" = 'other'")
            try await api.pool.execute("INSERT INTO tenants (\"tenantId\", name) VALUES ('other', 'other')")
            #expect(try await api.call("GET", "/specs").json["lastAttempt"]?["detail"] == attempt?["detail"])
            try await api.pool.execute("DELETE FROM tenants")
            let alone = try await api.call("GET", "/specs").json["lastAttempt"]
            #expect(alone?["detail"]?.stringValue?.contains("secret.yaml") == true)
        }
    }

    @Test func theHistoryHasOnlyChangesOfTheTenant() async throws {
        try await APIFixture.with { api in
            try await Self.apply(api, "sha256:1", [Self.change("other", "secret-campaign", "create", [:])], commit: "a")
            let many = (1...250).map { Self.change("acme", "c\($0)", "create", ["name": "x"]) }
            try await Self.apply(
                api,
                "sha256:2",
                many + [Self.change("other", "secret-campaign", "update", [:])],
                commit: "b"
            )
            try await Self.apply(api, "sha256:3", [Self.change("acme", "c1", "delete", nil)], commit: "c")
            let reply = try await api.call("GET", "/specs/history")
            #expect(!reply.text.contains("secret-campaign\",") && !reply.text.contains("\"unmanaged\""))
            let items = reply.json["items"]?.arrayValue ?? []
            #expect(reply.json["total"] == 2 && items.map { $0["commit"] } == ["c", "b"])
            #expect(items[0]["summary"] == ["created": 0, "changed": 0, "deleted": 1])
            #expect(items[1]["summary"] == ["created": 250, "changed": 0, "deleted": 0])
            #expect(items[1]["plan"]?["changes"]?.arrayValue?.count == 200 && items[1]["plan"]?["omittedChanges"] == 50)
            #expect(items[1]["plan"]?["changes"]?[0]?["name"] == "c1")
            let second = try await api.call("GET", "/specs/history?page=2&limit=1").json
            #expect(second["items"]?.arrayValue?.count == 1 && second["items"]?[0]?["commit"] == "b")
            let other = try await api.call("GET", "/specs/history", tenant: "other").json
            #expect(other["total"] == 2 && other["items"]?[0]?["summary"]?["changed"] == 1)
        }
    }

    @Test func aCampaignIsWrittenAsYAMLWithWhatTheLastRevisionChanged() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let id = try await api.campaign("offer")
            let draft = try await api.call("GET", "/campaigns/\(id)/spec").json
            #expect(draft["spec"]?.stringValue?.hasPrefix("kind: Campaign\nname: offer\n") == true, "\(draft)")
            #expect(draft["revision"] == nil && draft["difference"] == nil && draft["file"] == nil)
            _ = try await api.call("POST", "/campaigns/\(id)/send")
            #expect(try await api.call("GET", "/campaigns/\(id)/spec").json["revision"] == 1)
            try await api.pool.withConnection { connection in
                let content = try RevisionContent(
                    message: ["type": "template", "template": ["name": "hello", "language": ["code": "sw"]]],
                    audience: APIFixture.everybody
                )
                let draft = RevisionRepository.Draft(
                    campaignID: try #require(UUID(uuidString: id)),
                    tenantID: "acme",
                    content: content
                )
                try await RevisionRepository().add([draft], gitCommit: "abc1234", on: connection)
            }
            func setMessage(_ message: JSONValue) async throws {
                try await api.pool.execute(
                    """
                    UPDATE campaigns SET "messageTemplate" = \(PostgresJSON(text: message.canonicalText))::jsonb
                    WHERE id = \(try #require(UUID(uuidString: id)))
                    """
                )
            }
            try await setMessage(["type": "template", "template": ["name": "hello", "language": ["code": "sw"]]])
            let spec = try await api.call("GET", "/campaigns/\(id)/spec").json
            #expect(spec["revision"] == 2 && spec["previousRevision"] == 1 && spec["commit"] == "abc1234")
            let lines = spec["difference"]?.stringValue?.split(separator: "\n") ?? []
            #expect(lines.contains { $0.hasPrefix("-") && $0.contains("code: en") }, "\(lines)")
            #expect(lines.contains { $0.hasPrefix("+") && $0.contains("code: sw") })
            // The change is taken back: no revision is added, and the first one is in force again.
            try await setMessage(APIFixture.message)
            let former = try await api.call("GET", "/campaigns/\(id)/spec").json
            #expect(former["revision"] == 1 && former["previousRevision"] == 2 && former["commit"] == nil)
            let changes = former["difference"]?.stringValue?.split(separator: "\n") ?? []
            #expect(changes.contains { $0.hasPrefix("-") && $0.contains("code: sw") }, "\(changes)")
            #expect(changes.contains { $0.hasPrefix("+") && $0.contains("code: en") })
            // A name that no spec could have.
            let named = try await api.campaign("Spring Sale!")
            let text = try await api.call("GET", "/campaigns/\(named)/spec").json["spec"]?.stringValue ?? ""
            #expect(text.contains("name: \"Spring Sale!\""), "\(text)")
        }
    }
}

/// Events that came in, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct TriggerHistoryTests {
    @Test func eventsHaveOutcomesAndMaskedNumbers() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let fields: [String: JSONValue] = ["type": "event_triggered", "triggerType": "payment.overdue"]
            let id = try await api.campaign("overdue", fields)
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            func fire(_ event: String, _ contact: String) async throws {
                #expect(try await api.call("POST", "/triggers/\(event)", ["contactId": .string(contact)]).status < 300)
            }
            try await fire("payment.overdue", "+254711000001")
            try await fire("payment.overdue", "+254799999999")
            try await fire("payment.other", "+254711000002")
            let page = try await api.call("GET", "/triggers/events").json
            let items = page["items"]?.arrayValue ?? []
            #expect(page["total"] == 3)
            #expect(items.map { $0["outcome"] } == ["unmatched", "refused", "matched"])
            #expect(items.map { $0["reason"] } == [nil, "no_contact", nil])
            #expect(items.allSatisfy { $0["contact"]?.stringValue?.contains("•••") == true })
            #expect(!"\(page)".contains("254711000001"))
            let filtered = try await api.call("GET", "/triggers/events?event=payment.overdue&limit=1&page=2").json
            #expect(filtered["total"] == 2 && filtered["items"]?.arrayValue?.map { $0["outcome"] } == ["matched"])

            let points = try await api.call("GET", "/triggers/series?minutes=5").json["points"]?.arrayValue ?? []
            #expect(points.reduce(0) { $0 + ($1["count"]?.integerValue ?? 0) } == 3)
            #expect(points.contains { $0["outcome"] == "refused" && $0["reason"] == "no_contact" && $0["count"] == 1 })
            try await api.pool.execute("UPDATE trigger_events SET \"createdAt\" = now() - interval '1 hour'")
            #expect(try await api.call("GET", "/triggers/series?minutes=5").json["points"] == [])
            #expect(
                try await api.call("GET", "/triggers/series?minutes=90").json["points"]?.arrayValue?.isEmpty == false
            )
            #expect(try await api.call("GET", "/triggers/events", tenant: "other").json["total"] == 0)
            #expect(try await api.call("GET", "/triggers/series?minutes=90", tenant: "other").json["points"] == [])
        }
    }
}
