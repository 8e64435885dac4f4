import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Runtime

/// One run in several languages, in which each person gets theirs.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct LanguageDeliveryTests {
    private static let message = """
        {"type": "template", "template": {"name": "hello", "language": {"code": "{{language}}"}},
         "languages": {"fallback": "en", "components": {
            "en": [{"type": "body", "parameters": [{"type": "text", "text": "EN {{name|you}}"}]}],
            "fr": [{"type": "body", "parameters": [{"type": "text", "text": "FR {{name|you}}"}]}],
            "pt_BR": [{"type": "body", "parameters": [{"type": "text", "text": "PT {{name|you}}"}]}]}}}
        """

    private static func fixture(contacts: Int, _ body: (DeliveryFixture) async throws -> Void) async throws {
        try await DeliveryFixture.with(contacts: contacts) { fixture in
            try await fixture.setMessage(message)
            // Some have a language in another spelling, one that is not there, none, or none that is a text.
            try await fixture.pool.execute(
                """
                UPDATE contacts SET metadata = metadata || (CASE (metadata ->> 'number')::int % 6
                    WHEN 0 THEN '{"language": "pt"}' WHEN 1 THEN '{"language": "pt-br"}' WHEN 2 THEN '{"language": "fr-CA"}'
                    WHEN 3 THEN '{"language": "sw"}' WHEN 4 THEN '{"language": ["fr"]}' ELSE '{}'
                END)::jsonb
                """
            )
            try await body(fixture)
        }
    }

    private static func expected(_ number: Int) -> (code: JSONValue, beginning: String) {
        switch number % 6 {
        case 0, 1: ("pt_BR", "PT")
        case 2: ("fr", "FR")
        default: ("en", "EN")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func eachPersonGetsTheirLanguageOnce() async throws {
        try await Self.fixture(contacts: 60) { fixture in
            let client = MovingClient(address: DeliveryFixture.Address(fixture.api), timeout: .seconds(30))
            let recorder = RecordingClient(client)
            let run = try await fixture.launch()
            // Two daemons, each with a cache of its own.
            try await fixture.withDelivery(channel: recorder) {
                try await fixture.withDelivery(channel: recorder) { try await fixture.completes(run) }
            }
            await client.shutdown()
            #expect(recorder.received.count == 60)
            for number in 1...60 {
                let phone = DeliveryFixture.phone(number)
                let body = try #require(recorder.received.first { $0["to"]?.stringValue == phone })
                let (code, beginning) = Self.expected(number)
                #expect(body["template"]?["language"]?["code"] == code, "\(number)")
                let text = body["template"]?["components"]?[0]?["parameters"]?[0]?["text"]?.stringValue
                #expect(text == "\(beginning) Contact \(number)")
                #expect(body["languages"] == nil)
            }
            try await fixture.expectDelivered(run, contacts: 60)
        }
    }

    /// The preview says which language each sample gets, and shows what is sent; masked values decide nothing.
    @Test(.timeLimit(.minutes(2)))
    func thePreviewTellsTheLanguage() async throws {
        try await Self.fixture(contacts: 12) { fixture in
            let audiences = AudienceRepository(pool: fixture.pool)
            let rows = try await fixture.pool.query("SELECT id FROM campaigns")
            let found = try await audiences.renderRequest(of: try rows[0].decode(0), tenant: DeliveryFixture.tenant)
            let request = try #require(found).request
            let counts = try #require(try await audiences.languages(of: request, now: Date()))
            #expect(
                counts.words
                    == "6 en, 2 fr, 4 pt_BR; in en are 4 whose language is not there (2 name none that WhatsApp knows) "
                    + "and 2 without one"
            )
            for mask in [nil, { @Sendable _, _ in "hidden" }] as [RenderedAudience.Mask?] {
                let rendered = try await audiences.render(request, count: 20, now: Date(), hiding: mask)
                #expect(rendered.messages.count == 12)
                for number in 1...12 {
                    let phone = DeliveryFixture.phone(number)
                    let message = try #require(rendered.messages.first { $0.recipient == phone })
                    let (code, beginning) = Self.expected(number)
                    #expect(message.language.map(JSONValue.string) == code)
                    #expect(message.content?["template"]?["language"]?["code"] == code)
                    let text = message.content?["template"]?["components"]?[0]?["parameters"]?[0]?["text"]?.stringValue
                    #expect(text == "\(beginning) \(mask == nil ? "Contact \(number)" : "hidden")")
                }
            }
        }
    }
}
