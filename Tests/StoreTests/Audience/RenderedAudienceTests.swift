import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Messages of an audience before anything is sent, and the placeholders without a value.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RenderedAudienceTests {
    private static func request(_ message: JSONValue, isFreeText: Bool = false) throws -> RenderRequest {
        RenderRequest(
            message: message,
            tenant: "acme",
            filter: try AudienceFilter(stored: ["logic": "AND", "conditions": []]),
            category: .marketing,
            isFreeText: isFreeText,
            number: nil
        )
    }

    private static func template(_ parameters: [String]) -> JSONValue {
        let values = parameters.map { ["type": "text", "text": .string($0)] as JSONValue }
        return [
            "type": "template",
            "template": [
                "name": "hello", "language": ["code": "en"],
                "components": [["type": "body", "parameters": .array(values)]],
            ],
        ]
    }

    /// A placeholder stands in several texts, and in some of them a blank value counts as none.
    @Test func aPlaceholderIsListedOnce() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(2)
            try await fixture.pool.execute("UPDATE contacts SET name = ' '")
            let message = Self.template(["{{name|there}}", "Dear {{name|there}}", "{{name|you}}"])
            let rendered = try await AudienceRepository(pool: fixture.pool)
                .render(try Self.request(message), count: 1, now: Fixture.now)
            #expect(rendered.placeholders.map(\.fallback) == ["there", "you"])
            #expect(rendered.placeholders.map(\.missing) == [2, 2])
            #expect(rendered.messages.first?.fallbacks.map(\.text) == ["there", "you"])
        }
    }

    /// The counts come from SQL and the fallbacks from the renderer: both must judge every odd value alike.
    @Test(
        arguments: [
            (["{{name|there}}"], false), (["{{name}}"], false), (["{{name|a}} {{metadata.city|b}}"], false),
            (["{{name|}}{{metadata.city| }}"], false), (["Dear {{name|there}}", "{{metadata.city|x}}"], false),
            (["{{yearOfBirth|?}}", "{{lastSeen|never}}", "{{context.order|none}}"], false),
            (["Hi {{name|there}} of {{metadata.city}}"], true),
        ]
    )
    func countsEqualTheFallbacksOfEachRecipient(texts: [String], isFreeText: Bool) async throws {
        try await Fixture.with { fixture in
            let names: [String?] = [nil, "", " ", "\u{A0}\u{3000}", "\n\t", "Amina", "\u{200B}", " x "]
            let cities = [
                "{}", #"{"city":null}"#, #"{"city":""}"#, #"{"city":" \u2003"}"#, #"{"city":7}"#, #"{"city":"Kisumu"}"#,
            ]
            for (index, name) in names.enumerated() {
                for (number, city) in cities.enumerated() {
                    let row = index * cities.count + number
                    try await fixture.pool.execute(
                        """
                        INSERT INTO contacts ("tenantId", "contactId", name, metadata, "yearOfBirth", "lastSeen") VALUES (
                            'acme', \(String(254_700_000_000 + row)), \(name), \(PostgresJSON(text: city))::jsonb,
                            \(row % 2 == 0 ? 1990 : nil), CASE WHEN \(row % 3) > 0 THEN now() - interval '1 hour' END
                        )
                        """
                    )
                }
            }
            let message: JSONValue =
                isFreeText ? ["type": "text", "text": ["body": .string(texts[0])]] : Self.template(texts)
            let request = try Self.request(message, isFreeText: isFreeText)
            let rendered = try await AudienceRepository(pool: fixture.pool).render(request, count: 100, now: Date())
            #expect(rendered.messages.count == (isFreeText ? 32 : 48))
            #expect(rendered.recipients == rendered.messages.count)
            #expect(!rendered.placeholders.isEmpty)
            for placeholder in rendered.placeholders {
                let found = rendered.messages.count { message in
                    message.fallbacks.contains { $0.path == placeholder.path && $0.text == placeholder.fallback }
                }
                #expect(placeholder.missing == found, "\(placeholder)")
                #expect(found > 0)
            }
            // A message fails exactly if a value without a default is missing.
            for message in rendered.messages {
                let lacks = message.fallbacks.contains { $0.text.map { $0.allSatisfy(\.isWhitespace) } ?? true }
                if message.problem == nil { #expect(message.content != nil) } else { #expect(lacks, "\(message)") }
            }
        }
    }

    @Test func showsTheContentOfTheRequestWithoutTheRecipient() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(3, inWindow: 1, at: Date())
            let request = try Self.request(Self.template(["{{name|there}}"]))
            let rendered = try await AudienceRepository(pool: fixture.pool).render(request, count: 2, now: Date())
            #expect(rendered.messages.map(\.recipient) == ["254700000001", "254700000002"])
            #expect(rendered.messages.map(\.isInWindow) == [true, false])
            #expect(rendered.messages[0].content == Self.template(["Contact 1"]))
            #expect(rendered.recipients == 3 && rendered.placeholders.map(\.missing) == [0])
        }
    }

    @Test func readsTheMessageOfAStoredCampaign() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.addCampaign(message: #"{"type":"text","text":{"body":"Hi {{name}}"}}"#)
            let audiences = AudienceRepository(pool: fixture.pool)
            let found = try #require(try await audiences.renderRequest(of: id, tenant: "acme"))
            #expect(found.request.isFreeText && found.request.message["text"]?["body"] == "Hi {{name}}")
            #expect(try await audiences.renderRequest(of: id, tenant: "other") == nil)
            #expect(try await audiences.renderRequest(of: UUID(), tenant: "acme") == nil)
        }
    }
}
