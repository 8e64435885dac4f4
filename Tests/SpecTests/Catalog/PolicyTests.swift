import Spec
import Testing

struct PolicyTests {
    private static func violations(_ policy: String, _ rest: String = "") -> [String] {
        let text = """
            kind: Tenant
            name: acme
            policy: \(policy)
            defaults: { sender: main, language: en }
            ---
            \(Fixture.sender)
            ---
            kind: Template
            name: offer
            whatsappName: offer_1
            category: marketing
            body: Buy
            ---
            kind: Campaign
            name: offer
            type: manual
            template: offer
            audience: { conditions: [] }
            ---
            kind: Campaign
            name: raw
            type: manual
            message: { type: template, template: { name: offer_1, language: { code: en } } }
            audience: { conditions: [] }
            ---
            kind: Campaign
            name: unknown
            type: manual
            message: { type: template, template: { name: other, language: { code: en } } }
            audience: { conditions: [] }
            \(rest)
            """
        let catalog = Fixture.catalog(text)
        #expect(catalog.isValid, "\(catalog.diagnostics)")
        return catalog.policyViolations.map { violation in
            let place = violation.place.start
            return "\(place.line):\(place.column) \(violation.rule.rawValue) \(violation.identity) \(violation.message)"
        }
    }

    @Test func countsCampaigns() {
        #expect(Self.violations("{ maxCampaigns: 3 }") == [])
        #expect(
            Self.violations("{ maxCampaigns: 2 }") == [
                "3:25 maxCampaigns acme/Tenant/acme tenant `acme` has 3 campaigns, more than 2"
            ]
        )
    }

    @Test func comparesCategories() {
        #expect(
            Self.violations("{ allowedCategories: [marketing] }") == [
                "32:46 allowedCategories acme/Campaign/unknown campaign `unknown` sends a template of unknown category, "
                    + "and the policy allows only `marketing`"
            ]
        )
        #expect(
            Self.violations("{ allowedCategories: [utility, authentication] }") == [
                "20:11 allowedCategories acme/Campaign/offer campaign `offer` sends a template of category `marketing`, "
                    + "and the policy allows only `utility` and `authentication`",
                "26:46 allowedCategories acme/Campaign/raw campaign `raw` sends a template of category `marketing`, "
                    + "and the policy allows only `utility` and `authentication`",
                "32:46 allowedCategories acme/Campaign/unknown campaign `unknown` sends a template of unknown category, "
                    + "and the policy allows only `utility` and `authentication`",
            ]
        )
    }

    @Test func allowsEverythingWithoutAPolicy() {
        #expect(Self.violations("{}") == [])
    }

    @Test(arguments: [
        ("[]", "`rules` has 0 rules, outside of 1 to 100"), ("[{ name: a, message: M }]", "missing field `kind`"),
        (
            "[{ name: a, kind: Sender, message: M }, { name: a, kind: Campaign, message: M }]",
            "a rule `a` exists already"
        ),
        ("[{ name: a, kind: Sender }]", "missing field `message`"),
        ("[{ name: a, quota: 101, message: M }]", "`quota` is 101, outside of 0 to 100"),
        (
            "[{ name: a, times: { from: \"09:00\", to: \"09:00\" }, message: M }]",
            "this time begins and ends at 09:00"
        ),
    ])
    func wrongRulesAreReported(rules: String, message: String) {
        let catalog = Fixture.catalog("kind: Tenant\nname: acme\npolicy: { rules: \(rules) }")
        #expect(
            catalog.diagnostics.count == 1 && catalog.diagnostics[0].message.hasPrefix(message),
            "\(catalog.diagnostics)"
        )
    }

    @Test func rulesComeBackFromTheirCanonicalForm() throws {
        let text = """
            kind: Tenant
            name: acme
            policy:
              rules:
                - name: a
                  kind: Campaign
                  field: audience
                  recipients: 5
                  quota: 50
                  times: { from: "20:00", to: "07:00" }
                  message: Ask first.
            """
        let tenant = try #require(Fixture.catalog(text).tenant("acme")?.value)
        #expect(tenant.policy.rules.first?.times?.contains(minute: 0) == true)
        #expect(tenant.policy.rules.first?.times?.contains(minute: 7 * 60) == false)
        #expect(try TenantSpec(canonical: tenant.canonical) == tenant)
    }
}
