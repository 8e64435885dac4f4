import Foundation
import Postgres
import Store
import TestSupport
import Testing

@testable import Reconciler
@testable import Spec

/// Plans and launches find one category for a raw message.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct NamedCategoryTests {
    /// The specs of one name: whose account has which languages, and which of them are marketing.
    private static func templates(_ number: Int) -> [String] {
        // Each layout gives two or three templates of an account and the languages of `languages`.
        let layouts: [[(account: String, language: String, others: [String])]] = [
            [("main", "en", []), ("main", "fr", ["pt_BR"]), ("other", "de", [])],
            [("main", "pt_BR", []), ("other", "en", ["pt_BR"])],
            [("main", "en", ["fr", "pt_BR"]), ("other", "pt_BR", []), ("other", "fr", ["en"])],
            [("main", "en", ["pt_BR"]), ("other", "fr", [])],
        ]
        return layouts[number / 8].enumerated().map { index, template in
            let category = number >> index & 1 == 1 ? "marketing" : "utility"
            let others = template.others.map { "  \($0): { body: Text }" }
            return """
                kind: Template
                name: k\(number)-\(index)
                whatsappName: k\(number)
                account: \(template.account)
                language: \(template.language)
                category: \(category)
                body: Text
                \(others.isEmpty ? "" : "languages:\n" + others.joined(separator: "\n"))
                """
        }
    }

    private static let accounts = ["main", "other"].map { name in
        """
        kind: Account
        name: \(name)
        wabaId: "10\(name.count)"
        accessToken: env:TOKEN
        ---
        kind: Sender
        name: \(name)
        account: \(name)
        phoneNumberId: "20\(name.count)"
        accessToken: env:TOKEN
        """
    }

    private static func campaigns(_ number: Int) -> [String] {
        ["en", "fr", "pt_BR", "pt-BR", "de"].flatMap { code in
            ["main", "other"].map { sender in
                """
                kind: Campaign
                name: c\(number)-\(code.lowercased().replacing("_", with: "x"))-\(sender)
                type: module_initiated
                sender: \(sender)
                message: { type: template, template: { name: k\(number), language: { code: "\(code)" } } }
                """
            }
        }
    }

    /// A language that no spec has: all templates of the name fit equally well.
    @Test(arguments: [false, true])
    func equalCandidatesHaveOneCategory(isReversed: Bool) async throws {
        let templates = [
            """
            kind: Template
            name: a
            whatsappName: hello
            account: main
            language: \(isReversed ? "fr" : "en")
            category: utility
            body: Text
            """,
            """
            kind: Template
            name: b
            whatsappName: hello
            account: main
            language: \(isReversed ? "en" : "fr")
            category: authentication
            otp: { type: copyCode }
            """,
        ]
        let campaign = """
            kind: Campaign
            name: raw
            type: module_initiated
            sender: main
            message: { type: template, template: { name: hello, language: { code: de } } }
            """
        try await ReconcilerFixture.with { fixture in
            let ordered = isReversed ? templates.reversed() : templates
            let desired = try ReconcilerFixture.desired(
                ([Self.accounts[0]] + ordered + [campaign]).joined(separator: "\n---\n")
            )
            let plan = try await fixture.plan(desired)
            try await fixture.apply(plan, desired)
            let planned = try #require(desired.items.values.compactMap(\.campaign).first)
            #expect(planned.category == .authentication)
            let reference = try #require(
                TemplateReference(of: planned.spec, in: planned.identity.tenant, from: planned.sender)
            )
            let stored = try await fixture.pool.transaction { connection in
                try await TemplateRepository.categories(of: [reference], on: connection)
            }
            #expect(stored == [reference: .authentication])
        }
    }

    @Test func aPlanAndALaunchKnowOneCategory() async throws {
        try await ReconcilerFixture.with { fixture in
            let numbers = 0..<32
            let text = (Self.accounts + numbers.flatMap { Self.templates($0) + Self.campaigns($0) })
                .joined(separator: "\n---\n")
            let desired = try ReconcilerFixture.desired(text)
            let plan = try await fixture.plan(desired)
            try await fixture.apply(plan, desired)
            let campaigns = desired.items.values.compactMap(\.campaign)
            #expect(campaigns.count == numbers.count * 10)
            let references = campaigns.compactMap { campaign in
                TemplateReference(of: campaign.spec, in: campaign.identity.tenant, from: campaign.sender)
                    .map { (campaign: campaign, reference: $0) }
            }
            let stored = try await fixture.pool.transaction { connection in
                try await TemplateRepository.categories(of: references.map(\.reference), on: connection)
            }
            #expect(Set(stored.values) == [.marketing, .utility])
            for (campaign, reference) in references {
                #expect(stored[reference] == campaign.category, "\(reference)")
            }
        }
    }
}
