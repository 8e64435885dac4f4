import Foundation
import JSON
import Spec
import Spelling
import Store
import Testing

@testable import Reconciler

/// Plans as comments on pull requests: the summary is whole, the details are cut, and nothing in a spec is markup.
struct MarkdownTests {
    private static func identity(_ name: String, _ kind: SpecKind = .audience) -> SpecIdentity {
        SpecIdentity(tenant: "acme", kind: kind, name: name)
    }

    private static func update(_ name: String, _ differences: [FieldDifference]) -> PlannedChange {
        PlannedChange(
            action: .update,
            identity: identity(name),
            renamedFrom: nil,
            row: ManagedRow(id: UUID(), identity: identity(name), content: [:]),
            after: [:],
            differences: differences,
            place: nil,
            isAdoption: false
        )
    }

    private static func plan(_ changes: [PlannedChange]) throws -> Plan {
        let desired = try ReconcilerFixture.desired(Samples.sender)
        return Plan(changes: changes, base: ("db", 7), desired: desired, rows: [])
    }

    private static func difference(_ path: String, _ before: String?, _ after: String?) -> FieldDifference {
        FieldDifference(path: path, before: before.map(JSONValue.string), after: after.map(JSONValue.string))
    }

    /// The lines outside of fences; fails when a fence stays open.
    private static func outside(_ text: String) -> [Substring] {
        var fence: Substring?
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let ticks = line.prefix { $0 == "`" }
            if let open = fence {
                if ticks.count >= open.count, ticks.count == line.count { fence = nil }
            } else if ticks.count >= 3 {
                fence = ticks
            } else {
                lines.append(line)
            }
        }
        #expect(fence == nil, "a fence is never closed")
        return lines
    }

    @Test func showsEachChangeWithItsDifference() throws {
        let plan = try Self.plan([Self.update("vips", [Self.difference("logic", "AND", "OR")])])
        #expect(
            PlanMarkdownRenderer().text(plan) == """
                ### Campaigns: 0 to create, 1 to update, 0 to delete


                <details><summary><code>~ acme/Audience/vips</code></summary>

                ```diff
                - logic: AND
                + logic: OR
                ```

                </details>


                Digest: `\(plan.digest)`

                """
        )
    }

    @Test(arguments: [3_000, 30_000])
    func thousandsOfChangesAreCutButCounted(count: Int) throws {
        let long = String(repeating: "x", count: 500)
        let changes = (1...count).map { Self.update("n\($0)", [Self.difference("logic", long, "B")]) }
        let plan = try Self.plan(changes)
        let refusals = (1...100).map { SafetyRefusal.protectedDelete(Self.identity("p\($0)")) }
        let text = PlanMarkdownRenderer().text(plan, refusals: refusals)
        #expect(text.utf8.count <= 65_536 && text.utf8.count > 60_000)
        #expect(text.hasPrefix("### Campaigns: 0 to create, \(count.grouped) to update, 0 to delete\n"))
        #expect(text.contains("- … and 80 more\n") && text.hasSuffix("Digest: `\(plan.digest)`\n"))
        let shown = text.matches(of: /<details>/).count
        #expect(shown > 50 && shown == text.matches(of: /<\/details>/).count)
        #expect(text.contains("*\((count - shown).grouped) more changes did not fit here; "))
        _ = Self.outside(text)
    }

    @Test func aHugeChangeLeavesRoomForTheOthers() throws {
        let many = (1...20_000).map { Self.difference("conditions[\($0)]", nil, String(repeating: "`", count: 300)) }
        let plan = try Self.plan([
            Self.update("huge", many), Self.update("small", [Self.difference("logic", "A", "B")]),
        ])
        let text = PlanMarkdownRenderer().text(plan)
        #expect(text.utf8.count <= 65_536)
        #expect(text.contains("… and 19,960 more lines") && text.contains("~ acme/Audience/small"))
        _ = Self.outside(text)
    }

    @Test func theLimitHoldsWhateverTheSummaryHolds() throws {
        let breach = PolicyBreach(
            .maxRecipients,
            Self.identity("x", .campaign),
            actual: .count(12),
            reason: String(repeating: "<é>", count: 10_000)
        )
        let plan = try Self.plan([Self.update("a", [Self.difference("logic", "A", "B")])])
        let refusals = Array(repeating: SafetyRefusal.policy(breach), count: 40)
        let text = PlanMarkdownRenderer().text(plan, refusals: refusals)
        #expect(text.utf8.count <= 65_536)
        #expect(text.contains("- … and 20 more\n") && text.hasSuffix("Digest: `\(plan.digest)`\n"))
    }

    @Test(arguments: [
        "```\n</details><script>alert(1)</script>\n# owned", "~~~\n@team #1 [x](http://evil)", "`` ` ``` ```` `````",
        "| a | b |\n|---|---|", "<!-- hidden", "<img src=x onerror=y>", "\r\n```\r\n", "\u{85}```\u{2028}```",
        "*/ ]]> --> \u{1B}[31m \u{202E}",
    ])
    func nothingInAValueLeavesItsFence(value: String) throws {
        let differences = [Self.difference("params.\(value)", value, value + "!")]
        let lines = Self.outside(PlanMarkdownRenderer().text(try Self.plan([Self.update("a", differences)])))
        for line in lines {
            #expect(!line.contains("script") && !line.contains("evil") && !line.contains("onerror"), "\(line)")
            #expect(!line.contains("@team") && !line.contains("owned") && !line.contains("hidden"), "\(line)")
        }
        #expect(lines.count { $0.contains("</details>") } == 1)
    }

    @Test func nothingInAReasonIsMarkup() throws {
        let reason = "`a` <b> @team [x](y) **z** $m$ | \n# h"
        let breach = PolicyBreach(.maxRecipients, Self.identity("x", .campaign), actual: .count(12), reason: reason)
        let text = PlanMarkdownRenderer().text(try Self.plan([Self.update("a", [])]), refusals: [.policy(breach)])
        let line = try #require(text.split(separator: "\n").first { $0.contains("to allow it") })
        for markup in ["<b>", "@team", "[x]", "**", "$m$", "|", "`", "# h"] {
            #expect(!line.contains(markup), "\(line)")
        }
    }

    @Test func noChangesSaySo() throws {
        let plan = try Self.plan([])
        #expect(
            PlanMarkdownRenderer().text(plan)
                == "### Campaigns: no changes\n\n1 spec is as in the database.\n\nDigest: `\(plan.digest)`\n"
        )
    }
}
