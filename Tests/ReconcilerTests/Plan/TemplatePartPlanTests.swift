import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Templates with files, cards, offers and codes, in the database.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TemplatePartPlanTests {
    private static let specs = """
        kind: Template
        name: spring
        whatsappName: spring
        language: en
        category: marketing
        header: { image: "https://shop.example/a.jpg" }
        body: "Dear {{1}}, our spring sale is here."
        examples: { "1": Ada }
        ---
        kind: Template
        name: cards
        whatsappName: cards
        language: en
        category: marketing
        body: Look
        cards:
          - { header: { image: true }, buttons: [{ type: quickReply, text: More }] }
          - { header: { image: true }, buttons: [{ type: quickReply, text: More }] }
        ---
        kind: Template
        name: code
        whatsappName: code
        language: en
        category: authentication
        otp: { type: copyCode, codeExpiry: 10m }
        ttl: 5m
        ---
        kind: Template
        name: plain
        whatsappName: plain
        language: en
        category: utility
        body: "Dear {{1}}"
        examples: { "1": Ada }
        """

    @Test func areStoredChangedAndExported() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Self.specs)
            let readable = try await fixture.pool.query(
                "SELECT name FROM templates WHERE jsonb_typeof(buttons) = 'array' ORDER BY name"
            )
            // Versions without the column `parts` refuse the others.
            #expect(try readable.map { try $0.decode(0, as: String.self) } == ["plain"])
            let changed = Self.specs.replacing("a.jpg", with: "b.jpg").replacing(
                "codeExpiry: 10m",
                with: "codeExpiry: 5m"
            )
            let plan = try await fixture.reach(changed)
            #expect(
                ReconcilerFixture.lines(plan) == [
                    "~ Template/code otp.codeExpiry", "~ Template/spring header.image",
                ]
            )
            let export = try await Exporter(pool: fixture.pool, logger: TestDatabase.logger).export(tenant: "acme")
            #expect(export.skipped.isEmpty && export.outdated.isEmpty, "\(export)")
            let text = try #require(export.files.first?.text)
            #expect(try await fixture.plan(text).isEmpty, "\(text)")
            // Back to a form that older versions can read.
            try await fixture.reach(
                changed.replacing("header: { image: \"https://shop.example/b.jpg\" }", with: "header: Hi")
            )
            let back = try await fixture.pool.query("SELECT jsonb_typeof(buttons) FROM templates WHERE name = 'spring'")
            #expect(try back[0].decode(0, as: String.self) == "array")
        }
    }
}
