import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import API

/// Adding, changing and searching contacts over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ContactEndpointTests {
    private static let person = "/contacts/254700000017"
    private static let other = "/contacts/%2B254%20(0)%20700-000-017"

    private static func rows(_ api: APIFixture) async throws -> [String] {
        try await api.pool.query("SELECT \"contactId\" FROM contacts ORDER BY 1").map { try $0.decode(0) }
    }

    @Test func aContactIsAddedFoundAndChangedInAnySpelling() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("GET", Self.person).status == 404)
            let body: JSONValue = [
                "name": "Amina", "email": "a@b.example", "yearOfBirth": 1990, "tags": ["vip", " vip ", "gold"],
                "lastSeen": "2026-11-20T08:00:00Z", "metadata": ["plan": "basic", "seats": 3],
            ]
            let new = try await api.call("PUT", Self.other, body)
            #expect(new.status == 201, "\(new.text)")
            #expect(new.json["contactId"] == "254700000017" && new.json["name"] == "Amina")
            #expect(new.json["tags"] == ["vip", "gold"] && new.json["optedIn"] == true)
            #expect(try await api.call("GET", Self.other).json == new.json)
            #expect(try await api.call("GET", Self.person, tenant: "other").status == 404)
            let change: JSONValue = [
                "email": .null, "metadata": ["plan": "premium"], "lastSeen": "2026-11-01T08:00:00Z",
            ]
            let changed = try await api.call("PUT", Self.person, change)
            #expect(changed.status == 200, "\(changed.text)")
            #expect(changed.json["name"] == "Amina" && changed.json["email"] == nil)
            #expect(changed.json["metadata"] == ["plan": "premium", "seats": 3])
            #expect(changed.json["lastSeen"] == "2026-11-20T08:00:00Z", "never backwards")
            // Another tenant has its own row.
            #expect(try await api.call("PUT", Self.person, ["name": "Ann"], tenant: "other").status == 201)
            #expect(try await api.call("GET", Self.person).json["name"] == "Amina")
            // A row of another system, with a plus sign and the ninth digit.
            try await api.pool.execute(
                "INSERT INTO contacts (\"tenantId\", \"contactId\", name) VALUES ('acme', '+5531987654321', 'Ana')"
            )
            let found = try await api.call("PUT", "/contacts/553187654321", ["name": "Ana B"])
            #expect(found.status == 200 && found.json["contactId"] == "+5531987654321", "\(found.text)")
            #expect(try await Self.rows(api).count == 3)
        }
    }

    @Test func aPersonIsFoundAndChangedByEveryIDOfWhatsApp() async throws {
        try await APIFixture.with { api in
            let long = "KE." + String(repeating: "7", count: 147)
            #expect(try await api.call("PUT", Self.person, ["name": "Amina"]).status == 201)
            try await api.pool.execute(
                """
                INSERT INTO contact_ids ("tenantId", key, "contactId", kind, id)
                SELECT 'acme', contact_key(n.id), c.id, n.kind, n.id FROM contacts c
                CROSS JOIN (VALUES ('waId', '254711111111'), ('userId', 'KE.40512')) n (kind, id)
                """
            )
            try await api.pool.execute("UPDATE contacts SET \"currentNumber\" = '254711111111'")
            for id in ["254700000017", "254711111111", "%2B254%20711%20111111", "KE.40512"] {
                let found = try await api.call("GET", "/contacts/\(id)").json
                #expect(found["contactId"] == "254700000017", "\(id)")
                #expect(found["waId"] == "254711111111" && found["userId"] == "KE.40512")
                #expect(found["currentNumber"] == "254711111111" && found["ids"]?.arrayValue?.count == 2)
                #expect(try await api.call("PUT", "/contacts/\(id)", ["email": "a@b.example"]).status == 200, "\(id)")
            }
            let both: JSONValue = [
                ["contactId": "KE.40512", "name": "A"], ["contactId": "254700000017", "name": "B"],
            ]
            let answers = try await api.call("POST", "/contacts", both).json
            #expect(answers[0]?["result"] == "updated" && answers[1]?["result"] == "refused")
            #expect(try await Self.rows(api).count == 1)
            let longest = try await api.call("PUT", "/contacts/\(long)", ["name": "L"])
            // A new person is no contact of whom another id was learned.
            #expect(longest.status == 201, "\(longest.text)")
            #expect(try await api.call("GET", Self.person).json["name"] == "A")
            #expect(try await api.call("GET", "/contacts/\(long)").json["userId"] == .string(long))
            let longer = try await api.call("PUT", "/contacts/\(long)7", ["name": "L"])
            #expect(longer.status == 400, "\(longer.text)")
            let search = try await api.call("POST", "/contacts/search", ["logic": "AND", "conditions": []]).json
            #expect(search["items"]?[0]?["ids"] != nil && search["items"]?[1]?["ids"] == nil)
        }
    }

    @Test func aPersonIsErasedAndStaysOptedOut() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("DELETE", Self.person).status == 404)
            #expect(try await api.call("PUT", Self.person, ["name": "Amina", "optedIn": false]).status == 201)
            #expect(try await api.call("DELETE", Self.person, tenant: "other").status == 404)
            #expect(try await api.call("DELETE", Self.other).status == 204)
            #expect(try await api.call("GET", Self.person).status == 404)
            #expect(try await api.call("GET", "/contacts").json["total"] == 0)
            #expect(try await api.call("DELETE", Self.person).status == 404)
            let back = try await api.call("PUT", Self.person, ["name": "Amina"])
            #expect(back.status == 201 && back.json["suppressed"] == "all", "\(back.text)")
        }
    }

    @Test func aPersonWhoOptedOutStaysOutWithoutAReason() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("PUT", Self.person, ["name": "Amina"]).status == 201)
            let out = try await api.call("PUT", Self.person, ["optedIn": false])
            #expect(out.json["optedIn"] == false && out.json["suppressed"] == "all", "\(out.text)")
            let refused = try await api.call("PUT", Self.other, ["optedIn": true, "name": "Changed"])
            #expect(refused.status == 409 && refused.code == "state_conflict", "\(refused.text)")
            #expect(try await api.call("GET", Self.person).json["name"] == "Amina", "the whole change is refused")
            #expect(try await api.call("PUT", Self.person, ["name": "B"]).status == 200)
            let silent = try await api.call("PUT", Self.person, ["optedIn": true, "allowOptIn": true])
            #expect(silent.status == 422 && silent.error("reason") != nil, "\(silent.text)")
            let old: JSONValue = ["optedIn": true, "optedInAt": "2020-01-01T00:00:00Z"]
            #expect(try await api.call("PUT", Self.person, old).status == 409)
            let allowed: JSONValue = ["optedIn": true, "allowOptIn": true, "reason": "signed a form"]
            let back = try await api.call("PUT", Self.person, allowed)
            #expect(back.json["optedIn"] == true && back.json["suppressed"] == nil, "\(back.text)")
            let history = try await api.call("GET", "/suppressions/254700000017").json["history"]?.arrayValue ?? []
            #expect(history.map { $0["source"] } == ["api", "api"], "\(history)")
            #expect(history.first?["reason"] == "signed a form")
            #expect(history.allSatisfy { $0["actor"]?.stringValue?.hasPrefix("api:") == true })
            // A suppressed person who is no contact yet.
            #expect(try await api.call("PUT", "/suppressions/254700000018").status == 200)
            #expect(try await api.call("PUT", "/contacts/254700000018", ["optedIn": true]).status == 409)
            let added = try await api.call("PUT", "/contacts/254700000018", ["name": "Bo"])
            #expect(added.status == 201 && added.json["suppressed"] == "all", "\(added.text)")
            // Who stopped marketing messages only keeps that.
            let marketing: JSONValue = ["level": "marketing"]
            #expect(try await api.call("PUT", "/suppressions/254700000017", marketing).status == 200)
            let kept = try await api.call("PUT", Self.person, ["optedIn": true])
            #expect(kept.status == 200 && kept.json["suppressed"] == "marketing", "\(kept.text)")
        }
    }

    @Test func eachOfManyGetsItsAnswer() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("PUT", "/suppressions/254700000003").status == 200)
            let list: JSONValue = [
                ["contactId": "+254 700 000 001", "name": "A"], ["contactId": "0700 000 002"],
                ["contactId": "254700000003", "optedIn": true], ["contactId": "254700000004", "tags": ["x"]],
                ["contactId": "254700000001", "name": "B"],
                ["contactId": "254700000003", "optedIn": true, "allowOptIn": true, "reason": "form"],
            ]
            let reply = try await api.call("POST", "/contacts", list)
            #expect(reply.status == 200, "\(reply.text)")
            let answers = reply.json.arrayValue ?? []
            #expect(
                answers.map { $0["result"] } == ["created", "refused", "refused", "created", "refused", "created"]
            )
            #expect(answers.map { $0["status"] } == [nil, 400, 409, nil, 409, nil], "\(reply.text)")
            #expect(try await Self.rows(api) == ["254700000001", "254700000003", "254700000004"])
            #expect(try await api.call("GET", "/contacts/254700000001").json["name"] == "A")
            let again = try await api.call("POST", "/contacts", list)
            #expect(again.json[0]?["result"] == "updated")
            let wrong = try await api.call("POST", "/contacts", [["contactId": "254700000005", "nme": "A"]])
            #expect(wrong.status == 422 && wrong.error("[0].nme") != nil, "\(wrong.text)")
            #expect(try await Self.rows(api).count == 3)
            let thousand = (1...1_000).map { number -> JSONValue in
                ["contactId": .string(String(254_711_000_000 + number)), "name": "N"]
            }
            let many = try await api.call("POST", "/contacts", .array(thousand))
            #expect(many.json.arrayValue?.count == 1_000, "\(many.text.prefix(300))")
            let over = try await api.call("POST", "/contacts", .array(thousand + thousand.prefix(1)))
            #expect(over.status == 422)
        }
    }

    @Test func contactsAreListedAndSearchedInPages() async throws {
        try await APIFixture.with { api in
            let list = (1...5).map { number -> JSONValue in
                ["contactId": .string("25470000000\(number)"), "tags": number % 2 == 0 ? ["even"] : ["odd"]]
            }
            #expect(try await api.call("POST", "/contacts", .array(list)).status == 200)
            #expect(try await api.call("PUT", "/contacts/254700000002", ["optedIn": false]).status == 200)
            let page = try await api.call("GET", "/contacts?page=2&limit=2").json
            #expect(page["total"] == 5 && page["page"] == 2)
            #expect(page["items"]?.arrayValue?.map { $0["contactId"] } == ["254700000003", "254700000004"])
            let filter: JSONValue = ["conditions": [["field": "tags", "operator": "contains", "value": "even"]]]
            let even = try await api.call("POST", "/contacts/search?limit=200", filter).json
            #expect(even["items"]?.arrayValue?.map { $0["contactId"] } == ["254700000002", "254700000004"])
            #expect(even["items"]?[0]?["suppressed"] == "all")
            // The same filter in the query.
            func query(_ filter: JSONValue) -> String {
                "/contacts?filter="
                    + (filter.canonicalText.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
            }
            #expect(try await api.call("GET", query(filter)).json["items"] == even["items"])
            let without: JSONValue = ["field": "tags", "operator": "is_null"]
            #expect(try await api.call("GET", query(without)).json["total"] == 0)
            for text in ["{", "[]", "{\"field\":\"tgs\"}"] {
                let escaped = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                #expect(try await api.call("GET", "/contacts?filter=\(escaped)").status == 400)
            }
            let wrong: JSONValue = ["conditions": [["field": "tgs", "operator": "contains", "value": "even"]]]
            let problem = try await api.call("POST", "/contacts/search", wrong)
            #expect(problem.status == 422 && problem.error("conditions[0].field") != nil, "\(problem.text)")
            #expect(try await api.call("GET", "/contacts?limit=201").status == 400)
            #expect(try await api.call("GET", "/contacts", tenant: "other").json["total"] == 0)
            #expect(try await api.call("POST", "/contacts/search", filter, tenant: "other").json["total"] == 0)
        }
    }

    @Test func nationalNumbersAreOfTheCountryOfTheTenant() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("PUT", "/contacts/0700000017", ["name": "Amina"]).status == 400)
            try await api.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, country) VALUES ('acme', 'acme', 'KE')"
            )
            let new = try await api.call("PUT", "/contacts/0700000017", ["name": "Amina"])
            #expect(new.status == 201 && new.json["contactId"] == "254700000017", "\(new.text)")
            let many = try await api.call("POST", "/contacts", [["contactId": "0700 000 017"]])
            #expect(many.json[0]?["result"] == "updated", "\(many.text)")
        }
    }

    @Test(arguments: ["/contacts/07000", "/contacts/%20"])
    func whatIsNoIDIsRefused(path: String) async throws {
        try await APIFixture.with { api in
            let reply = try await api.call("PUT", path, ["name": "A"])
            #expect(reply.status == 400 && reply.error("contactId") != nil, "\(reply.text)")
        }
    }
}
