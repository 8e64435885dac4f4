import JSON
import Spec
import Testing

struct TenantTests {
    private static let tenant = """
        kind: Tenant
        name: acme
        timeZone: Africa/Nairobi
        quietHours: { from: "21:00", to: "07:30" }
        frequencyCap: { messages: 3, within: 48h }
        defaults: { sender: main, language: sw }
        policy:
          maxRecipients: 10
          maxCampaigns: 2
          allowedCategories: [utility, marketing]
          minScheduleInterval: 1440m
        optOutWords: [stop it, acha]
        """

    @Test func fillsDefaultsInAndOrdersWhatHasNoOrder() throws {
        let text = Self.tenant + "\n---\n" + Fixture.sender
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let tenant = try #require(catalog.tenant("acme"))
        #expect(
            tenant.value.canonical.canonicalText == """
                {"defaults":{"language":"sw","sender":"main"},\
                "frequencyCap":{"action":"skip","messages":3,"within":"2d"},"name":"acme","optOutWords":["acha","stop it"],\
                "policy":{"allowedCategories":["marketing","utility"],"maxCampaigns":2,"maxRecipients":10,\
                "minScheduleInterval":"1d"},"protect":false,\
                "quietHours":{"action":"wait","from":"21:00","to":"07:30"},"timeZone":"Africa/Nairobi"}
                """
        )
        let copy = try TenantSpec(canonical: tenant.value.canonical)
        #expect(copy == tenant.value)
    }

    @Test func leavesOutWhatIsAbsent() throws {
        let tenant = try #require(Fixture.catalog("kind: Tenant\nname: acme\ndefaults: {}\npolicy: {}").tenant("acme"))
        #expect(tenant.value.canonical.canonicalText == "{\"name\":\"acme\",\"protect\":false}")
        #expect(tenant.value.policy.isEmpty)
    }

    @Test(arguments: [
        (
            "quietHours: { from: \"21:00\", to: \"21:00\" }",
            ["4:34 C052 quiet hours start and end at 21:00 (give them a length, or remove `quietHours`)"]
        ),
        (
            "quietHours: { from: 21:00, to: \"7:00\" }",
            [
                "4:21 C010 plain `21:00` is a string here, but a number to the base of 60 to YAML 1.1 readers "
                    + "(write it as \"21:00\")",
                "4:32 C054 `7:00` is not a time of day (write it like \"21:00\")",
            ]
        ),
        (
            "quietHours: { from: \"24:00\" }",
            [
                "4:15 C013 missing field `to` (`quietHours` needs it)",
                "4:21 C054 `24:00` is not a time of day (write it like \"21:00\")",
            ]
        ),
        (
            "frequencyCap: { messages: 0, within: 91d }",
            [
                "4:27 C015 `messages` is 0, outside of 1 to 1000",
                "4:38 C053 `within` is 91d, outside of 1s to 90d",
            ]
        ),
        (
            "frequencyCap: { messages: 1, within: 7 }",
            [
                "4:38 C014 expected a duration for `frequencyCap.within`, found a whole number "
                    + "(write a whole number with its unit, such as `90s`, `15m`, `24h` or `7d`)"
            ]
        ),
        (
            "frequencyCap: { messages: 1, within: 1.5h, action: wiat }",
            [
                "4:38 C053 `1.5h` is not a duration "
                    + "(write a whole number with its unit, such as `90s`, `15m`, `24h` or `7d`)",
                "4:52 C015 `wiat` is not a value of `action` (did you mean `wait`?)",
            ]
        ),
        (
            "policy: { allowedCategories: [utilty], maxRecipient: 5 }",
            [
                "4:31 C015 `utilty` is not a value of `allowedCategories` (did you mean `utility`?)",
                "4:40 C012 unknown field `maxRecipient` (did you mean `maxRecipients`?)",
            ]
        ),
        (
            "policy: { allowedCategories: [] }",
            ["4:30 C015 `allowedCategories` allows no category (list one, or remove the field)"]
        ),
        (
            "notify: { url: \"https://hooks.slack.com/services/T1/B2/x\", format: slack }",
            [
                "4:16 C019 `url` is an address that lets everybody post who knows it "
                    + "(refer to it: `env:ACME_OPS_HOOK` or `file:/run/secrets/acme-hook`)"
            ]
        ),
        (
            "notify: { url: \"http://ops.example/\", on: [pased] }",
            [
                "4:11 C013 missing field `secret` (`notify` needs it)",
                "4:16 C015 `url` is no address to post to "
                    + "(write an https address (http only on this machine), or `env:NAME` or `file:/path`)",
                "4:44 C015 `pased` is not a value of `on` (did you mean `paused`?)",
            ]
        ),
        (
            "notify: { url: env:HOOK, secret: s3cret, on: [] }",
            [
                "4:34 C019 `secret` holds a secret instead of a reference to one "
                    + "(refer to it: `env:ACME_OPS_SECRET` or `file:/run/secrets/whatsapp`)",
                "4:46 C015 `on` names no reason (list one, or remove the field)",
            ]
        ),
        (
            "webhook: { forward: \"http://inbox.example/\" }",
            [
                "4:21 C015 `forward` is no address to post to "
                    + "(write an https address (http only on this machine), or `env:NAME` or `file:/path`)"
            ]
        ),
        (
            "onUserCap: { action: retry, every: 30m, until: 31d }",
            ["4:36 C053 `every` is 30m, outside of 1h to 30d", "4:48 C053 `until` is 31d, outside of 1h to 30d"]
        ),
        (
            "onUserCap: { action: retry, every: 2d, until: 24h }",
            [
                "4:47 C053 `until` is 1d, shorter than `every` (2d) "
                    + "(make `until` at least as long: it counts from the first refusal)"
            ]
        ),
        (
            "onUserCap: { action: retry, every: 4d }",
            [
                "4:36 C053 `until` is 3d, shorter than `every` (4d) "
                    + "(make `until` at least as long: it counts from the first refusal)"
            ]
        ),
        (
            "onUserCap: { action: fail, until: 24h }",
            ["4:35 C015 `until` belongs to `action: retry` (remove it)"]
        ),
        (
            "retention: { messages: 30d, events: 31d, contacts: 89d, consents: 11y }",
            [
                "4:24 C053 `messages` is 30d, outside of 31d to 3650d",
                "4:37 C053 `events` is 31d, outside of 1d to 30d",
                "4:52 C053 `contacts` is 89d, outside of 90d to 3650d",
                "4:67 C053 `11y` is not a duration "
                    + "(write a whole number with its unit, such as `90s`, `15m`, `24h` or `7d`)",
            ]
        ),
        (
            "retention: {}",
            [
                "4:12 C013 missing field `messages` "
                    + "(name at least one of `messages`, `events`, `contacts` and `consents`)"
            ]
        ),
        ("onUserCap: retri", ["4:12 C015 `retri` is not a value of `onUserCap` (did you mean `retry`?)"]),
        (
            "optOutWords: [Stop, STOP, \" x\"]",
            [
                "4:21 C015 `STOP` is listed twice (remove it)",
                "4:27 C015 not a word to opt out with (write 1 to 100 characters without spaces around them)",
            ]
        ),
        (
            "defaults: { sender: mian, language: english }",
            [
                "4:21 C021 unknown Sender `mian` in tenant `acme` (did you mean `main`?)",
                "4:37 C015 `english` is not a language code of WhatsApp (write it like `en` or `pt_BR`)",
            ]
        ),
    ])
    func locatesMistakes(field: String, expected: [String]) {
        let text = "kind: Tenant\nname: acme\ntimeZone: Africa/Nairobi\n\(field)\n---\n\(Fixture.sender)\n"
        #expect(Fixture.lines(text) == expected)
    }

    @Test(
        arguments: [
            ("fail", "fail"), ("{ action: fail }", "fail"),
            ("retry", ["action": "retry", "every": "1d", "until": "3d"]),
            ("{ action: retry, every: 90m, until: 36h }", ["action": "retry", "every": "90m", "until": "36h"]),
            ("{ action: retry, until: 30d }", ["action": "retry", "every": "1d", "until": "30d"]),
        ] as [(String, JSONValue)]
    )
    func readsWhatHappensAtACap(text: String, expected: JSONValue) throws {
        let catalog = Fixture.catalog("kind: Tenant\nname: acme\nonUserCap: \(text)")
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let tenant = try #require(catalog.tenant("acme")?.value)
        #expect(tenant.canonical["onUserCap"] == expected)
        #expect(try TenantSpec(canonical: tenant.canonical) == tenant)
        #expect(try UserCap(json: expected) == tenant.onUserCap)
    }

    @Test(arguments: [
        "https://ops.example/a?b=c", "https://ops.example:8443", "http://localhost:1/x", "http://127.0.0.1:80/",
        "http://[::1]:8080/x", "https://10.0.0.1/", "env:HOOK", "file:/run/hook",
    ])
    func takesAddressesThatAreNoSecrets(url: String) throws {
        let text = "kind: Tenant\nname: acme\nnotify: { url: \"\(url)\", secret: env:KEY, on: [quota, paused] }"
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let tenant = try #require(catalog.tenant("acme")?.value)
        #expect(
            tenant.canonical["notify"] == [
                "url": .string(url), "secret": "env:KEY", "format": "json", "on": ["paused", "quota"],
            ]
        )
        #expect(try TenantSpec(canonical: tenant.canonical) == tenant)
        let slack = Fixture.catalog("kind: Tenant\nname: acme\nnotify: { url: \"\(url)\", format: slack }")
        #expect(slack.tenant("acme")?.value.notify?.on == TenantSpec.Notify.Reason.allCases)
    }

    @Test func needsATimeZoneForQuietHours() {
        let text = "kind: Tenant\nname: acme\nquietHours: { from: \"21:00\", to: \"07:00\" }"
        #expect(Fixture.lines(text) == ["1:1 C013 missing field `timeZone` (kind `Tenant` needs it)"])
    }

    @Test func isNamedLikeItsFolderAndAlone() {
        #expect(
            Fixture.lines("kind: Tenant\nname: acne\n") == [
                "2:7 C050 Tenant `acne` lies in the folder of tenant `acme` "
                    + "(name it `acme`, or move it into a folder `acne`)"
            ]
        )
        let catalog = Fixture.catalog("kind: Tenant\nname: acme\n---\nkind: Tenant\nname: second\n")
        #expect(
            catalog.diagnostics.map(Fixture.line) == [
                "5:7 C050 tenant `acme` has a second `Tenant` document (put both into one)"
            ]
        )
        #expect(catalog.diagnostics.first?.related?.place.start.line == 2)
    }

    private static let campaign = """
        kind: Campaign
        name: c
        type: manual
        template: t
        audience: { conditions: [] }
        ---
        kind: Template
        name: t
        whatsappName: t
        category: utility
        body: Hello
        """

    @Test func givesCampaignsTheirSenderAndTemplatesTheirLanguage() throws {
        let text = [Self.campaign, Self.tenant, Fixture.sender].joined(separator: "\n---\n")
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let campaign = try #require(catalog.resolvedCampaigns.first)
        #expect(campaign.spec.sender == "main")
        #expect(campaign.sender.name == "main")
        #expect(campaign.template?.language == "sw")
        #expect(campaign.messagePayload["template"]?["language"]?["code"] == "sw")
        let specs = catalog.specs.filter { $0.identity.kind == .campaign || $0.identity.kind == .template }
        #expect(specs.map { $0.value.canonical["sender"] ?? $0.value.canonical["language"] } == ["sw", "main"])
    }

    @Test func reportsWhatNeitherTheSpecNorTheTenantGives() {
        #expect(
            Fixture.lines(Self.campaign) == [
                "1:1 C013 missing field `sender` (kind `Campaign` needs it, unless `defaults.sender` of the `Tenant` gives one)",
                "7:1 C013 missing field `language` "
                    + "(kind `Template` needs it, unless `defaults.language` of the `Tenant` gives one)",
            ]
        )
        // A misspelt field is not reported as missing too.
        #expect(
            Fixture.lines(Self.campaign.replacing("template: t", with: "template: t\nsendr: main\n")).count {
                $0.contains("sender")
            }
                == 1
        )
        // The defaults of a tenant with another mistake are known, those of one that cannot be read are not.
        let tenant = Self.campaign + "\n---\nkind: Tenant\nname: acme\n"
        #expect(Fixture.lines(tenant + "protect: 1\n").map { $0.prefix(9) } == ["1:1 C013 ", "7:1 C013 ", "15:10 C01"])
        #expect(Fixture.lines(tenant + "defaults: 1\n").map { $0.prefix(9) } == ["15:11 C01"])
    }

    @Test func reportsADefaultThatLeadsNowhereOnce() {
        let text = Self.campaign + "\n---\nkind: Tenant\nname: acme\ndefaults: { sender: gone, language: en }\n"
        #expect(
            Fixture.lines(text) == [
                "15:21 C021 unknown Sender `gone` in tenant `acme` (define a `kind: Sender` of that name in `acme`)"
            ]
        )
    }

    @Test(
        arguments: [
            ("90s", "90s"), ("60s", "1m"), ("24h", "1d"), ("90m", "90m"), ("0s", "0s"), ("007d", "7d"), ("d", nil),
            ("1w", nil), ("-1d", nil), ("1.5h", nil), ("", nil), ("1 d", nil), ("9999999999s", nil), ("٣d", nil),
        ] as [(String, String?)]
    )
    func readsDurations(text: String, expected: String?) {
        #expect(SpecDuration(text)?.description == expected)
    }
}
