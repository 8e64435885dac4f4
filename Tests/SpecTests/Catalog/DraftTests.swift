import Spec
import Testing

/// A spec with a mistake does not hide the mistakes of specs that refer to it: its sound fields are checked.
struct DraftTests {
    private static func codes(_ text: String) -> [String] {
        Fixture.catalog(text).diagnostics.map { "\($0.place.start.line) \($0.code.rawValue)" }
    }

    private static let campaign = """
        ---
        kind: Campaign
        name: c
        type: manual
        sender: main
        template: hello
        params: { "2": x }
        audience: { conditions: [] }
        """

    @Test func parametersAreComparedWithATemplateThatHasAnotherMistake() {
        let template = Fixture.template(body: "Hi {{1}}").replacing("category: utility", with: "category: utilty")
        #expect(Self.codes(template + "\n" + Self.campaign) == ["10 C015", "18 C041", "18 C042"])
    }

    /// The number of parameters is not known if the body cannot be read, or if it may be misspelt.
    @Test(arguments: ["body: 7", "bdy: \"Hi {{1}}\""])
    func parametersAreNotComparedWithABrokenBody(body: String) {
        let template = Fixture.template(body: "Hi {{1}}").replacing("body: \"Hi {{1}}\"", with: body)
        #expect(Self.codes(template + "\n" + Self.campaign).count == 1)
    }

    @Test func aScheduleIsComparedWithACampaignThatHasAnotherMistake() {
        let text = Fixture.campaign(type: "manual").replacing(
            "sender: main\nmessage",
            with: "sender: mian\nprotect: 7\nmessage"
        )
        let schedule = "\n---\nkind: Schedule\nname: s\ncampaign: c\ncron: \"0 9 * * *\"\ntimeZone: UTC"
        let codes = Self.codes(text + schedule)
        #expect(codes.contains { $0.hasSuffix(" C021") } && codes.contains { $0.hasSuffix(" C014") })
        #expect(codes.count == 3, "\(codes)")
    }

    @Test func aScheduleWithAnotherMistakeStartsItsCampaign() {
        let text = Fixture.campaign(type: "scheduled")
        let schedule = "\n---\nkind: Schedule\nname: s\ncampaign: c\ncron: \"0 9 * * *\"\ntimeZone: UTC\nprotect: 7"
        #expect(Self.codes(text + schedule).map { $0.suffix(4) } == ["C014"])
        // Another campaign stays without one, although a schedule has a mistake.
        let other =
            text + schedule + "\n---\n" + text.split(separator: "---\n")[1].replacing("name: c", with: "name: d")
        #expect(Self.codes(other).count == 2, "\(Self.codes(other))")
    }

    @Test func theTimesOfAScheduleWithAnotherMistakeAreChecked() {
        let schedule = "\n---\nkind: Schedule\nname: s\ncampaign: c\nat: 2020-01-01T09:00\ntimeZone: UTC\nprotect: 7"
        #expect(Self.codes(Fixture.campaign(type: "scheduled") + schedule).count == 2)
    }

    @Test func theWindowIsCheckedWithAnAudienceThatHasAnotherMistake() {
        let audience = """

            ---
            kind: Audience
            name: everyone
            protect: 7
            conditions: []
            """
        let text = Fixture.campaign(type: "manual", audience: "everyone") + audience
        let codes = Self.codes(text)
        #expect(codes.count == 2 && codes.contains { $0.hasSuffix("C014") }, "\(codes)")
    }

    @Test func defaultsOfATenantWithAnotherMistakeAreUsed() {
        let tenant = "kind: Tenant\nname: acme\nprotect: 7\ndefaults: { sender: main }\n---\n"
        let text =
            tenant + Fixture.campaign(type: "manual").replacing("type: manual\nsender: main", with: "type: manual")
        #expect(Self.codes(text) == ["3 C014"])
        let without = text.replacing("{ sender: main }", with: "{ language: en }")
        #expect(Self.codes(without).map { $0.suffix(4) } == ["C014", "C013"])
    }
}
