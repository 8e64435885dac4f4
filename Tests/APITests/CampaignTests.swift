import AccessTokens
import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import API

/// Creating, reading, changing and deleting campaigns over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct CampaignTests {
    @Test func createsReadsChangesAndDeletesACampaign() async throws {
        try await APIFixture.with { api in
            let made = try await api.call(
                "POST",
                "/campaigns",
                APIFixture.draft(
                    "spring",
                    ["sourceModule": "events", "sourceReferenceId": "e-1", "type": "module_initiated"]
                )
            )
            #expect(made.status == 201)
            #expect(made.header("Location") == "/campaigns/\(made.id)")
            #expect(made.json["status"] == "draft")
            #expect(made.json["sender"] == "main", "the only sender is taken")
            let found = try await api.call("GET", "/campaigns/\(made.id)")
            #expect(found.json == made.json)

            let changed = try await api.call(
                "PATCH",
                "/campaigns/\(made.id)",
                ["title": "Spring", "sourceReferenceId": nil]
            )
            #expect(changed.status == 200, "\(changed.text)")
            #expect(changed.json["title"] == "Spring")
            #expect(changed.json["sourceReferenceId"] == nil)
            #expect(changed.json["sourceModule"] == "events")

            #expect(try await api.call("DELETE", "/campaigns/\(made.id)").status == 204)
            #expect(try await api.call("GET", "/campaigns/\(made.id)").status == 404)
            #expect(try await api.call("DELETE", "/campaigns/\(made.id)").status == 404)
        }
    }

    @Test func aCampaignSaysWhatHappensAtACapOfWhatsApp() async throws {
        try await APIFixture.with { api in
            let rule: JSONValue = ["action": "retry", "every": "36h", "until": "72h"]
            let made = try await api.call("POST", "/campaigns", APIFixture.draft("a", ["onUserCap": rule]))
            #expect(made.status == 201, "\(made.text)")
            #expect(made.json["onUserCap"] == ["action": "retry", "every": "36h", "until": "3d"])
            let path = "/campaigns/\(made.id)"
            #expect(try await api.call("PATCH", path, ["onUserCap": "fail"]).json["onUserCap"] == "fail")
            #expect(try await api.call("PATCH", path, ["title": "A"]).json["onUserCap"] == "fail")
            #expect(try await api.call("PATCH", path, ["onUserCap": nil]).json["onUserCap"] == nil)
            let wrong: [(JSONValue, String)] = [
                (["action": "retry", "every": "30m"], "onUserCap.every"),
                (["action": "retry", "every": "48h", "until": "24h"], "onUserCap.until"),
                (["action": "fail", "until": "24h"], "onUserCap.until"),
            ]
            for (value, field) in wrong {
                let refused = try await api.call("PATCH", path, ["onUserCap": value])
                #expect(refused.status == 422 && refused.error(field) != nil, "\(refused.text)")
            }
            for value in ["wait", ["every": "24h"], ["action": "retry", "after": "1h"], 5] as [JSONValue] {
                #expect(try await api.call("PATCH", path, ["onUserCap": value]).status == 422)
            }
        }
    }

    @Test func asksForASenderIfThereAreSeveral() async throws {
        try await APIFixture.with { api in
            try await api.pool.execute(
                """
                INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
                VALUES ('acme', 'second', '1002', 'env:TOKEN', 80, 'second-group')
                """
            )
            let silent = try await api.call("POST", "/campaigns", APIFixture.draft())
            #expect(silent.error("sender")?.contains("`main` or `second`") == true, "\(silent.text)")
            let named = try await api.call("POST", "/campaigns", APIFixture.draft("a", ["sender": "second"]))
            #expect(named.json["sender"] == "second")
            let misspelt = try await api.call("POST", "/campaigns", APIFixture.draft("a", ["sender": "secnd"]))
            #expect(misspelt.error("sender")?.contains("did you mean `second`") == true)
            let id = named.json["senderId"] ?? .null
            #expect(try await api.call("POST", "/campaigns", APIFixture.draft("b", ["senderId": id])).status == 201)
            let foreign = try await api.call(
                "POST",
                "/campaigns",
                APIFixture.draft("c", ["senderId": id]),
                tenant: "other"
            )
            #expect(foreign.error("senderId") != nil, "another tenant's sender is none")
        }
    }

    @Test func listsCampaignsInPagesWithFilters() async throws {
        try await APIFixture.with { api in
            for number in 1...7 {
                _ = try await api.campaign(
                    "c\(number)",
                    [
                        "type": number % 2 == 0 ? "scheduled" : "module_initiated",
                        "sourceModule": number % 2 == 0 ? nil : "events", "title": .string("100%_\(number)"),
                        "sourceReferenceId": .string("ref-\(number)"),
                    ]
                )
            }
            func names(_ query: String) async throws -> ([String], Int) {
                let reply = try await api.call("GET", "/campaigns?" + query)
                let items = reply.json["items"]?.arrayValue ?? []
                return (items.compactMap { $0["name"]?.stringValue }, reply.json["total"]?.integerValue ?? -1)
            }
            #expect(try await names("limit=3") == (["c7", "c6", "c5"], 7))
            #expect(try await names("limit=3&page=3") == (["c1"], 7))
            #expect(try await names("limit=3&page=4") == ([], 7))
            #expect(try await names("type=scheduled").0 == ["c6", "c4", "c2"])
            #expect(try await names("sourceModule=events").1 == 4)
            #expect(try await names("sourceReferenceId=ref-5").0 == ["c5"])
            #expect(try await names("q=C3").0 == ["c3"])
            #expect(try await names("q=%25_6").0 == ["c6"], "wildcards are letters here")
            #expect(try await names("q=%25%25").0 == [])
            #expect(try await names("status=running") == ([], 0))
        }
    }

    @Test func makesTheSameMessageFromATemplateAsSpecsDo() async throws {
        try await APIFixture.with { api in
            let template = try await api.template()
            let params: JSONValue = ["1": "{{name|there}}", "2": "late"]
            let body = APIFixture.draft("t", ["templateId": .string(template), "templateParams": params])
            let made = try await api.call("POST", "/campaigns", body)
            #expect(made.status == 201, "\(made.text)")
            let spec = try TemplateSpec(
                canonical: [
                    "name": "offer", "whatsappName": "offer", "language": "en", "category": "marketing",
                    "body": "Hi {{1}}, it is {{2}}.",
                ]
            )
            let expected = try MessagePayload.hydrate(template: spec, params: ["1": "{{name|there}}", "2": "late"])
            #expect(made.json["messageTemplate"] == expected)

            let wrong = APIFixture.draft(
                "t",
                ["templateId": .string(template), "templateParams": ["1": "x", "3": "y"]]
            )
            let refused = try await api.call("POST", "/campaigns", wrong)
            #expect(refused.error("templateParams.2")?.contains("needs parameter") == true, "\(refused.text)")
            #expect(refused.error("templateParams.3")?.contains("no parameter") == true, "\(refused.text)")
            let unfillable = try await api.call(
                "PATCH",
                "/campaigns/\(made.id)",
                ["templateParams": ["1": "{{nam}}", "2": "x"]]
            )
            #expect(unfillable.status == 422, "\(unfillable.text)")
            let elsewhere = try await api.call("POST", "/campaigns", body, tenant: "other")
            #expect(elsewhere.error("templateId") != nil, "another tenant's template is none")
        }
    }

    @Test func refusesChangesOfACampaignFromASpecFile() async throws {
        try await APIFixture.with { api in
            let id = try await api.campaign()
            try await api.pool.execute(
                """
                UPDATE campaigns SET "managedBy" = 'spec', "sourceFile" = 'acme/spring.yaml' WHERE id = \(UUID(uuidString: id))
                """
            )
            for (method, path, body) in [
                ("PATCH", "/campaigns/\(id)", ["title": "x"] as JSONValue?), ("DELETE", "/campaigns/\(id)", nil),
                ("POST", "/campaigns/\(id)/schedule", ["scheduledAt": "2100-01-01T00:00:00Z"]),
            ] {
                let reply = try await api.call(method, path, body)
                #expect((reply.status, reply.code) == (409, "managed_by_spec"), "\(method) \(path) \(reply.text)")
                #expect(reply.json["detail"]?.stringValue?.contains("acme/spring.yaml") == true)
            }
        }
    }

    @Test func appliesConcurrentChangesOneAfterTheOther() async throws {
        try await APIFixture.with { api in
            let id = try await api.campaign()
            let changes: [JSONValue] = [
                ["title": "T"], ["sourceModule": "m"], ["sourceReferenceId": "r"], ["name": "n"],
            ]
            try await withThrowingTaskGroup { group in
                for change in changes {
                    group.addTask {
                        let reply = try await api.call("PATCH", "/campaigns/\(id)", change)
                        #expect(reply.status == 200)
                    }
                }
                try await group.waitForAll()
            }
            let json = try await api.call("GET", "/campaigns/\(id)").json
            for change in changes {
                for (key, value) in change.objectValue ?? [:] { #expect(json[key] == value, "\(key)") }
            }
        }
    }

    @Test func acceptsEventsOnlyForCampaignsThatWaitForThem() async throws {
        try await APIFixture.with { api in
            let wrong = try await api.call(
                "POST",
                "/campaigns",
                APIFixture.draft("a", ["triggerType": "payment.received"])
            )
            #expect(wrong.error("triggerType") != nil)
            let id = try await api.campaign(
                "a",
                ["type": "event_triggered", "triggerType": "payment.received", "triggerConfig": ["plan": "premium"]]
            )
            func isActive() async throws -> [Bool] {
                try await api.pool.query("SELECT \"isActive\" FROM campaign_triggers").map { try $0.decode(0) }
            }
            #expect(try await isActive() == [false], "a draft does not listen")
            let sent = try await api.call("POST", "/campaigns/\(id)/send")
            #expect(sent.status == 202, "\(sent.text)")
            #expect(sent.json["campaign"]?["status"] == "running")
            #expect(try await isActive() == [true])
            #expect(try await api.call("POST", "/campaigns/\(id)/pause").json["status"] == "paused")
            #expect(try await api.call("POST", "/campaigns/\(id)/resume").json["status"] == "running")
            #expect(try await api.call("POST", "/campaigns/\(id)/cancel").json["status"] == "cancelled")
            #expect(try await isActive() == [false])
        }
    }

    @Test func acceptsEventsForCampaignsOfModules() async throws {
        try await APIFixture.with { api in
            let id = try await api.campaign(
                "m",
                [
                    "type": "module_initiated", "triggerType": "event.checkin", "audienceFilter": nil,
                    "sourceModule": "events",
                ]
            )
            let sent = try await api.call("POST", "/campaigns/\(id)/send")
            #expect(sent.json["campaign"]?["status"] == "running" && sent.json["run"] == nil, "\(sent.text)")
        }
    }

    @Test func storesTheCreatorIfTheSubjectIsAUUID() async throws {
        try await APIFixture.with { api in
            let user = UUID()
            try await api.pool.execute("CREATE TABLE users (id uuid PRIMARY KEY)")
            try await api.pool.execute("INSERT INTO users VALUES (\(user))")
            try await api.pool.execute(
                """
                ALTER TABLE campaigns ADD CONSTRAINT "campaigns_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
                """
            )
            func creator(_ subject: String) async throws -> String? {
                let headers = ["Authorization": "Bearer \(try TestToken.text(subject: subject))"]
                let made = try await api.call("POST", "/campaigns", APIFixture.draft(), headers: headers)
                #expect(made.status == 201, "\(made.text)")
                return made.json["createdBy"]?.stringValue
            }
            #expect(try await creator(user.uuidString) == user.apiText)
            #expect(try await creator(UUID().uuidString) == nil)
            #expect(try await creator("a program") == nil)
        }
    }

    @Test func theAudienceTellsTheLanguages() async throws {
        try await APIFixture.with(contacts: 4) { api in
            let id = try await api.campaign()
            let path = "/campaigns/\(id)/audience"
            #expect(try await api.call("GET", path).json["languages"] == nil)
            let message = """
                {"type": "template", "template": {"name": "hello", "language": {"code": "{{language}}"}},
                 "languages": {"fallback": "en", "components": {"en": [], "fr": []}}}
                """
            try await api.pool.execute(
                #"UPDATE campaigns SET "messageTemplate" = \#(PostgresJSON(text: message))::jsonb"#
            )
            try await api.pool.execute(
                #"UPDATE contacts SET metadata = '{"language": "fr"}' WHERE "contactId" LIKE '%1'"#
            )
            #expect(
                try await api.call("GET", path).json["languages"] == [
                    "fallback": "en", "otherLanguage": 0, "notLanguage": 0, "withoutLanguage": 3,
                    "counts": [["language": "en", "recipients": 3], ["language": "fr", "recipients": 1]],
                ]
            )
        }
    }

    @Test func rendersTheMessageOfSomeRecipients() async throws {
        try await APIFixture.with(contacts: 4) { api in
            let template = try await api.template(body: "Hi {{1}}, it is {{2}}.")
            let id = try await api.campaign(
                "rendered",
                [
                    "templateId": .string(template),
                    "templateParams": ["1": "{{name|there}}", "2": "{{metadata.day|soon}}"],
                ]
            )
            try await api.pool.execute("UPDATE contacts SET name = NULL WHERE \"contactId\" LIKE '%1'")
            let reply = try await api.call("GET", "/campaigns/\(id)/render?count=2")
            #expect(reply.status == 200, "\(reply.text)")
            let messages = reply.json["messages"]?.arrayValue ?? []
            #expect(messages.map { $0["body"] } == ["Hi there, it is soon.", "Hi Contact 2, it is soon."])
            #expect(messages.map { $0["isInWindow"] } == [false, true])
            #expect(messages.first?["phone"]?.stringValue?.contains("•") == true)
            #expect(reply.json["recipients"] == 4 && !reply.text.contains("254711000001"))
            #expect(reply.json["placeholders"]?.arrayValue?.map { $0["missing"] } == [1, 4])
            #expect(try await api.call("GET", "/campaigns/\(id)/render?count=0").json["messages"] == [])
            #expect(try await api.call("GET", "/campaigns/\(id)/render", tenant: "other").status == 404)
            #expect(try await api.call("GET", "/campaigns/\(id)/render?count=21").status == 400)
        }
    }

    /// Each preview takes a connection, and all of them are those of the daemon.
    @Test func aTenantHasTwoPreviewsAtOnce() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let id = try await api.campaign()
            let preview = "/campaigns/audience/preview"
            try await api.pool.withConnection { connection in
                try await connection.execute("BEGIN")
                try await connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
                async let first = api.call("POST", preview, APIFixture.everybody)
                async let second = api.call("GET", "/campaigns/\(id)/render")
                try await eventually("two previews wait for the lock") {
                    let rows = try await connection.query(
                        "SELECT count(*) FROM pg_locks WHERE relation = 'contacts'::regclass AND NOT granted"
                    )
                    return try rows[0].decode(0, as: Int.self) == 2
                }
                let third = try await api.call("POST", preview, APIFixture.everybody)
                #expect((third.status, third.code, third.header("Retry-After")) == (429, "too_many_requests", "1"))
                try await connection.execute("COMMIT")
                let statuses = try await [first.status, second.status]
                #expect(statuses == [200, 200])
            }
            #expect(try await api.call("POST", preview, APIFixture.everybody).status == 200)
        }
    }

    @Test func testsGoToTestRecipientsOnly() async throws {
        try await APIFixture.with(contacts: 3) { api in
            let id = try await api.campaign()
            let path = "/campaigns/\(id)/test"
            let unlisted = try await api.call("POST", path, ["to": ["+254711000001"]])
            #expect(
                unlisted.status == 422 && unlisted.error("to")?.contains("testRecipients") == true,
                "\(unlisted.text)"
            )
            try await api.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "testRecipients")
                VALUES ('acme', 'acme', '["+254711000001", "+254711000002", "+254799000000"]')
                """
            )
            let stranger = try await api.call("POST", path, ["to": ["+254799000000"]])
            #expect((stranger.status, stranger.code) == (409, "not_ready") && stranger.text.contains("is no contact"))
            let key = ["Idempotency-Key": "one"]
            let body: JSONValue = ["to": ["+254 711 000 001", "+254711000002"], "reason": "words"]
            let first = try await api.call("POST", path, body, headers: key)
            #expect(first.status == 202 && first.json["isNew"] == true, "\(first.text)")
            #expect(first.json["fillings"]?.arrayValue?.map { $0["to"] } == ["+254711000001", "+254711000002"])
            let masked = try await api.call("GET", "/campaigns/\(id)/tests", scopes: [.read])
            #expect(masked.status == 200 && !masked.text.contains("711000001"), "\(masked.text)")
            let again = try await api.call("POST", path, body, headers: key)
            #expect(again.json["isNew"] == false && again.json["test"]?["id"] == first.json["test"]?["id"])
            let list = try await api.call("GET", "/campaigns/\(id)/tests")
            #expect(list.json["items"]?.arrayValue?.count == 1 && list.json["items"]?[0]?["reason"] == "words")
            #expect(try await api.status(id) == "draft")
            let runs = try await api.call("GET", "/campaigns/\(id)/runs")
            #expect(runs.json["total"] == 0)
            try await api.pool.execute(
                #"UPDATE contacts SET "optedIn" = false, "optedOutAt" = now() WHERE "contactId" = '+254711000001'"#
            )
            let refused = try await api.call("POST", path, ["to": ["+254711000001"]])
            #expect((refused.status, refused.code) == (409, "not_ready"), "\(refused.text)")
            #expect(try await api.call("POST", path, ["to": []]).status == 422)
            let test = try #require(first.json["test"]?["id"]?.stringValue)
            let cancel = "/campaigns/\(id)/tests/\(test)/cancel"
            let another = try await api.campaign("another")
            #expect(try await api.call("POST", "/campaigns/\(another)/tests/\(test)/cancel").status == 404)
            #expect(try await api.call("POST", cancel, tenant: "other").status == 404)
            let cancelled = try await api.call("POST", cancel, ["reason": "wrong price"], scopes: [.operate])
            #expect(cancelled.status == 200 && cancelled.json["status"] == "cancelled", "\(cancelled.text)")
            #expect(cancelled.json["statusReason"] == "wrong price" && !cancelled.text.contains("711000001"))
            let over = try await api.call("POST", cancel)
            #expect((over.status, over.code, over.json["currentStatus"]) == (409, "state_conflict", "cancelled"))
            #expect(try await api.status(id) == "draft")
            // A draft that was only tested can be deleted.
            #expect(try await api.call("DELETE", "/campaigns/\(id)").status == 204)
        }
    }
}
