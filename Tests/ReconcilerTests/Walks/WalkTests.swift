import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A walk through desired states; after each one, a second plan must be empty.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WalkTests {
    @Test func reachesEachStateOfALife() async throws {
        try await ReconcilerFixture.with { fixture in
            let created = try await fixture.reach(Samples.all)
            #expect(
                ReconcilerFixture.lines(created) == [
                    "+ Sender/main", "+ Template/offer", "+ Audience/vips", "+ Campaign/event", "+ Campaign/hello",
                    "+ Campaign/raw",
                ]
            )
            #expect(try await fixture.reach(Samples.all).isEmpty)

            let renamed = Samples.all.replacing("name: vips", with: "name: friends")
                .replacing("audience: vips", with: "audience: friends")
            #expect(
                ReconcilerFixture.lines(try await fixture.reach(renamed)) == [
                    "+ Audience/friends", "~ Campaign/hello audience", "- Audience/vips",
                ]
            )
            let withoutRaw = renamed.replacing("\n---\n" + Samples.raw, with: "")
            #expect(ReconcilerFixture.lines(try await fixture.reach(withoutRaw)) == ["- Campaign/raw"])
            #expect(ReconcilerFixture.lines(try await fixture.reach(renamed)) == ["+ Campaign/raw"])

            let rules = SafetyRules(
                allowedDeletes: [SpecIdentity(tenant: "acme", kind: .campaign, name: "event")],
                allowsEmpty: true
            )
            let nothing = try ReconcilerFixture.desired("")
            let plan = try await fixture.plan(nothing)
            #expect(
                ReconcilerFixture.lines(plan) == [
                    "- Campaign/event", "- Campaign/hello", "- Campaign/raw", "- Audience/friends", "- Template/offer",
                    "- Sender/main",
                ]
            )
            try await fixture.apply(plan, nothing, rules: rules)
            #expect(try await fixture.plan(nothing).isEmpty)
            let archived = try await fixture.count("SELECT count(*) FROM campaigns WHERE \"archivedAt\" IS NOT NULL")
            #expect(archived == 4)
            try await fixture.reach(Samples.all)
        }
    }

    struct Edit: CustomTestStringConvertible {
        let old: String
        let new: String
        let lines: [String]

        init(_ old: String, _ new: String, _ lines: String...) {
            (self.old, self.new, self.lines) = (old, new, lines)
        }

        var testDescription: String { "\(old) → \(new)" }
    }

    static let edits = [
        Edit("phoneNumberId: \"1065\"", "phoneNumberId: \"7\"", "~ Sender/main phoneNumberId quotaGroup"),
        Edit("accessToken: env:TOKEN", "accessToken: file:/run/token", "~ Sender/main accessToken"),
        Edit("env:TOKEN", "env:TOKEN\ntier: 4", "~ Sender/main dailyLimit"),
        Edit("env:TOKEN", "env:TOKEN\nratePerSecond: 7", "~ Sender/main ratePerSecond"),
        Edit("env:TOKEN", "env:TOKEN\nquotaGroup: g", "~ Sender/main quotaGroup"),
        Edit("env:TOKEN", "env:TOKEN\npairLimit: defer", "~ Sender/main pairLimit"),
        Edit("env:TOKEN", "env:TOKEN\nonQuotaExhausted: wait", "~ Sender/main onQuotaExhausted"),
        Edit("env:TOKEN", "env:TOKEN\nunconfirmedPolicy: retry", "~ Sender/main unconfirmedPolicy"),
        Edit("env:TOKEN", "env:TOKEN\nprotect: true", "~ Sender/main protect"),
        Edit(
            "whatsappName: offer",
            "whatsappName: offer_2",
            "~ Template/offer whatsappName",
            "~ Campaign/event message.template.name",
            "~ Campaign/hello message.template.name"
        ),
        Edit(
            "language: en",
            "language: de",
            "~ Template/offer language",
            "~ Campaign/event message.template.language.code",
            "~ Campaign/hello message.template.language.code"
        ),
        Edit("category: marketing", "category: utility", "~ Template/offer category"),
        Edit("header: Hello", "header: Good day", "~ Template/offer header"),
        Edit("header: Hello\n", "", "~ Template/offer header"),
        Edit("look here", "look there", "~ Template/offer body"),
        Edit("footer: Bye\n", "", "~ Template/offer footer"),
        Edit("text: More", "text: Less", "~ Template/offer buttons[quickReply More] buttons[quickReply Less]"),
        Edit("acme.example/", "acme.example/x/", "~ Template/offer buttons[url Shop].url"),
        Edit("name: offer\nwhats", "name: offer\nprotect: true\nwhats", "~ Template/offer protect"),
        Edit(
            "logic: AND",
            "logic: OR",
            "~ Audience/vips logic",
            "~ Campaign/hello audienceFilter.logic"
        ),
        Edit(
            "[vip, gold]",
            "[vip, silver]",
            "~ Audience/vips conditions[tags contains_any].value conditions[tags contains_any].value",
            "~ Campaign/hello audienceFilter.conditions[tags contains_any].value "
                + "audienceFilter.conditions[tags contains_any].value"
        ),
        Edit(
            "  - { field: messageCount, operator: gte, value: 0 }",
            "",
            "~ Audience/vips conditions[messageCount gte]",
            "~ Campaign/hello audienceFilter.conditions[messageCount gte]"
        ),
        Edit("name: vips\n", "name: vips\nprotect: true\n", "~ Audience/vips protect"),
        Edit("title: Hello there", "title: Hi", "~ Campaign/hello title"),
        Edit("title: Hello there\n", "", "~ Campaign/hello title"),
        Edit("there\ntype: manual", "there\ntype: scheduled", "~ Campaign/hello type"),
        Edit(
            "{{name|you}}",
            "{{name|friend}}",
            "~ Campaign/hello message.template.components[body].parameters[text].text params.1"
        ),
        Edit("audience: vips", "audience: { conditions: [] }", "~ Campaign/hello audience audienceFilter"),
        Edit("audience: vips", "audience: vips\nprotect: true", "~ Campaign/hello protect"),
        Edit("name: Shop", "name: Store", "~ Campaign/raw message.location.name"),
        Edit("latitude: 1.50", "latitude: 1.25", "~ Campaign/raw message.location.latitude"),
        Edit("\"2025-01-01\"", "\"-30d\"", "~ Campaign/raw audience.conditions[lastSeen gt].value"),
        Edit("value: 2.5", "value: 3", "~ Campaign/raw audience.conditions[metadata.score gt].value"),
        Edit("protect: true", "protect: false", "~ Campaign/event protect"),
    ]

    @Test func showsAndAppliesAChangeOfEachField() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            for edit in Self.edits {
                let text = Samples.all.replacing(edit.old, with: edit.new, maxReplacements: 1)
                let there = try await fixture.reach(text)
                #expect(ReconcilerFixture.lines(there) == edit.lines, "\(edit.testDescription)")
                for change in there.changes { #expect(!change.differences.isEmpty) }
                // The addition is reverted, so only the order within a line may differ.
                let back = ReconcilerFixture.lines(try await fixture.reach(Samples.all)).map {
                    Set($0.split(separator: " "))
                }
                #expect(back == edit.lines.map { Set($0.split(separator: " ")) }, "back: \(edit.testDescription)")
            }
        }
    }

    @Test func takesOverTheRowOfARenamedSpec() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let before = try await fixture.pool.query("SELECT id FROM senders")[0].decode(0, as: UUID.self)
            let renamed = Samples.all.replacing("name: main", with: "name: line-1\nrenamedFrom: main")
                .replacing("sender: main", with: "sender: line-1")
            let plan = try await fixture.reach(renamed)
            #expect(
                ReconcilerFixture.lines(plan) == [
                    "~ Sender/line-1 name", "~ Campaign/event sender", "~ Campaign/hello sender",
                    "~ Campaign/raw sender",
                ]
            )
            #expect(plan.changes[0].notes == ["renamed from `main`"])
            let after = try await fixture.pool.query("SELECT id FROM senders")[0].decode(0, as: UUID.self)
            #expect(after == before)
        }
    }

    @Test func movesOfFilesAreChangesThatSafetyDoesNotCount() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let plan = try await fixture.plan(ReconcilerFixture.desired(["acme/new/place.yaml": Samples.all]))
            #expect(plan.changes.count == 6)
            for change in plan.changes {
                #expect(change.differences.map(\.path) == ["sourceFile"])
                #expect(change.isMoveOnly && change.impact == nil)
            }
        }
    }
}
