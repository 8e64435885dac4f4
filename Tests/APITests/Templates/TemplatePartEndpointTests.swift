import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import API

/// Templates with all parts, and of accounts, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct TemplatePartEndpointTests {
    private static let image: JSONValue = [
        "name": "spring", "whatsappName": "spring", "language": "en", "category": "marketing",
        "header": ["image": "https://shop.example/a.jpg"], "body": "Dear {{1}}, our spring sale is here.",
        "buttons": [["type": "url", "text": "Shop", "url": "https://shop.example/{{1}}"]],
    ]

    private static let code: JSONValue = [
        "name": "code", "whatsappName": "code", "language": "en", "category": "authentication",
        "otp": ["type": "copyCode", "codeExpiry": "10m"],
    ]

    @Test func allPartsAreKept() async throws {
        try await APIFixture.with { api in
            let keys: [JSONValue] = [["1", "button.0"], ["code"]]
            for (body, parameters) in zip([Self.image, Self.code], keys) {
                let made = try await api.call("POST", "/templates", body)
                #expect(made.status == 201, "\(made.text)")
                let id = try #require(made.json["id"]?.stringValue)
                let found = try await api.call("GET", "/templates/\(id)").json
                for (field, value) in body.objectValue ?? [:] where field != "otp" {
                    #expect(found[field] == value, "\(found)")
                }
                #expect(found["parameters"] == parameters)
                #expect(found["otp"]?["codeExpiry"] == body["otp"]?["codeExpiry"])
                let changed = try await api.call("PATCH", "/templates/\(id)", ["ttl": "30d"])
                #expect(changed.status == 200 && changed.json["ttl"] == "30d", "\(changed.text)")
            }
            // Versions without the parts cannot read the rows, and so never send messages that lack them.
            let rows = try await api.pool.query("SELECT DISTINCT buttons::text, parts IS NULL FROM templates")
            #expect(try rows.map { try $0.decode(0, as: String.self) } == ["null"])
            #expect(try rows.map { try $0.decode(1, as: Bool.self) } == [false])
        }
    }

    @Test func aCampaignGivesThemValues() async throws {
        try await APIFixture.with { api in
            let id = try #require(try await api.call("POST", "/templates", Self.image).json["id"]?.stringValue)
            let params: JSONValue = ["1": "{{name|you}}", "button.0": "a", "header.id": "1013"]
            let campaign = try await api.campaign("spring", ["templateId": .string(id), "templateParams": params])
            let rows = try await api.pool.query(
                """
                SELECT "messageTemplate" -> 'template' -> 'components' -> 0 -> 'parameters' -> 0 -> 'image' ->> 'id'
                FROM campaigns WHERE id = \(campaign)::uuid
                """
            )
            #expect(try rows[0].decode(0, as: String?.self) == "1013")
        }
    }

    @Test func templatesOfAnAccountAreReviewed() async throws {
        try await APIFixture.with { api in
            try await api.pool.execute(
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken") VALUES ('acme', 'main', '1022', 'env:TOKEN')
                """
            )
            let refused = try await api.call("POST", "/templates", Self.image)
            #expect(refused.code == "invalid_fields" && refused.text.contains("no example for"), "\(refused.text)")
            var body = Self.image.objectValue ?? [:]
            body["examples"] = ["1": "Ada", "button.0": "sale"]
            body["account"] = "mian"
            let unknown = try await api.call("POST", "/templates", .object(body))
            #expect(unknown.code == "invalid_fields" && unknown.text.contains("no account `mian`"), "\(unknown.text)")
            body["account"] = nil
            let made = try await api.call("POST", "/templates", .object(body))
            #expect(made.status == 201 && made.json["account"] == "main", "\(made.text)")
        }
    }
}
