import Foundation
import JSON
import Spec
import Testing

struct CatalogTests {
    private static let examples = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "campaigns").resolvingSymlinksInPath()
        .path

    @Test func loadsTheExamplesWithoutDiagnostics() throws {
        let catalog = SpecCatalog.load(directory: Self.examples, now: Date(timeIntervalSince1970: 1_795_478_400))
        #expect(DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics) == "")
        #expect(catalog.tenants == ["acme", "nairobi-clinic"])
        #expect(catalog.resolvedCampaigns.count == 11)
        #expect(catalog.resolvedSchedules.map(\.spec.name) == ["weekly-digest", "anniversary", "yearly-checkup"])
        #expect(catalog.resolvedTriggers.map(\.spec.event) == ["payment.overdue", "appointment.due"])
        #expect(catalog.policyViolations == [])
        #expect(catalog.all(SenderSpec.self).map(\.value.dailyLimit) == [100_000, 250])
        let welcome = try #require(catalog.resolvedCampaigns.first { $0.spec.name == "welcome-offer" })
        #expect(welcome.identity.description == "acme/Campaign/welcome-offer")
        #expect(welcome.sender.accessToken == .environment("WHATSAPP_TOKEN_ACME"))
        let text = welcome.messagePayload["template"]?["components"]?[0]?["parameters"]?[0]?["text"]
        #expect(text == "{{name|there}}")
    }

    @Test func readsEverySpecBackFromItsCanonicalForm() throws {
        let catalog = SpecCatalog.load(directory: Self.examples)
        #expect(catalog.specs.count == 34)
        for located in catalog.specs { try roundTrip(located.value) }
    }

    private func roundTrip<Spec: SpecContent>(_ spec: Spec) throws {
        let text = spec.canonical.canonicalText
        let copy = try Spec(canonical: JSONValue(parsing: text))
        #expect(copy.canonical.canonicalText == text)
    }

    @Test func refusesRowsThatAreNotCanonical() {
        let error = #expect(throws: SpecError.self) { try SenderSpec(canonical: ["name": "a", "ratePerSecond": 0]) }
        #expect(error?.diagnostics.map(\.field) == ["ratePerSecond", "phoneNumberId", "accessToken"])
    }

    @Test func reportsReferencesWithCandidates() {
        let text = """
            \(Fixture.template(body: "Hi {{1}} and {{2}}"))
            ---
            kind: Campaign
            name: c
            type: manual
            sender: mian
            template: hello
            params:
              "1": x
              "3": why
            audience: everyone
            """
        #expect(
            Fixture.lines(text) == [
                "16:9 C021 unknown Sender `mian` in tenant `acme` (did you mean `main`?)",
                "18:1 C041 template `hello` needs parameter `2` (add `\"2\": …` to `params`)",
                "20:3 C042 template `hello` has no parameter `3` (did you mean `1` or `2`?)",
                "21:11 C021 unknown Audience `everyone` in tenant `acme` (define a `kind: Audience` of that name in `acme`)",
            ]
        )
    }

    @Test func saysNothingAboutReferencesToBrokenSpecs() {
        let text = """
            kind: Sender
            name: main
            phoneNumberId: "1"
            ---
            kind: Campaign
            name: c
            type: module_initiated
            sender: main
            message: { type: text, text: { body: Hi } }
            """
        #expect(Fixture.lines(text) == ["1:1 C013 missing field `accessToken` (kind `Sender` needs it)"])
    }

    @Test func keepsTenantsApart() {
        let file = { (tenant: String?) in
            SpecCatalog.SourceFile(path: "c/\(tenant ?? "top").yaml", tenant: tenant, bytes: Array(Fixture.sender.utf8))
        }
        let catalog = SpecCatalog.load(files: [file("b"), file("a"), file("Not A Slug"), file(nil)])
        #expect(catalog.specs.map(\.identity.description) == ["a/Sender/main", "b/Sender/main"])
        #expect(
            catalog.diagnostics.map(\.message) == [
                "folder `Not A Slug` is not a tenant name", "spec file outside of a tenant folder",
            ]
        )
    }

    @Test func refusesARenameOfSomethingThatStillExists() {
        let text =
            Fixture.sender + "\n---\n"
            + Fixture.sender.replacing("name: main", with: "name: second\nrenamedFrom: main")
        #expect(
            Fixture.lines(text) == [
                "8:14 C022 `renamedFrom` names `main`, which still exists (remove the old spec, or `renamedFrom`)"
            ]
        )
    }

    @Test func findsThePlaceOfAField() throws {
        let text = "kind: Audience\nname: a\nconditions:\n  - { field: name, operator: eq, value: x }\n"
        let located = try #require(Fixture.catalog(text).spec(AudienceSpec.self, tenant: "acme", name: "a"))
        #expect(located.place(of: "conditions[0].value").start.column == 41)
        #expect(located.place(of: "conditions[7].value").start.line == 4)
        #expect(located.place(of: "nothing") == located.place)
    }

    @Test func reportsAMissingDirectory() {
        let catalog = SpecCatalog.load(directory: "/nonexistent/campaigns")
        #expect(catalog.diagnostics.map(\.code) == [.unreadableFile])
    }

    @Test func requiresAnAudienceOnlyWhereNobodyElseNamesRecipients() {
        let campaign = { (type: String) in
            Fixture.sender + "\n---\nkind: Campaign\nname: c\ntype: \(type)\nsender: main\n"
                + "message: { type: text, text: { body: Hi } }\n"
        }
        #expect(Fixture.lines(campaign("manual")) == ["6:1 C013 missing field `audience` (kind `Campaign` needs it)"])
        #expect(Fixture.lines(campaign("module_initiated")) == [])
    }

    /// A raw message has the category of the template that it names; if no spec has its language, it may be marketing.
    @Test(arguments: [
        ("reminder", "en", TemplateSpec.Category.utility, nil), ("code", "en", .authentication, nil),
        ("offer", "en", .marketing, nil), ("twice", "en", .utility, nil), ("twice", "fr", .marketing, nil),
        ("twice", "es", .marketing, nil), ("unknown", "en", .marketing, "unknown"),
    ])
    func aRawMessageHasTheCategoryOfItsTemplate(
        name: String,
        language: String,
        category: TemplateSpec.Category,
        unknown: String?
    ) throws {
        let templates = [
            ("a", "reminder", "utility"), ("b", "code", "authentication"), ("c", "offer", "marketing"),
            ("d", "twice", "utility"), ("e", "twice", "marketing"), ("f", "twice", "utility"),
        ]
        let texts = templates.map { spec, name, category in
            """
            kind: Template
            name: \(spec)
            whatsappName: \(name)
            language: \(spec == "d" ? "en" : spec == "e" ? "fr" : "de")
            category: \(category)
            body: Hello
            """
        }
        let message = "{ type: template, template: { name: \(name), language: { code: \(language) } } }"
        let text = ([Fixture.campaign(type: "manual", message: message)] + texts).joined(separator: "\n---\n")
        let campaign = try #require(Fixture.catalog(text).resolvedCampaigns.first)
        #expect(campaign.category == category)
        #expect(campaign.unknownTemplate?.name == unknown)
        #expect(campaign.knowing(.utility).category == .utility)
        let free = try #require(Fixture.catalog(Fixture.campaign(type: "manual")).resolvedCampaigns.first)
        #expect(free.category == .marketing && free.unknownTemplate == nil)
    }
}
