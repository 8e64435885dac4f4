import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import API

/// Opting people out and in over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct SuppressionEndpointTests {
    private static let person = "/suppressions/254700000017"

    @Test func aPersonIsOptedOutAndInAgain() async throws {
        try await APIFixture.with { api in
            #expect(try await api.call("GET", Self.person).status == 404)
            #expect(try await api.call("DELETE", Self.person + "?reason=form").status == 404)
            let put = try await api.call("PUT", "/suppressions/%2B254%20700-000-017", ["reason": "wrote a letter"])
            #expect(put.status == 200, "\(put.text)")
            #expect(put.json["contactId"] == "254700000017" && put.json["level"] == "all")
            #expect(put.json["source"] == "api" && put.json["reason"] == "wrote a letter")
            #expect(put.json["actor"]?.stringValue?.hasPrefix("api:") == true)
            let list = try await api.call("GET", "/suppressions?limit=1").json
            #expect(list["total"] == 1 && list["items"]?[0] == put.json)

            #expect(try await api.call("GET", Self.person, tenant: "other").status == 404)
            #expect(try await api.call("DELETE", Self.person + "?reason=form", tenant: "other").status == 404)
            #expect(try await api.call("GET", "/suppressions", tenant: "other").json["total"] == 0)

            let silent = try await api.call("DELETE", Self.person)
            #expect(silent.status == 400 && silent.error("reason") != nil, "\(silent.text)")
            #expect(try await api.call("DELETE", Self.person + "?reason=signed+a+form").status == 204)
            #expect(try await api.call("GET", "/suppressions").json["total"] == 0)
            let consent = try await api.call("GET", Self.person).json
            #expect(consent["level"] == nil)
            let history = consent["history"]?.arrayValue ?? []
            #expect(history.map { $0["isOptedIn"] } == [true, false])
            #expect(history.map { $0["reason"] } == ["signed a form", "wrote a letter"])
        }
    }

    @Test func aPersonMayBeOptedOutOfMarketingOnly() async throws {
        try await APIFixture.with(contacts: 5) { api in
            let rows = try await api.pool.query("SELECT \"contactId\" FROM contacts ORDER BY 1 LIMIT 1")
            let id = try rows[0].decode(0, as: String.self).replacing("+", with: "")
            let put = try await api.call("PUT", "/suppressions/\(id)", ["level": "marketing"])
            #expect(put.json["level"] == "marketing", "\(put.text)")
            func preview(_ query: String) async throws -> JSONValue? {
                try await api.call("POST", "/campaigns/audience/preview" + query, APIFixture.everybody).json["total"]
            }
            #expect(try await preview("") == 4)
            #expect(try await preview("?category=utility") == 5)
            #expect(try await preview("?category=utility&freeText=true") != 5)
            #expect(try await api.call("DELETE", "/suppressions/\(id)?reason=form&level=marketing").status == 204)
            #expect(try await preview("") == 5)
        }
    }

    @Test func whatIsNoIDIsRefused() async throws {
        try await APIFixture.with { api in
            for id in ["0700000017", "12", "%00", String(repeating: "x", count: 151)] {
                for method in ["GET", "PUT", "DELETE"] {
                    let reply = try await api.call(
                        method,
                        "/suppressions/\(id)?\(method == "DELETE" ? "reason=x" : "")"
                    )
                    #expect(reply.status == 400 || reply.status == 404, "\(method) \(id): \(reply.text)")
                }
            }
            #expect(try await api.call("PUT", "/suppressions/US.13491208655302741918").status == 200)
            let wrong = try await api.call("PUT", Self.person, ["level": "some"])
            #expect(wrong.status == 422 && wrong.error("level") != nil, "\(wrong.text)")
        }
    }
}
