import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Plans tell what launches cost, and apply stores the prices.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct CostPlanTests {
    private static let prices =
        "Market,Currency,Marketing,Utility,Authentication\nRest of Africa,USD,0.02,0.004,0.004\n"

    /// Reads specs from a folder with prices beside it.
    private static func desired(_ text: String, prices: String?) throws -> DesiredState {
        let manager = FileManager.default
        let parent = manager.temporaryDirectory.appending(path: "costs-\(UUID().uuidString)")
        defer {
            // What is left lies in the temporary folder.
            try? manager.removeItem(at: parent)
        }
        let files = ["campaigns/acme/specs.yaml": text].merging(
            prices.map { ["rates/2020-01.csv": $0] } ?? [:],
            uniquingKeysWith: { first, _ in first }
        )
        for (path, text) in files {
            let file = parent.appending(path: path)
            try manager.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let root = parent.path + "/campaigns"
        return try DesiredState(catalog: SpecCatalog.load(directory: root), root: root)
    }

    @Test func thePlanTellsTheCostAndKeepsToTheLimit() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(12, inWindow: 2)
            let text = Samples.everything.replacing("maxRecipients: 1000", with: "maxCost: USD 0.20")
            let desired = try Self.desired(text, prices: Self.prices)
            let plan = try await fixture.plan(desired)
            let hello = plan.changes.first { $0.identity.name == "hello" }
            #expect(hello?.impact?.cost?.words == "about USD 0.24: 12 marketing Rest of Africa")
            #expect(PlanTextRenderer().text(plan).contains("cost: about USD 0.24"))
            #expect(PlanMarkdownRenderer().text(plan).contains("cost: about USD 0.24"))
            let refusals = SafetyRules().refusals(of: plan)
            #expect(refusals.map(\.flag) == ["--allow-policy maxCost:acme/Campaign/hello=USD0.24"])
            let exception = try #require(PolicyException("maxCost:acme/Campaign/hello=USD0.24"))
            try await fixture.apply(plan, desired, rules: SafetyRules(allowedPolicies: [exception]))
            #expect(SafetyRules().refusals(of: try await fixture.plan(desired)).isEmpty)
        }
    }

    /// What WhatsApp made marketing costs as much, whatever the spec says, so that the limit is one.
    @Test func thePlanCountsWithWhatsAppsCategory() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(10, inWindow: 0)
            let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:TOKEN"
            let template = """
                kind: Template
                name: duo
                whatsappName: duo
                language: en
                category: utility
                body: Your order is on its way.
                languages: { fr: { body: Votre commande est en route. } }
                """
            func campaign(_ name: String, _ more: String = "") -> String {
                """
                kind: Campaign
                name: \(name)
                type: manual
                sender: main
                template: duo
                params: {}
                audience: { conditions: [] }
                \(more)
                """
            }
            let specs = [account, Samples.sender, template, campaign("all"), campaign("english", "language: en")]
            let text = specs.joined(separator: "\n---\n")
            let first = try Self.desired(text, prices: Self.prices)
            try await fixture.apply(try await fixture.plan(first), first)
            let changed = try Self.desired(
                text.replacing("type: manual", with: "type: manual\ntitle: Hi"),
                prices: Self.prices
            )
            func costs() async throws -> [String: Int] {
                let plan = try await fixture.plan(changed)
                return plan.changes.reduce(into: [:]) { $0[$1.identity.name] = $1.impact?.cost?.high }
            }
            #expect(try await costs() == ["all": 40_000, "english": 40_000])
            try await fixture.pool.execute(
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, category)
                VALUES ('1022', 'duo', 'fr', 'APPROVED', 'MARKETING')
                """
            )
            #expect(try await costs() == ["all": 200_000, "english": 40_000])
            let preview = try #require(changed.items.values.compactMap(\.campaign).first { $0.identity.name == "all" })
            #expect(try await TemplateRepository(pool: fixture.pool).resolved(preview).category == .marketing)
        }
    }

    @Test func thePlanTellsWhatEventsCost() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(12, inWindow: 2)
            let plan = try await fixture.plan(try Self.desired(Samples.everything, prices: Self.prices))
            let event = try #require(plan.changes.first { $0.identity.name == "event" })
            let cost = try #require(event.eventCost)
            let words = "about USD 0.02 an event, and USD 20.00 for 1,000 events that name contacts like the present 12"
            #expect(cost.words == words && event.impact?.cost == nil)
            #expect(PlanTextRenderer().text(plan).contains("    cost: \(words)\n"))
            #expect(PlanMarkdownRenderer().text(plan).contains("cost: \(words)"))
            let hello = try #require(plan.changes.first { $0.identity.name == "hello" })
            #expect(hello.eventCost == nil && hello.impact?.cost != nil)
            let json = plan.json["changes"]?.arrayValue?.first { $0["name"] == "event" }
            #expect(json?["eventCost"] == cost.json)
            let free = try await fixture.plan(try Self.desired(Samples.everything, prices: nil))
            #expect(free.changes.allSatisfy { $0.eventCost == nil })
        }
    }

    @Test func recipientsWithoutAPriceAreBeyondTheLimit() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(12, inWindow: 2)
            let text = Samples.everything.replacing("maxRecipients: 1000", with: "maxCost: USD 250")
            let desired = try Self.desired(text, prices: Self.prices.replacing("Rest of Africa", with: "Mexico"))
            let plan = try await fixture.plan(desired)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(refusals.map(\.flag) == ["--allow-policy maxCost:acme/Campaign/hello=USD250.00"])
            let reason = try #require(refusals.first?.reason)
            #expect(
                reason.contains("has 12 recipients whose marketing price is not known")
                    && reason.contains("`Rest of Africa`; add it to the prices")
                    && reason.hasSuffix("allows USD 250.00"),
                "\(reason)"
            )
            let exception = try #require(PolicyException("maxCost:acme/Campaign/hello=USD250.00"))
            try await fixture.apply(plan, desired, rules: SafetyRules(allowedPolicies: [exception]))
            #expect(SafetyRules().refusals(of: try await fixture.plan(desired)).isEmpty)
        }
    }

    @Test func otherPricesAreStoredByAPlanWithoutChanges() async throws {
        try await ReconcilerFixture.with { fixture in
            let first = try Self.desired(Samples.everything, prices: nil)
            let plan = try await fixture.plan(first)
            #expect(!plan.changesRates && plan.changes.allSatisfy { $0.impact?.cost == nil })
            try await fixture.apply(plan, first)
            let second = try Self.desired(Samples.everything, prices: Self.prices)
            let other = try await fixture.plan(second)
            #expect(other.isEmpty && other.changesRates)
            #expect(
                other.accountRemarks.contains("launches will count with the prices USD from 2020-01-01 (1 markets)")
            )
            try await fixture.apply(other, second)
            #expect(try await !fixture.plan(second).changesRates)
            #expect(try await fixture.plan(first).changesRates)
        }
    }
}
