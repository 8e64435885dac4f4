import Crypto
import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import API
@testable import Runtime

/// `POST /campaigns/{id}/messages`: another program sends a campaign to contacts that it names.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ModuleMessagesTests {
    private static func phone(_ number: Int) -> String { "+25471" + String(1_000_000 + number) }

    private static func contact(_ number: Int, _ fields: [String: JSONValue] = [:]) -> JSONValue {
        .object(["contactId": .string(phone(number))].merging(fields) { _, new in new })
    }

    private static func module(_ api: APIFixture, _ changes: [String: JSONValue] = [:]) async throws -> String {
        let fields: [String: JSONValue] = ["type": "module_initiated", "audienceFilter": nil]
        return try await api.campaign("shipped", fields.merging(changes) { _, new in new })
    }

    private static func messages(_ api: APIFixture) async throws -> Int {
        try await api.pool.query("SELECT count(*) FROM campaign_messages")[0].decode(0)
    }

    @Test func sendsTheCampaignToTheContactsThatAreNamed() async throws {
        try await APIFixture.with(contacts: 4) { api in
            let id = try await Self.module(api)
            // Another module campaign that nobody asked for.
            _ = try await api.campaign("other", ["type": "module_initiated"])
            let path = "/campaigns/\(id)/messages"
            let one = try await api.call("POST", path, Self.contact(1, ["context": ["orderNumber": "A-17"]]))
            #expect(one.status == 202, "\(one.text)")
            #expect(one.json["matched"]?[0]?["campaignId"] == .string(id) && one.json["refused"] == [])
            #expect(try await api.status(id) == "running")
            let list: JSONValue = [Self.contact(2), ["contactId": "nobody"], Self.contact(3)]
            let answers = try await api.call("POST", path, list).json.arrayValue ?? []
            #expect(answers.map { $0["matched"]?.arrayValue?.count } == [1, 0, 1])
            #expect(answers[1]["refused"]?[0]?["reason"] == "no_contact")
            #expect(try await Self.messages(api) == 3)
            let context = try await api.pool.query(
                "SELECT context ->> 'orderNumber' FROM campaign_messages WHERE context IS NOT NULL"
            )
            #expect(try context.map { try $0.decode(0, as: String.self) } == ["A-17"])
        }
    }

    @Test func aRepeatedRequestGetsTheFormerAnswer() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let id = try await Self.module(api)
            let path = "/campaigns/\(id)/messages"
            let body = Self.contact(1, ["eventId": "order-17"])
            let first = try await api.call("POST", path, body)
            let second = try await api.call("POST", path, body)
            #expect(first.status == 202 && first.json == second.json, "\(second.text)")
            let other = try await api.call("POST", path, Self.contact(2, ["eventId": "order-17"]))
            #expect(other.json["refused"]?[0]?["reason"] == "event_id_reused")
            for _ in 1...2 {
                let keyed = try await api.call("POST", path, Self.contact(2), headers: ["Idempotency-Key": "k"])
                #expect(keyed.json["matched"]?.arrayValue?.count == 1)
            }
            // The same name of an event of the hook is another event.
            #expect(try await api.call("POST", "/triggers/order.shipped", body).json["matched"] == [])
            #expect(try await Self.messages(api) == 2)
        }
    }

    @Test func aSignatureCoversTheCampaign() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let id = try await Self.module(api)
            let path = "/campaigns/\(id)/messages"
            let body = Self.contact(1).canonicalText
            let time = Int(Date().timeIntervalSince1970)
            func headers(_ subject: String) -> [String: String] {
                let code = HMAC<SHA256>.authenticationCode(
                    for: Data("\(time).acme.\(subject).\(body)".utf8),
                    using: SymmetricKey(data: Data(APIFixture.triggerSecret.utf8))
                )
                let hex = code.map { String(format: "%02x", $0) }.joined()
                return [
                    "Content-Type": "application/json", "X-Campaigns-Tenant": "acme",
                    "X-Campaigns-Signature": "t=\(time),v1=\(hex)",
                ]
            }
            #expect(try await api.send("POST", path, body, headers: headers("order.shipped")).status == 401)
            for _ in 1...2 { #expect(try await api.send("POST", path, body, headers: headers(id)).status == 202) }
            #expect(try await Self.messages(api) == 1, "a replay sends nothing")
        }
    }

    @Test func saysWhyACampaignTakesNoMessages() async throws {
        try await APIFixture.with(contacts: 3) { api in
            let manual = try await api.campaign("manual")
            let wrong = try await api.call("POST", "/campaigns/\(manual)/messages", Self.contact(1))
            #expect((wrong.status, wrong.code) == (409, "not_ready"), "\(wrong.text)")
            for id in [UUID().uuidString, "x"] {
                #expect(try await api.call("POST", "/campaigns/\(id)/messages", Self.contact(1)).status == 404)
            }
            let id = try await Self.module(api)
            let foreign = try await api.call("POST", "/campaigns/\(id)/messages", Self.contact(1), tenant: "other")
            #expect(foreign.status == 404)
            try await api.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, policy) VALUES ('acme', 'acme', '{\"maxRecipients\": 1}')"
            )
            let many = try await api.call("POST", "/campaigns/\(id)/messages", [Self.contact(1), Self.contact(2)])
            #expect((many.status, many.code) == (409, "policy_violated"), "\(many.text)")
            #expect(try await api.call("POST", "/campaigns/\(id)/messages", Self.contact(1)).status == 202)
            #expect(try await api.call("POST", "/campaigns/\(id)/pause").status == 200)
            let paused = try await api.call("POST", "/campaigns/\(id)/messages", Self.contact(1))
            #expect(paused.json["refused"]?[0]?["reason"] == "campaign_paused", "\(paused.text)")
            #expect(try await api.call("POST", "/campaigns/\(id)/cancel").status == 200)
            let over = try await api.call("POST", "/campaigns/\(id)/messages", Self.contact(1))
            #expect((over.status, over.code) == (409, "state_conflict"), "\(over.text)")
        }
    }

    @Test func aCampaignThatIsSentToItsAudienceTakesNoOthers() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let id = try await Self.module(api, ["audienceFilter": APIFixture.everybody])
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            let reply = try await api.call("POST", "/campaigns/\(id)/messages", Self.contact(1))
            #expect(reply.json["refused"]?[0]?["reason"] == "campaign_busy", "\(reply.text)")
        }
    }
}
