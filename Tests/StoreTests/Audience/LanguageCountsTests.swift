import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The recipients of a template in several languages, by the language that they get.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LanguageCountsTests {
    private static func message(_ codes: [String], fallback: String = "en") -> JSONValue {
        let components = Dictionary(uniqueKeysWithValues: codes.map { ($0, JSONValue.array([])) })
        return [
            "type": "template", "template": ["name": "hello", "language": ["code": "{{language}}"]],
            "languages": ["fallback": .string(fallback), "components": .object(components)],
        ]
    }

    private static func request(_ message: JSONValue, tenant: String = "acme") throws -> RenderRequest {
        RenderRequest(
            message: message,
            tenant: tenant,
            filter: try AudienceFilter(stored: ["logic": "AND", "conditions": []]),
            category: .marketing,
            isFreeText: false,
            number: nil
        )
    }

    @Test func theFallbackIsToldApart() {
        let counts = LanguageCounts(
            LanguageChoice(codes: ["en", "fr", "pt_BR"], fallback: "en"),
            [
                ("EN", 100), ("pt", 1_000), ("pt-br", 5), ("pt_PT", 7), ("sw", 2), ("english", 1), (nil, 20), ("", 1),
                (" ", 1),
            ]
        )
        #expect(counts.lines.map(\.code) == ["en", "fr", "pt_BR"])
        #expect(counts.lines.map(\.recipients) == [132, 0, 1_005])
        #expect(counts.otherLanguage == 10 && counts.withoutLanguage == 22)
        #expect(
            counts.words
                == "132 en, 0 fr, 1,005 pt_BR; in en are 10 whose language is not there (1 name none that WhatsApp "
                + "knows) and 22 without one"
        )
        #expect(LanguageCounts(json: counts.json) == counts && LanguageCounts(json: [:]) == nil)
        let all = LanguageCounts(LanguageChoice(codes: ["en", "fr"], fallback: "fr"), [("fr", 2)])
        #expect(all.words == "0 en, 2 fr")
    }

    /// One query counts all messages, each among its own recipients, and messages in one language need none.
    @Test func manyMessagesAreCountedAtOnce() async throws {
        try await Fixture.with { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", metadata, "optedIn")
                SELECT CASE WHEN n <= 10 THEN 'acme' ELSE 'globex' END, '2547000000' || n,
                    CASE n % 5 WHEN 0 THEN '{"language": "fr-CA"}' WHEN 1 THEN '{"language": "de"}'
                        WHEN 2 THEN '{"language": 7}' WHEN 3 THEN '{"language": ""}' ELSE '{}' END::jsonb, n <> 10
                FROM generate_series(1, 15) AS n
                """
            )
            let one: JSONValue = ["type": "template", "template": ["name": "a", "language": ["code": "en"]]]
            let requests = [
                try Self.request(one), try Self.request(Self.message(["en", "fr"])),
                try Self.request(Self.message(["en", "de"], fallback: "de"), tenant: "globex"),
            ]
            let counts = try await fixture.pool.withConnection { connection in
                try await AudienceRepository.languages(of: requests, now: Date(), on: connection)
            }
            #expect(counts.count == 3 && counts[0] == nil)
            // One of two with `fr-CA` opted out.
            #expect(counts[1]?.lines.map(\.recipients) == [8, 1])
            #expect(counts[1]?.otherLanguage == 4 && counts[1]?.notLanguage == 2 && counts[1]?.withoutLanguage == 4)
            #expect(counts[2]?.lines.map(\.code) == ["de", "en"])
            #expect(counts[2]?.lines.map(\.recipients) == [5, 0])
            #expect(counts[2]?.otherLanguage == 2 && counts[2]?.withoutLanguage == 2)
            #expect(try await AudienceRepository(pool: fixture.pool).languages(of: requests[0], now: Date()) == nil)
        }
    }
}
