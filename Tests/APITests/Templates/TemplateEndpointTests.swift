import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import API

/// Templates over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct TemplateEndpointTests {
    @Test func createsReadsChangesAndDeletesATemplate() async throws {
        try await APIFixture.with { api in
            let id = try await api.template()
            let found = try await api.call("GET", "/templates/\(id)").json
            #expect(found["parameters"] == ["1", "2"])
            let taken = try await api.call(
                "POST",
                "/templates",
                [
                    "name": "offer", "whatsappName": "x", "language": "en", "category": "utility", "body": "Hi",
                ]
            )
            #expect((taken.status, taken.code) == (409, "name_taken"))
            let changed = try await api.call("PATCH", "/templates/\(id)", ["body": "Hi {{1}}.", "footer": "Bye"])
            #expect(changed.json["parameters"] == ["1"], "\(changed.text)")
            #expect(try await api.call("PATCH", "/templates/\(id)", ["footer": nil]).json["footer"] == nil)
            #expect(try await api.call("GET", "/templates").json["total"] == 1)
            #expect(try await api.call("DELETE", "/templates/\(id)").status == 204)
            #expect(try await api.call("GET", "/templates/\(id)").status == 404)
            #expect(try await api.template() != id, "the name is free again")
        }
    }

    @Test func showsWhatWhatsAppSaysOfATemplate() async throws {
        try await APIFixture.with { api in
            let id = try await api.template()
            let stored = try await api.call("GET", "/templates/\(id)").json
            let name = try #require(stored["whatsappName"]?.stringValue)
            #expect(stored["whatsapp"] == nil)
            try await api.pool.execute(
                "UPDATE senders SET \"businessAccountId\" = 'WABA-1' WHERE \"tenantId\" = 'acme'"
            )
            try await api.pool.execute(
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, "statusAt", quality)
                VALUES ('WABA-1', \(name), 'en', 'PAUSED', now(), 'RED'), ('WABA-2', \(name), 'en', 'DISABLED', now(), NULL)
                """
            )
            let whatsapp = try await api.call("GET", "/templates/\(id)").json["whatsapp"]?.arrayValue ?? []
            #expect(whatsapp.count == 1 && whatsapp.first?["status"] == "PAUSED", "\(whatsapp)")
            #expect(whatsapp.first?["canBeSent"] == false && whatsapp.first?["quality"] == "RED")
            let list = try await api.call("GET", "/templates").json["items"]?[0]
            #expect(list?["whatsapp"]?[0]?["status"] == "PAUSED")
        }
    }

    @Test func keepsTemplatesThatCampaignsUse() async throws {
        try await APIFixture.with { api in
            let id = try await api.template()
            let params: JSONValue = ["1": "a", "2": "b"]
            let campaign = try await api.campaign("user", ["templateId": .string(id), "templateParams": params])
            for (method, body) in [("DELETE", nil), ("PATCH", ["footer": "x"] as JSONValue?)] {
                let reply = try await api.call(method, "/templates/\(id)", body)
                #expect((reply.status, reply.code) == (409, "in_use"), "\(reply.text)")
                #expect(reply.json["detail"]?.stringValue?.contains("`user`") == true)
            }
            #expect(try await api.call("DELETE", "/campaigns/\(campaign)").status == 204)
            #expect(try await api.call("DELETE", "/templates/\(id)").status == 204)
        }
    }

    @Test func refusesTemplatesThatWhatsAppWouldRefuse() async throws {
        try await APIFixture.with { api in
            let reply = try await api.call(
                "POST",
                "/templates",
                [
                    "name": "Offer", "whatsappName": "Of fer", "category": "marketin", "body": "Hi {{1}} {{3}}",
                    "protect": true,
                    "buttons": [
                        ["type": "url", "text": "Go"],
                        ["type": "phone", "text": "Call", "phoneNumber": "0700 100 200"],
                    ],
                ]
            )
            #expect(reply.status == 422)
            let fields = ["name", "whatsappName", "category", "body", "protect", "language"]
            for field in fields + ["buttons[0].url", "buttons[1].phoneNumber"] {
                #expect(reply.error(field) != nil, "\(field) in \(reply.text)")
            }
        }
    }

    @Test func refusesChangesOfATemplateFromASpecFile() async throws {
        try await APIFixture.with { api in
            let id = try await api.template()
            try await api.pool.execute("UPDATE templates SET \"managedBy\" = 'spec', \"sourceFile\" = 'acme/t.yaml'")
            for (method, body) in [("DELETE", nil), ("PATCH", ["footer": "x"] as JSONValue?)] {
                let reply = try await api.call(method, "/templates/\(id)", body)
                #expect((reply.status, reply.code) == (409, "managed_by_spec"), "\(reply.text)")
                #expect(reply.json["detail"]?.stringValue?.contains("acme/t.yaml") == true)
            }
        }
    }

    /// An earlier version accepted any text as phone number and URL.
    @Test func servesTemplatesStoredUnderOlderRules() async throws {
        try await APIFixture.with(contacts: 2) { api in
            let buttons: JSONValue = [
                ["type": "phone", "text": "Call", "phoneNumber": "the shop"],
                ["type": "url", "text": "Look", "url": "https://acme.example/a b/{{1}}"],
            ]
            let rows = try await api.pool.query(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body, buttons)
                VALUES ('acme', 'Old One', 'old', 'en', 'utility', 'Hi {{1}}',
                    \(PostgresJSON(text: buttons.canonicalText))::jsonb)
                RETURNING id
                """
            )
            let id = try rows[0].decode(0, as: UUID.self).uuidString
            let list = try await api.call("GET", "/templates")
            #expect(list.json["items"]?.arrayValue?.first?["buttons"] == buttons, "\(list.text)")
            let found = try await api.call("GET", "/templates/\(id)")
            #expect(found.json["buttons"] == buttons, "\(found.text)")
            #expect(found.json["parameters"] == ["1", "button.1"])
            let campaign = try await api.campaign(
                "user",
                ["templateId": .string(id), "templateParams": ["1": "you", "button.1": "7"]]
            )
            #expect(try await api.call("POST", "/campaigns/\(campaign)/send").status == 202)
            try await api.finishLaunches()
            #expect(try await api.status(campaign) == "running")
        }
    }

    @Test func checksChangesByTheCurrentRules() async throws {
        try await APIFixture.with { api in
            let old = PostgresJSON(text: #"[{"type": "phone", "text": "Call", "phoneNumber": "the shop"}]"#)
            let id = try await api.template()
            try await api.pool.execute("UPDATE templates SET buttons = \(old)::jsonb")
            let kept = try await api.call("PATCH", "/templates/\(id)", ["footer": "Bye"])
            #expect(kept.status == 422 && kept.error("buttons[0].phoneNumber") != nil, "\(kept.text)")
            let mended: JSONValue = [["type": "phone", "text": "Call", "phoneNumber": "+254700100200"]]
            let changed = try await api.call("PATCH", "/templates/\(id)", ["footer": "Bye", "buttons": mended])
            #expect(changed.json["buttons"] == mended, "\(changed.text)")
            try await api.pool.execute("UPDATE templates SET buttons = \(old)::jsonb")
            #expect(try await api.call("DELETE", "/templates/\(id)").status == 204)
        }
    }

    @Test func listsTheFieldsOfTheAPIForUnknownOnes() async throws {
        try await APIFixture.with { api in
            let fields: JSONValue = [
                "name": "offer", "whatsappName": "offer", "language": "en", "category": "utility", "colour": "red",
                "protected": true, "bodi": "Hi",
            ]
            let reply = try await api.call("POST", "/templates", fields)
            #expect(reply.status == 422)
            #expect(reply.error("colour") == "unknown field", "\(reply.text)")
            #expect(reply.error("protected") == "unknown field")
            #expect(reply.error("bodi") == "unknown field; did you mean `body`?")
            #expect(reply.error("body") == "is missing")
            #expect(!reply.text.contains("Template`") && !reply.text.contains("renamedFrom"), "\(reply.text)")
            let id = try await api.template()
            let changed = try await api.call("PATCH", "/templates/\(id)", ["colour": "red", "body": nil])
            #expect(changed.error("colour") == "unknown field", "\(changed.text)")
            #expect(changed.error("body") == "is missing")
        }
    }
}
