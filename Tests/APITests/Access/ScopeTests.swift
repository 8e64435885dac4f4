import AccessTokens
import Foundation
import HTTPTypes
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import API

/// A token has the rights of its scopes, and no others.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ScopeTests {
    /// All routes that are not only read; a new one has to be added here.
    private static let changes: [String: AccessScope] = [
        "POST /campaigns": .admin, "PATCH /campaigns/{id}": .admin, "DELETE /campaigns/{id}": .admin,
        "POST /campaigns/{id}/send": .operate, "POST /campaigns/{id}/retry": .operate,
        "POST /campaigns/{id}/pause": .operate, "POST /campaigns/{id}/resume": .operate,
        "POST /campaigns/{id}/cancel": .operate, "POST /campaigns/{id}/schedule": .admin,
        "POST /campaigns/{id}/messages": .operate, "POST /campaigns/{id}/test": .operate,
        "POST /campaigns/{id}/tests/{testId}/cancel": .operate, "POST /triggers/{event}": .operate,
        "POST /campaigns/audience/preview": .read, "POST /contacts/search": .read,
        "POST /templates": .admin, "PATCH /templates/{id}": .admin, "DELETE /templates/{id}": .admin,
        "POST /contacts": .admin, "PUT /contacts/{contactId}": .admin, "DELETE /contacts/{contactId}": .admin,
        "PUT /suppressions/{contactId}": .admin, "DELETE /suppressions/{contactId}": .admin,
    ]

    /// The scopes that a request is tried with, and those that they give.
    private static let tokens: [(words: [AccessScope], rights: Set<AccessScope>)] = [
        ([.read], [.read]), ([.operate], [.read, .operate]), ([.contacts], [.contacts]),
        ([.read, .contacts], [.read, .contacts]), ([.admin], Set(AccessScope.allCases)),
    ]

    private static func path(_ endpoint: Endpoint) -> String {
        endpoint.path.replacing("{id}", with: UUID().uuidString.lowercased())
            .replacing("{testId}", with: UUID().uuidString.lowercased())
            .replacing("{event}", with: "payment.received").replacing("{contactId}", with: "254700000001")
            .replacing("{digest}", with: String(repeating: "ab", count: 32))
    }

    @Test func holdsScopesOnEveryRoute() async throws {
        try await APIFixture.with { api in
            var changes = Set(Self.changes.keys)
            for endpoint in api.endpoints.endpoints where endpoint.neededAccess != .open {
                let route = "\(endpoint.method.rawValue) \(endpoint.path)"
                changes.remove(route)
                var needed = Self.changes[route]
                if endpoint.method == .get, endpoint.path != "/session" { needed = .read }
                #expect(needed != nil || endpoint.path == "/session", "\(route) is new: say which scope it needs")
                // An endless answer.
                if endpoint.path == "/events" { continue }
                for (words, rights) in Self.tokens {
                    let reply = try await api.call(
                        endpoint.method.rawValue,
                        Self.path(endpoint),
                        endpoint.exampleBody,
                        scopes: words
                    )
                    let isAllowed = needed.map(rights.contains) ?? true
                    #expect((reply.status != 403) == isAllowed, "\(route) with \(words): \(reply.text)")
                    guard !isAllowed, let needed else { continue }
                    #expect(reply.code == "forbidden")
                    let detail = "the access token needs the scope `\(needed.rawValue)`"
                    #expect(reply.json["detail"] == .string(detail), "\(route)")
                    let challenge = reply.header("WWW-Authenticate") ?? ""
                    #expect(challenge.contains(#"error="insufficient_scope", scope="\#(needed.rawValue)""#), "\(route)")
                }
                let none = try await api.call(endpoint.method.rawValue, Self.path(endpoint), scopes: [])
                #expect((none.status, none.code) == (403, "forbidden"), "\(route) with scopes of others")
                let description = OpenAPIDocument(endpoints: [endpoint]).json
                let security = description["paths"]?[endpoint.path]?[endpoint.method.rawValue.lowercased()]?["security"]
                #expect(security == [["token": .array(needed.map { [.string($0.rawValue)] } ?? [])]], "\(route)")
            }
            #expect(changes.isEmpty, "no such routes: \(changes.sorted())")
        }
    }

    @Test func tellsTheCallerWhatItMay() async throws {
        try await APIFixture.with { api in
            try await api.pool.execute(
                #"INSERT INTO tenants ("tenantId", name, "timeZone") VALUES ('acme', 'acme', 'Africa/Nairobi')"#
            )
            let session = try await api.call("GET", "/session", scopes: [.operate, .contacts]).json
            #expect(session["tenant"] == "acme" && session["subject"] == "tester")
            #expect(session["scopes"] == ["read", "operate", "contacts"] && session["timeZone"] == "Africa/Nairobi")
            let end = try #require(session["expiresAt"]?.stringValue.flatMap(Date.init(apiText:)))
            let now = try #require(session["now"]?.stringValue.flatMap(Date.init(apiText:)))
            #expect((590...600).contains(end.timeIntervalSince(now)))
            let all = try await api.call("GET", "/session", tenant: "other").json
            #expect(all["scopes"] == ["read", "operate", "admin", "contacts"] && all["timeZone"] == "UTC")
        }
    }

    @Test func masksPeopleUnlessTheTokenMaySeeThem() async throws {
        try await APIFixture.with { api in
            let person: JSONValue = [
                "name": "Amina", "email": "amina@example.com", "pin": "1234567890", "metadata": ["plan": "premium"],
            ]
            #expect(try await api.call("PUT", "/contacts/254712345678", person).status == 201)
            #expect(try await api.call("PUT", "/suppressions/254787654321").status == 200)
            try await api.pool.execute(
                """
                INSERT INTO contact_ids ("tenantId", kind, id, key, "contactId")
                SELECT 'acme', 'userId', 'KE.40512998877', contact_key('KE.40512998877'), id FROM contacts
                """
            )
            let campaign = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(campaign)/send").status == 202)
            try await api.finishLaunches()
            let filter = APIFixture.everybody
            let requests: [(String, String, JSONValue?)] = [
                ("GET", "/contacts", nil), ("GET", "/contacts/254712345678", nil), ("POST", "/contacts/search", filter),
                ("GET", "/campaigns/\(campaign)/messages", nil),
                ("GET", "/campaigns/\(campaign)/messages?format=csv", nil),
                ("GET", "/suppressions", nil), ("GET", "/suppressions/254787654321", nil),
                ("POST", "/campaigns/audience/preview", filter),
            ]
            let secrets = ["254712345678", "254787654321", "amina@example.com", "1234567890", "premium", "40512998877"]
            for (method, path, body) in requests {
                for scopes in [[AccessScope.read], [.operate]] {
                    let reply = try await api.call(method, path, body, scopes: scopes)
                    #expect(reply.status == 200 && reply.text.contains("2547•"), "\(path): \(reply.text)")
                    for secret in secrets { #expect(!reply.text.contains(secret), "\(path): \(reply.text)") }
                }
                let shown = try await api.call(method, path, body, scopes: [.read, .contacts]).text
                let isPreview = path.hasSuffix("preview")
                let isShown = shown.contains("254712345678") || shown.contains("254787654321")
                #expect(isShown != isPreview, "\(path): \(shown)")
            }
        }
    }

    /// WhatsApp's ids of messages contain the number, and its reasons for failures may name it.
    @Test func hidesNumbersInOtherWritings() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("PUT", "/contacts/254712345678", ["name": "Amina"]).status == 201)
            let campaign = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(campaign)/send").status == 202)
            try await api.finishLaunches()
            let id = "wamid." + Data("254712345678".utf8).base64EncodedString()
            try await api.pool.execute(
                """
                UPDATE campaign_messages SET status = 'failed', "failedAt" = now(), "waMessageId" = \(id), "errorCode" = '131026',
                    "errorMessage" = 'no WhatsApp at +254712345678'
                """
            )
            let log = "/campaigns/\(campaign)/messages"
            for path in [log, log + "?format=csv"] {
                let masked = try await api.call("GET", path, scopes: [.read]).text
                #expect(!masked.contains("wamid") && masked.contains("no WhatsApp at +…"), "\(masked)")
                let shown = try await api.call("GET", path, scopes: [.read, .contacts]).text
                #expect(shown.contains(id) && shown.contains("no WhatsApp at +254712345678"), "\(shown)")
            }
            let errors = try await api.call("GET", "/campaigns/\(campaign)/errors", scopes: [.read])
            #expect(errors.json[0]?["errorMessage"] == "no WhatsApp at +…", "\(errors.text)")
        }
    }

    @Test func hidesPeopleInRenderedMessages() async throws {
        try await APIFixture.with { api in
            let person: JSONValue = [
                "name": "Amina", "email": "a@b.example", "pin": "1234567890", "metadata": ["plan": "premium"],
            ]
            #expect(try await api.call("PUT", "/contacts/254712345678", person).status == 201)
            let values = "{{email}} {{pin}} {{contactId}} {{metadata.plan}} {{metadata.none|none}}"
            let campaign = try await api.campaign(
                "rendered",
                [
                    "templateId": .string(try await api.template()),
                    "templateParams": ["1": "{{name}}", "2": .string(values)],
                ]
            )
            let masked = try await api.call("GET", "/campaigns/\(campaign)/render", scopes: [.read])
            let body = masked.json["messages"]?[0]?["body"]?.stringValue
            #expect(body == "Hi Amina, it is •••••• •••••• 2547••••••78 •••••• none.", "\(masked.text)")
            for secret in ["a@b", "1234567890", "254712345678", "premium"] { #expect(!masked.text.contains(secret)) }
            let shown = try await api.call("GET", "/campaigns/\(campaign)/render", scopes: [.read, .contacts])
            let full = shown.json["messages"]?[0]?["body"]?.stringValue
            #expect(full == "Hi Amina, it is a@b.example 1234567890 2547••••••78 premium none.", "\(shown.text)")
        }
    }

    /// A filter or a list of test recipients may name people.
    @Test func hidesPeopleInSpecs() async throws {
        try await APIFixture.with { api in
            let filter: JSONValue = [
                "logic": "AND",
                "conditions": [
                    ["field": "contactId", "operator": "in", "value": ["254712345678", "254787654321"]],
                    ["field": "email", "operator": "ends_with", "value": "@b.example"],
                    ["field": "tags", "operator": "contains", "value": "vip"],
                ],
            ]
            let campaign = try await api.campaign("few", ["audienceFilter": filter])
            let change: JSONValue = [
                "action": "update", "id": "acme/Tenant/acme", "tenant": "acme", "kind": "Tenant", "name": "acme",
                "after": ["testRecipients": ["+254700000017"]],
                "differences": [["path": "testRecipients", "before": ["+254700000018"], "after": ["+254700000017"]]],
                "notes": ["+254700000017 gets tests"],
            ]
            try await api.pool.withConnection { connection in
                _ = try await HistoryRepository().add(
                    HistoryRepository.Entry(
                        digest: "sha256:1",
                        actor: "jane",
                        gitCommit: nil,
                        counts: (0, 1, 0),
                        plan: ["changes": [change]],
                        toolVersion: "1"
                    ),
                    on: connection
                )
            }
            let secrets = ["4712345678", "4787654321", "@b.example", "4700000017", "4700000018"]
            for path in ["/campaigns", "/campaigns/\(campaign)", "/campaigns/\(campaign)/spec", "/specs/history"] {
                let masked = try await api.call("GET", path, scopes: [.read])
                #expect(masked.status == 200 && masked.text.contains("•"), "\(masked.text)")
                for secret in secrets { #expect(!masked.text.contains(secret), "\(path): \(masked.text)") }
                if path.hasPrefix("/campaigns") { #expect(masked.text.contains("vip")) }
                let shown = try await api.call("GET", path, scopes: [.read, .contacts])
                #expect(secrets.contains { shown.text.contains($0) }, "\(path): \(shown.text)")
            }
        }
    }

    /// A condition of a filter, and whether a token may use it that sees people masked.
    struct Condition: CustomTestStringConvertible, Sendable {
        let field: String
        let check: String
        var value: JSONValue?
        let isAllowed: Bool

        var json: JSONValue { .fields(["field": .string(field), "operator": .string(check), "value": value]) }
        var testDescription: String { "\(field) \(check)" }
    }

    /// Conditions on all kinds of fields.
    ///
    /// What contacts show to every token may be compared. With a filter on something else one could find it out, letter by
    /// letter.
    private static let conditions =
        ["contactId", "email", "pin"].flatMap { field in
            [
                Condition(field: field, check: "starts_with", value: "2547", isAllowed: false),
                Condition(field: field, check: "in", value: ["254712345678"], isAllowed: false),
                Condition(field: field, check: "is_not_null", isAllowed: true),
            ]
        } + [
            Condition(field: "metadata.plan", check: "starts_with", value: "p", isAllowed: false),
            Condition(field: "metadata.age", check: "gt", value: 30, isAllowed: false),
            Condition(field: "metadata.plan", check: "is_not_null", isAllowed: false),
            Condition(field: "name", check: "starts_with", value: "A", isAllowed: true),
            Condition(field: "tags", check: "contains", value: "vip", isAllowed: true),
            Condition(field: "yearOfBirth", check: "gt", value: 1990, isAllowed: true),
            Condition(field: "paymentStatus", check: "eq", value: "paid", isAllowed: true),
        ]

    @Test func refusesFiltersThatAskForHiddenFields() async throws {
        try await APIFixture.with(contacts: 3) { api in
            for condition in Self.conditions {
                let filter: JSONValue = ["logic": "AND", "conditions": [["not": condition.json]]]
                let query = try #require(
                    filter.canonicalText.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
                )
                let requests: [(String, String, JSONValue?)] = [
                    ("POST", "/contacts/search", filter), ("GET", "/contacts?filter=\(query)", nil),
                    ("POST", "/campaigns/audience/preview", filter),
                ]
                for (method, path, body) in requests {
                    for scopes in [[AccessScope.read], [.operate]] {
                        let reply = try await api.call(method, path, body, scopes: scopes)
                        #expect(
                            reply.status == (condition.isAllowed ? 200 : 403),
                            "\(condition) \(path): \(reply.text)"
                        )
                        let detail = "the access token needs the scope `contacts` to filter by `\(condition.field)`"
                        if !condition.isAllowed { #expect(reply.json["detail"] == .string(detail)) }
                    }
                    #expect(try await api.call(method, path, body, scopes: [.read, .contacts]).status == 200)
                }
            }
        }
    }

    /// A stored filter was reviewed: who operates may count it and launch it, whatever it compares.
    @Test func countsAndLaunchesStoredFiltersOfHiddenFields() async throws {
        try await APIFixture.with(contacts: 3) { api in
            for (index, condition) in Self.conditions.enumerated() where !condition.isAllowed {
                let filter: JSONValue = ["logic": "AND", "conditions": [["not": condition.json]]]
                let id = try await api.campaign("stored-\(index)", ["audienceFilter": filter])
                let size = try await api.call("GET", "/campaigns/\(id)/audience?samples=1", scopes: [.operate])
                #expect(size.status == 200 && size.json["total"]?.integerValue == 3, "\(size.text)")
                #expect(size.json["quotaCheck"]?["canProceed"] == true && size.text.contains("•"))
                #expect(size.json["isEstimate"] == nil)
                let launched = try await api.call("POST", "/campaigns/\(id)/send", scopes: [.operate])
                #expect(launched.status == 202, "\(launched.text)")
            }
        }
    }
}
