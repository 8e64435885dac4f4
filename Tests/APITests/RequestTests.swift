import Foundation
import HTTPTypes
import JSON
import Spec
import TestSupport
import Testing

@testable import API

/// Checks of requests that all endpoints share.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RequestTests {
    @Test func refusesRequestsWithoutAValidToken() async throws {
        try await APIFixture.with { api in
            for endpoint in api.endpoints.endpoints where endpoint.neededAccess != .open {
                let path = endpoint.path.replacing("{id}", with: UUID().uuidString)
                    .replacing("{event}", with: "payment.received")
                let method = endpoint.method.rawValue
                let none = try await api.send(method, path)
                #expect(none.status == 401, "\(method) \(path)")
                #expect(none.header("WWW-Authenticate") == #"Bearer realm="campaigns""#)
                let bad = try await api.send(method, path, headers: ["Authorization": "Bearer a.b.c"])
                #expect(bad.status == 401, "\(method) \(path)")
                #expect(bad.header("WWW-Authenticate")?.contains("invalid_token") == true)
                #expect(bad.json["detail"] == none.json["detail"], "nothing is said about the token")
            }
            let open = try await api.send("GET", "/healthz")
            #expect(open.status == 200)
        }
    }

    @Test func refusesAllRequestsWithoutKeys() async throws {
        try await APIFixture.with(tokens: [:]) { api in
            let reply = try await api.call("GET", "/campaigns")
            #expect(reply.status == 503)
            #expect(reply.code == "auth_not_configured")
            #expect(try await api.send("GET", "/healthz").status == 200)
        }
    }

    @Test func tellsUnknownAddressesFromUnknownMethods() async throws {
        try await APIFixture.with { api in
            let unknown = try await api.call("GET", "/campaign")
            #expect((unknown.status, unknown.code) == (404, "not_found"))
            let method = try await api.call("DELETE", "/campaigns")
            #expect((method.status, method.code) == (405, "method_not_allowed"))
            #expect(method.header("Allow") == "GET, HEAD, OPTIONS, POST")
            let odd = try await api.call("PROPFIND", "/campaigns/\(UUID().uuidString)")
            #expect((odd.status, odd.header("Allow")) == (405, "DELETE, GET, HEAD, OPTIONS, PATCH"))
        }
    }

    /// The noun is always that of the id, also for longer paths.
    @Test func answersMalformedIDsLikeUnknownOnes() async throws {
        try await APIFixture.with { api in
            var nouns: Set<String> = []
            for endpoint in api.endpoints.endpoints where !endpoint.ids.isEmpty {
                let body = endpoint.exampleBody
                var details: [String?] = []
                for id in ["x", "42", UUID().uuidString.lowercased()] {
                    let path = endpoint.path.replacing("{id}", with: id)
                    let reply = try await api.call(endpoint.method.rawValue, path, body)
                    #expect((reply.status, reply.code) == (404, "not_found"), "\(endpoint.method) \(path)")
                    details.append(reply.json["detail"]?.stringValue)
                }
                // The first part of the path without its plural: `/campaigns/{id}`, `/templates/{id}`, `/runs/{id}`.
                let noun = String(try #require(endpoint.path.split(separator: "/").first).dropLast())
                nouns.insert(noun)
                #expect(details == Array(repeating: "no such \(noun)", count: 3), "\(endpoint.method) \(endpoint.path)")
            }
            #expect(nouns == ["campaign", "run", "template"])
        }
    }

    @Test func answersHEADLikeGETWithoutABody() async throws {
        try await APIFixture.with { api in
            let id = try await api.campaign()
            let paths = [
                "/campaigns?limit=1", "/campaigns/\(id)", "/campaigns/\(UUID().uuidString)", "/campaigns?page=0",
                "/healthz",
                "/openapi.json", "/campaign", "/campaigns/audience/preview",
            ]
            for path in paths {
                let (get, head) = (try await api.call("GET", path), try await api.call("HEAD", path))
                #expect((head.status, head.text) == (get.status, ""), "\(path)")
                for name in ["Content-Type", "Content-Length", "Allow"] {
                    #expect(head.header(name) == get.header(name), "\(name) of \(path)")
                }
            }
            let log = try await api.call("HEAD", "/campaigns/\(id)/messages?format=csv")
            #expect((log.status, log.text, log.header("Content-Length")) == (200, "", nil))
            #expect(log.header("Content-Type")?.hasPrefix("text/csv") == true)
            #expect(try await api.send("HEAD", "/campaigns").status == 401)
        }
    }

    /// The fields that the proxy of `docs/operations.md` adds.
    @Test func ignoresTheFieldsOfProxies() async throws {
        try await APIFixture.with(requestsPerSecond: 2) { api in
            let forwarded = [
                "X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example",
                "Forwarded": "for=10.9.8.7;host=evil.example;proto=https", "X-Forwarded-Prefix": "/api",
            ]
            let made = try await api.call("POST", "/campaigns", APIFixture.draft(), headers: forwarded)
            #expect((made.status, made.header("Location")) == (201, "/campaigns/\(made.id)"))
            _ = try await api.call("GET", "/campaigns", headers: forwarded)
            let other = forwarded.merging(["X-Forwarded-For": "10.9.8.8"]) { _, new in new }
            #expect(try await api.call("GET", "/campaigns", headers: other).status == 429, "one tenant, two addresses")
        }
    }

    @Test func answersOPTIONSWithTheMethodsOfAnAddress() async throws {
        try await APIFixture.with { api in
            for (path, allowed) in [
                ("/campaigns", "GET, HEAD, OPTIONS, POST"), ("/triggers/payment.overdue", "OPTIONS, POST"),
                ("/webhooks/whatsapp", "GET, HEAD, OPTIONS, POST"), ("/healthz", "GET, HEAD, OPTIONS"),
            ] {
                let reply = try await api.send("OPTIONS", path)
                #expect((reply.status, reply.header("Allow"), reply.text) == (204, allowed, ""))
            }
            let unknown = try await api.send("OPTIONS", "/campaign")
            #expect((unknown.status, unknown.code, unknown.header("Allow")) == (404, "not_found", nil))
        }
    }

    @Test func givesEachRequestAnID() async throws {
        try await APIFixture.with { api in
            let named = try await api.call("GET", "/campaigns/x", headers: ["X-Request-Id": "mine-1"])
            #expect(named.header("X-Request-Id") == "mine-1")
            #expect(named.json["requestId"] == "mine-1")
            let forged = try await api.call("GET", "/campaigns/x", headers: ["X-Request-Id": "a b;c"])
            #expect(forged.json["requestId"] != "a b;c")
            #expect(forged.json["requestId"]?.stringValue == forged.header("X-Request-Id"))
        }
    }

    @Test func refusesMalformedBodies() async throws {
        try await APIFixture.with { api in
            let token = ["Authorization": "Bearer \(try TestToken.text())"]
            func send(_ text: String?, type: String? = "application/json") async throws -> APIFixture.Reply {
                try await api.send(
                    "POST",
                    "/campaigns",
                    text,
                    headers: token.merging(type.map { ["Content-Type": $0] } ?? [:]) { $1 }
                )
            }
            let broken = try await send(#"{"name": "#)
            #expect((broken.status, broken.code) == (400, "malformed_json"))
            let place = try await send(#"{"name": nope}"#)
            #expect(place.json["detail"]?.stringValue?.contains("byte 9") == true, "\(place.text)")
            #expect(try await send(#"{"name": "a", "name": "b"}"#).code == "malformed_json")
            #expect(try await send(nil).code == "malformed_json")
            #expect(try await send("{}", type: "text/plain").status == 415)
            #expect(try await send("{}", type: nil).status == 415)
            #expect(try await send("{}", type: "application/json; charset=utf-8").status == 422)
            let large = try await send(#"{"name": ""# + String(repeating: "a", count: 1 << 20) + #""}"#)
            #expect((large.status, large.code) == (413, "body_too_large"))
            #expect(try await send("[]").json["errors"]?.arrayValue?.count == 1)
            #expect(try await send("\u{FEFF}{}").code == "malformed_json")
            for (encoding, status) in [("gzip", 415), ("identity", 422)] {
                let headers = token.merging(["Content-Type": "application/json", "Content-Encoding": encoding]) { $1 }
                #expect(try await api.send("POST", "/campaigns", "{}", headers: headers).status == status)
            }
        }
    }

    @Test func reportsWrongFieldsWithTheirPaths() async throws {
        try await APIFixture.with { api in
            let reply = try await api.call(
                "POST",
                "/campaigns",
                [
                    "name": .string(String(repeating: "n", count: 256)), "type": "manuel", "titel": "x",
                    "messageTemplate": "hi", "sourceModule": 7, "templateParams": ["1": 5], "scheduledAt": "tomorrow",
                    "templateId": "7", "audienceFilter": ["conditions": []],
                ]
            )
            #expect((reply.status, reply.code) == (422, "invalid_fields"))
            #expect(reply.error("name")?.contains("256") == true)
            #expect(reply.error("type")?.contains("did you mean `manual`") == true)
            #expect(reply.error("titel")?.contains("did you mean `title`") == true)
            #expect(reply.error("messageTemplate")?.contains("expected an object") == true)
            #expect(reply.error("sourceModule")?.contains("found a number") == true)
            #expect(reply.error("templateParams.1")?.contains("expected a text") == true)
            #expect(reply.error("scheduledAt") != nil)
            #expect(reply.error("templateId") == "is not a UUID")
        }
    }

    @Test func checksFiltersAndMessagesLikeSpecs() async throws {
        try await APIFixture.with { api in
            let filter: JSONValue = [
                "logic": "AND",
                "conditions": [
                    ["field": "tags", "operator": "contains", "value": "vip"],
                    ["logic": "OR", "conditions": [["field": "paymentStatu", "operator": "eq", "value": "paid"]]],
                ],
            ]
            let message: JSONValue = ["type": "text", "text": ["body": "Hi {{nam}}", "bold": true]]
            let reply = try await api.call(
                "POST",
                "/campaigns",
                APIFixture.draft("a", ["audienceFilter": filter, "messageTemplate": message])
            )
            #expect(reply.status == 422)
            let field = reply.error("audienceFilter.conditions[1].conditions[0].field")
            #expect(field?.contains("paymentStatus") == true, "\(reply.text)")
            #expect(reply.error("messageTemplate.text.bold") != nil, "\(reply.text)")
            #expect(reply.error("messageTemplate.text.body")?.contains("name") == true, "\(reply.text)")
            let preview = try await api.call("POST", "/campaigns/audience/preview", filter)
            #expect(preview.error("conditions[1].conditions[0].field") != nil, "\(preview.text)")
        }
    }

    /// Names of fields come from the request and are quoted in answers.
    @Test func shortensNamesOfFieldsInAnswers() async throws {
        try await APIFixture.with { api in
            for key in ["a\0b", String(repeating: "k", count: 20_000)] {
                let draft = APIFixture.draft("a", ["templateParams": .object([key: ""])])
                let answer = try await api.call("POST", "/campaigns", draft)
                #expect(answer.status == 422)
                #expect(OpenAPIDocument.problemShape.problems(of: answer.json) == [])
                #expect(answer.json.isStorable)
            }
        }
    }

    @Test func refusesTextsWithNUL() async throws {
        try await APIFixture.with { api in
            let name = try await api.call("POST", "/campaigns", APIFixture.draft("a\0b"))
            #expect(name.error("name") != nil, "\(name.text)")
            let config = APIFixture.draft("a", ["type": "event_triggered", "triggerConfig": ["k": ["x\0": 1]]])
            #expect(try await api.call("POST", "/campaigns", config).status == 422)
            let query = try await api.call("GET", "/campaigns?q=%00")
            #expect((query.status, query.code) == (400, "invalid_parameter"))
        }
    }

    @Test(arguments: [
        ("page=0", "page"), ("page=x", "page"), ("limit=201", "limit"), ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=drafty", "status"), ("typ=manual", "typ"), ("q=", "q"), ("page=99999999999999999999", "page"),
        ("page=01", "page"), ("limit=+5", "limit"),
    ])
    func namesWrongParameters(query: String, name: String) async throws {
        try await APIFixture.with { api in
            let reply = try await api.call("GET", "/campaigns?" + query)
            #expect((reply.status, reply.code) == (400, "invalid_parameter"), "\(reply.text)")
            #expect(reply.error(name) != nil, "\(reply.text)")
        }
    }

    @Test func limitsTheRateOfATenant() async throws {
        try await APIFixture.with(requestsPerSecond: 1) { api in
            let first = try await api.call("GET", "/campaigns")
            let second = try await api.call("GET", "/campaigns")
            #expect((first.status, second.status, second.code) == (200, 429, "too_many_requests"))
            #expect(second.header("Retry-After") == "1" || second.header("Retry-After") == "2")
            #expect(try await api.call("GET", "/campaigns", tenant: "other").status == 200, "others do not wait")
        }
    }

    @Test func admitsTheRateOfATenantAndNoMore() {
        let clock = TestInstant()
        guard let limiter = RequestLimiter(rate: 10, now: { clock.now }) else {
            Issue.record("a rate of 10 is a limit")
            return
        }
        func passing(_ count: Int) -> Int { (1...count).count { _ in limiter.take(tenant: "acme") == nil } }
        #expect(passing(30) == 10, "a second's worth at once")
        clock.advance(by: .milliseconds(500))
        #expect(passing(30) == 5)
        clock.advance(by: .seconds(60))
        #expect(passing(30) == 10, "silence saves nothing up")
        #expect(RequestLimiter(rate: 0) == nil)
    }

    @Test func admitsABatchAsAWholeAndChargesItLater() {
        let clock = TestInstant()
        guard let limiter = RequestLimiter(rate: 10, now: { clock.now }) else {
            Issue.record("a rate of 10 is a limit")
            return
        }
        #expect(limiter.take(tenant: "acme") == nil)
        limiter.charge(tenant: "acme", 29)
        #expect(
            limiter.take(tenant: "acme") == .milliseconds(2_100),
            "30 are three seconds' worth, and one is there at once"
        )
        #expect(limiter.take(tenant: "other") == nil)
        clock.advance(by: .milliseconds(2_099))
        #expect(limiter.take(tenant: "acme") != nil)
        clock.advance(by: .milliseconds(1))
        #expect(limiter.take(tenant: "acme") == nil)
        #expect(limiter.take(tenant: "acme") != nil)
    }

    @Test func refusesEscapesThatAreNotUTF8() async throws {
        try await APIFixture.with { api in
            let reply = try await api.call("GET", "/campaigns?q=%ff")
            #expect(reply.code == "invalid_parameter")
        }
    }
}
