import AccessTokens
import Foundation
import HTTPTypes
import JSON
import Postgres
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
        "POST /triggers/{event}": .operate,
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
            .replacing("{event}", with: "payment.received").replacing("{contactId}", with: "254700000001")
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

    /// With a filter on numbers one could find out a hidden number digit by digit.
    @Test func refusesFiltersThatAskForHiddenFields() async throws {
        try await APIFixture.with(contacts: 3) { api in
            for field in ["contactId", "email", "pin"] {
                let condition: JSONValue = ["field": .string(field), "operator": "starts_with", "value": "2547"]
                let filter: JSONValue = ["logic": "AND", "conditions": [["not": condition]]]
                for path in ["/contacts/search", "/campaigns/audience/preview"] {
                    let reply = try await api.call("POST", path, filter, scopes: [.read])
                    #expect((reply.status, reply.code) == (403, "forbidden"), "\(path)")
                    let detail = "the access token needs the scope `contacts` to filter by `\(field)`"
                    #expect(reply.json["detail"] == .string(detail))
                    #expect(try await api.call("POST", path, filter, scopes: [.read, .contacts]).status == 200)
                }
                let known: JSONValue = ["field": .string(field), "operator": "is_not_null"]
                #expect(try await api.call("POST", "/contacts/search", known, scopes: [.read]).status == 200)
            }
        }
    }
}
