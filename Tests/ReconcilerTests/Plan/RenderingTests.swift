import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RenderingTests {
    private func text(_ plan: Plan, isFull: Bool = false) -> String {
        PlanTextRenderer(isFull: isFull).text(plan).replacing(plan.digest, with: "sha256:…")
    }

    @Test func createsShowTheirRecipients() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(3_912, inWindow: 1_500)
            let small = Samples.all.replacing("env:TOKEN", with: "env:TOKEN\ndailyLimit: 1000")
            let plan = try await fixture.plan(small)
            #expect(
                text(plan) == """
                    + acme/Sender/main
                    + acme/Template/offer
                    + acme/Audience/vips
                    + acme/Campaign/event
                    + acme/Campaign/hello  3,912 recipients (1,500 in window), ~2 d 2 h until all are sent \
                    (51 s of sending at 80/s)
                        quota: takes 2,412 of the 1,000 left of 1,000 in 24 h
                        warning: 2,412 recipients outside of their window exceed the sender's daily limit of 1,000: \
                    at least 3 days
                    + acme/Campaign/raw  0 recipients
                        warning: reaches nobody: 3,912 contacts, 3,912 active, 3,912 opted in, 3,912 not suppressed, \
                    0 in the audience, 0 reachable

                    Plan: 6 to create, 0 to update, 0 to delete.
                    Digest: sha256:…

                    """
            )
        }
    }

    @Test func updatesAndDeletesShowWhatDiffers() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let changed = Samples.all.replacing("env:TOKEN", with: "env:TOKEN\nratePerSecond: 40")
                .replacing("[vip, gold]", with: "[vip, silver]")
                .replacing("footer: Bye\n", with: "")
                .replacing("\n---\n" + Samples.raw, with: "")
            try await fixture.pool.execute("UPDATE templates SET header = E'Edited\\n\\u001b[31m'")
            #expect(
                text(try await fixture.plan(changed)) == """
                    ~ acme/Sender/main
                        ratePerSecond: 80 → 40
                    ~ acme/Template/offer
                        footer: - Bye
                        header:  (changed by hand)
                          - Edited
                          + Hello
                          - \\u{1B}[31m
                    ~ acme/Audience/vips
                        conditions[tags contains_any].value: - gold
                        conditions[tags contains_any].value: + silver
                        inherited by 1 campaign, 0 recipients: hello
                        warning: hello: reaches nobody: 0 contacts, 0 active, 0 opted in, 0 not suppressed, \
                    0 in the audience, 0 reachable
                    - acme/Campaign/raw

                    Plan: 0 to create, 3 to update, 1 to delete, 1 spec inherits that.
                    Digest: sha256:…

                    """
            )
        }
    }

    @Test func fullShowsPlacesAndContent() async throws {
        try await ReconcilerFixture.with { fixture in
            let plan = try await fixture.plan(Samples.sender)
            #expect(
                text(plan, isFull: true) == """
                    + acme/Sender/main
                        at campaigns/acme/specs.yaml:2:7
                        accessToken: + env:TOKEN
                        dailyLimit: + 10000
                        name: + main
                        onQuotaExhausted: + pause
                        pairLimit: + pause
                        phoneNumberId: + "1065"
                        protect: + false
                        quotaGroup: + "1065"
                        ratePerSecond: + 80
                        sourceFile: + acme/specs.yaml
                        unconfirmedPolicy: + hold

                    Plan: 1 to create, 0 to update, 0 to delete.
                    Digest: sha256:…

                    """
            )
        }
    }

    @Test func noChangesSaySo() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            #expect(
                text(try await fixture.plan(Samples.all))
                    == "No changes: 6 specs are as in the database.\nDigest: sha256:…\n"
            )
        }
    }

    @Test func colourComesOnlyWhenAskedFor() async throws {
        try await ReconcilerFixture.with { fixture in
            let plan = try await fixture.plan(Samples.sender)
            #expect(!PlanTextRenderer().text(plan).contains("\u{1B}"))
            #expect(PlanTextRenderer(usesColour: true).text(plan).hasPrefix("\u{1B}[32m+ acme/Sender/main\u{1B}[0m"))
        }
    }

    @Test func anUpdateIsPlacedAtItsFirstDifference() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let plan = try await fixture.plan(Samples.all.replacing("title: Hello there", with: "title: T"))
            let place = try #require(plan.changes.first?.place)
            #expect("\(place.file):\(place.start.line):\(place.start.column)" == "campaigns/acme/specs.yaml:27:8")
        }
    }

    @Test func jsonCarriesCountsDifferencesAndImpact() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(8, inWindow: 2)
            try await fixture.reach(Samples.all)
            let plan = try await fixture.plan(Samples.all.replacing("title: Hello there", with: "title: T"))
            let json = try JSONValue(parsing: plan.json.canonicalText)
            #expect(json["formatVersion"] == 1)
            #expect(json["digest"] == .string(plan.digest))
            #expect(json["counts"] == ["create": 0, "update": 1, "delete": 0, "inherited": 0])
            let change = try #require(json["changes"]?[0])
            #expect(change["action"] == "update" && change["id"] == "acme/Campaign/hello")
            #expect(
                change["differences"] == [
                    ["path": "title", "before": "Hello there", "after": "T", "isDrift": false]
                ]
            )
            #expect(change["impact"]?["recipients"] == 8 && change["impact"]?["outOfWindow"] == 6)
        }
    }
}
