import JSON
import Spec
import Testing

struct TriggerTests {
    private static func text(_ trigger: String, type: String = "event_triggered") -> String {
        """
        \(Fixture.campaign(type: type))
        ---
        kind: Trigger
        name: t
        campaign: c
        \(trigger)
        """
    }

    @Test func readsItsFormBack() throws {
        let text = Self.text(
            "event: order.paid\ncustom: true\nmatch: { plan: premium, n: 1, x: 1.5, b: true }\ncooldown: 60m"
        )
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let trigger = try #require(catalog.spec(TriggerSpec.self, tenant: "acme", name: "t")?.value)
        #expect(
            trigger.canonical.canonicalText == """
                {"campaign":"c","cooldown":"1h","custom":true,"event":"order.paid","isActive":true,\
                "match":{"b":true,"n":1,"plan":"premium","x":1.5},"name":"t","protect":false}
                """
        )
        #expect(try TriggerSpec(canonical: trigger.canonical) == trigger)
        #expect(catalog.resolvedTriggers.map(\.campaign.description) == ["acme/Campaign/c"])
    }

    @Test(arguments: TriggerEvent.allCases)
    func knowsThePredefinedEvents(event: TriggerEvent) throws {
        let catalog = Fixture.catalog(Self.text("event: \(event.rawValue)"))
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let trigger = try #require(catalog.spec(TriggerSpec.self, tenant: "acme", name: "t")?.value)
        #expect(trigger.canonical["custom"] == nil)
    }

    @Test(arguments: [
        (
            "event: payment.overdu",
            [
                "16:8 C061 unknown event `payment.overdu` (did you mean `payment.overdue`? add `custom: true` for an event of your own)"
            ]
        ),
        (
            "event: a b\ncustom: true",
            [
                "16:8 C015 `a b` is not the name of an event "
                    + "(names have 1 to 50 letters, digits, `.`, `_` and `-`, and start with a letter or digit)"
            ]
        ),
        (
            "event: contact.created\ncustom: true",
            ["17:9 C062 `contact.created` is a predefined event (remove `custom`)"]
        ),
        ("custom: false", ["13:1 C013 missing field `event` (kind `Trigger` needs it)"]),
        (
            "event: contact.created\nmatch: { a: [1], b: ~, c: .inf }",
            [
                "17:13 C014 expected a text, a number or a boolean for `match.a`, found a list",
                "17:21 C014 expected a text, a number or a boolean for `match.b`, found nothing",
                "17:27 C014 expected a text, a number or a boolean for `match.c`, found a number",
            ]
        ),
        (
            "event: contact.created\ncooldown: 366d\nmatch: x",
            [
                "17:11 C053 `cooldown` is 366d, outside of 1s to 365d",
                "18:8 C014 expected a mapping for `match`, found a string",
            ]
        ),
    ])
    func locatesMistakes(fields: String, expected: [String]) {
        #expect(Fixture.lines(Self.text(fields)) == expected)
    }

    @Test func startsOnlyTriggeredCampaigns() {
        let event = "event: contact.created"
        let catalog = Fixture.catalog(Self.text(event, type: "manual"))
        #expect(
            catalog.diagnostics.map(Fixture.line) == [
                "15:11 C071 Trigger `t` cannot start `c`, a campaign with `type: manual` "
                    + "(give the campaign `type: event_triggered`)"
            ]
        )
        #expect(catalog.diagnostics.first?.related?.place.start.line == 8)
        #expect(
            Fixture.lines(Self.text(event, type: "scheduled")) == [
                "8:7 C073 no Schedule starts campaign `c`, which has `type: scheduled` (add a `kind: Schedule` with `campaign: c`)",
                "15:11 C071 Trigger `t` cannot start `c`, a campaign with `type: scheduled` "
                    + "(give the campaign `type: event_triggered`, or make this a `kind: Schedule`)",
            ]
        )
        #expect(
            Fixture.lines(Self.text(event).replacing("campaign: c", with: "campaign: d")) == [
                "8:7 C074 no Trigger starts campaign `c`, which has `type: event_triggered` (add a `kind: Trigger` with `campaign: c`)",
                "15:11 C021 unknown Campaign `d` in tenant `acme` (did you mean `c`?)",
            ]
        )
    }

    @Test func saysNothingAboutStartsThatMayStandInABrokenDocument() {
        #expect(Fixture.lines(Self.text("event: contact.create")).count == 1)
        #expect(Fixture.lines(Self.text("event: contact.created").replacing("body: Hi", with: "bdy: Hi")).count == 1)
    }

    @Test func isAlone() {
        let text =
            Self.text("event: contact.created")
            + "\n---\nkind: Trigger\nname: a\ncampaign: c\nevent: survey.completed\n"
        let catalog = Fixture.catalog(text)
        #expect(
            catalog.diagnostics.map(Fixture.line) == [
                "20:11 C072 campaign `c` has a trigger already (use a campaign of its own for `survey.completed`)"
            ]
        )
        #expect(catalog.diagnostics.first?.related?.place.start.line == 15)
        #expect(catalog.diagnostics.first?.related?.label == "triggered by `contact.created`")
    }
}
