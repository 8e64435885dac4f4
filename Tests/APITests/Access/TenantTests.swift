import Foundation
import HTTPTypes
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import API

/// A tenant has no access to the data of another.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct TenantTests {
    /// A daemon whose database holds only `other` takes no call of `acme`, because its rows would be in the wrong cell.
    @Test func refusesTenantsOfOtherCellsOnEveryRoute() async throws {
        try await APIFixture.with(holds: { $0 == "other" }) { api in
            var tried = 0
            for endpoint in api.endpoints.endpoints where endpoint.neededAccess != .open {
                let path = endpoint.path.replacing(/\{[a-zA-Z]+\}/, with: UUID().apiText)
                let reply = try await api.call(endpoint.method.rawValue, path)
                #expect(reply.status == 403, "\(endpoint.path): \(reply.text)")
                #expect(reply.text.contains("lies in another cell"))
                tried += 1
            }
            #expect(tried > 40)
            #expect(try await api.call("GET", "/campaigns", tenant: "other").status == 200)
        }
    }

    @Test func hidesTheDataOfOtherTenantsOnEveryRoute() async throws {
        try await APIFixture.with(contacts: 5) { api in
            var ids = ["templates": try await api.template(), "campaigns": try await api.campaign()]
            let launched = try await api.campaign("launched")
            let sent = try await api.call("POST", "/campaigns/\(launched)/send")
            #expect(sent.status == 202)
            ids["runs"] = try #require(sent.json["run"]?["id"]?.stringValue)
            try await api.finishLaunches()
            let before = try await snapshot(api)
            var tried = 0
            for endpoint in api.endpoints.endpoints where endpoint.neededAccess != .open {
                guard endpoint.path.contains("{id}") else { continue }
                let kind = endpoint.path.split(separator: "/").first.map(String.init) ?? ""
                let own = [try #require(ids[kind], "\(endpoint.path)")] + (kind == "campaigns" ? [launched] : [])
                for id in own {
                    let path = endpoint.path.replacing("{id}", with: id).replacing("{testId}", with: UUID().apiText)
                    let reply = try await api.call(
                        endpoint.method.rawValue,
                        path,
                        endpoint.exampleBody,
                        tenant: "other"
                    )
                    #expect(reply.status == 404, "\(endpoint.method) \(path): \(reply.text)")
                    #expect(reply.code == "not_found")
                    tried += 1
                }
            }
            #expect(tried > 20, "the test has lost its routes")
            #expect(try await snapshot(api) == before, "nothing has changed")
        }
    }

    @Test func listsAndCountsOnlyTheDataOfTheTenant() async throws {
        try await APIFixture.with(contacts: 5) { api in
            _ = try await api.template()
            let id = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            try await api.finishLaunches()
            func other(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
                try await api.call(method, path, body, tenant: "other").json
            }
            #expect(try await other("GET", "/campaigns")["total"] == 0)
            #expect(try await other("GET", "/templates")["total"] == 0)
            #expect(try await other("GET", "/contacts")["total"] == 0)
            #expect(try await other("POST", "/contacts/search", APIFixture.everybody)["total"] == 0)
            #expect(try await other("GET", "/campaigns/analytics/overview")["totalCampaigns"] == 0)
            let senders = try await other("GET", "/campaigns/quota")["items"]?.arrayValue ?? []
            #expect(senders.map { $0["phoneNumberId"] } == ["2001"])
            let preview = try await other("POST", "/campaigns/audience/preview", APIFixture.everybody)
            #expect(preview["total"] == 0 && preview["samples"] == [])
            let own = try await api.call("POST", "/campaigns/audience/preview?samples=1", APIFixture.everybody)
            #expect(own.json["total"] == 5)
            let phone = own.json["samples"]?[0]?["phone"]?.stringValue ?? ""
            #expect(phone.contains("•") && !phone.contains("1000001"), "\(phone)")
        }
    }

    @Test func findsNoRunsOfOtherCampaigns() async throws {
        try await APIFixture.with(contacts: 5) { api in
            let (one, two) = (try await api.campaign("one"), try await api.campaign("two"))
            let sent = try await api.call("POST", "/campaigns/\(one)/send")
            let run = sent.json["run"]?["id"]?.stringValue ?? ""
            #expect(try await api.call("GET", "/campaigns/\(one)/analytics?run=\(run)").status == 200)
            #expect(try await api.call("GET", "/campaigns/\(two)/analytics?run=\(run)").status == 404)
            #expect(try await api.call("GET", "/campaigns/\(one)/analytics?revision=2").status == 404)
            #expect(try await api.call("GET", "/campaigns/\(two)/messages?run=\(run)").json["total"] == 0)
        }
    }

    private func snapshot(_ api: APIFixture) async throws -> [String] {
        var rows: [String] = []
        for table in ["campaigns", "templates", "campaign_runs", "campaign_schedules", "campaign_triggers"] {
            let found = try await api.pool.query(
                PostgresQuery(sql: "SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM \(table) t")
            )
            rows.append(try found[0].decode(0))
        }
        return rows
    }
}
