import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Names change, and rows with their history stay.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RenameTests {
    private static func sender(_ name: String, from old: String? = nil, phone: String) -> String {
        let rename = old.map { "\nrenamedFrom: \($0)" } ?? ""
        return Samples.sender.replacing("name: main", with: "name: \(name)\(rename)").replacing("1065", with: phone)
    }

    private static func join(_ parts: String...) -> String { parts.joined(separator: "\n---\n") }

    /// The names of senders by their phone numbers, which identify them.
    private static func senders(_ fixture: ReconcilerFixture) async throws -> [String] {
        let rows = try await fixture.pool.query(
            """
            SELECT "phoneNumberId" || ' ' || name || ' ' || id FROM senders WHERE "archivedAt" IS NULL ORDER BY 1
            """
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }

    @Test func aChainMovesEachRowOn() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(
                Self.join(
                    Self.sender("a", phone: "1"),
                    Self.sender("b", phone: "2"),
                    Self.sender("c", phone: "3")
                )
            )
            let before = try await Self.senders(fixture)
            let chain = Self.join(
                Self.sender("b", from: "a", phone: "1"),
                Self.sender("c", from: "b", phone: "2"),
                Self.sender("d", from: "c", phone: "3")
            )
            let plan = try await fixture.reach(chain)
            #expect(ReconcilerFixture.lines(plan) == ["~ Sender/b name", "~ Sender/c name", "~ Sender/d name"])
            let after = try await Self.senders(fixture)
            let moved = zip(before, ["b", "c", "d"]).map { line, name in
                var words = line.split(separator: " ").map(String.init)
                words[1] = name
                return words.joined(separator: " ")
            }
            #expect(after == moved)
            // `renamedFrom` stays in the files, and has no effect any more.
            #expect(try await fixture.reach(chain).isEmpty)
        }
    }

    @Test func aCircleIsRefusedWithTheFiles() {
        let swap = Self.join(Self.sender("a", from: "b", phone: "2"), Self.sender("b", from: "a", phone: "1"))
        let error = #expect(throws: ReconcileError.self) { try ReconcilerFixture.desired(swap) }
        guard case .invalidSpecs(errors: 2)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func aSwapThroughAThirdNameTakesTwoSteps() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Self.join(Self.sender("a", phone: "1"), Self.sender("b", phone: "2")))
            let ids = try await Self.senders(fixture).map { $0.split(separator: " ")[2] }
            try await fixture.reach(
                Self.join(Self.sender("b", from: "a", phone: "1"), Self.sender("x", from: "b", phone: "2"))
            )
            try await fixture.reach(
                Self.join(Self.sender("b", phone: "1"), Self.sender("a", from: "x", phone: "2"))
            )
            #expect(try await Self.senders(fixture) == ["1 b \(ids[0])", "2 a \(ids[1])"])
        }
    }

    @Test func oneRowCannotBecomeTwo() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Self.sender("a", phone: "1"))
            let text = Self.join(Self.sender("b", from: "a", phone: "1"), Self.sender("c", from: "a", phone: "2"))
            let error = await #expect(throws: ReconcileError.self) { try await fixture.plan(text) }
            #expect(
                error.map { "\($0)" }
                    == "campaigns/acme/specs.yaml:2:7: acme/Sender/b is one of several specs that are renamed from `a`; "
                    + "only one of them can be\ncampaigns/acme/specs.yaml:8:7: acme/Sender/c is one of several specs "
                    + "that are renamed from `a`; only one of them can be"
            )
        }
    }

    @Test func anImpossibleRenameIsReported() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Self.join(Self.sender("a", phone: "1"), Self.sender("b", phone: "2")))
            let text = Self.sender("b", from: "a", phone: "2")
            let plan = try await fixture.plan(text)
            let (a, b) = (Self.identity(.sender, "a"), Self.identity(.sender, "b"))
            #expect(SafetyRules().refusals(of: plan) == [.ignoredRename(from: a, to: b)])
            #expect(SafetyRules(allowedDeletes: [a]).refusals(of: plan).isEmpty)
            try await fixture.reach(text)
            #expect(try await fixture.plan(text).ignoredRenames.isEmpty)
        }
    }

    @Test func aRenameFromANameThatIsKeptIsRefused() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Self.sender("b", phone: "1"))
            // `b` was renamed from `a` long ago and keeps the row, so `c` cannot have it.
            let text = Self.join(Self.sender("b", from: "a", phone: "1"), Self.sender("c", from: "b", phone: "2"))
            let error = await #expect(throws: ReconcileError.self) { try await fixture.plan(text) }
            #expect(
                error.map { "\($0)" }
                    == "campaigns/acme/specs.yaml:8:7: acme/Sender/c says `renamedFrom: b`, but the spec `b` keeps that "
                    + "row; remove one of the two"
            )
        }
    }

    @Test func aNameThatAnotherTookOverLeadsToAnotherRow() async throws {
        try await ReconcilerFixture.with { fixture in
            let campaign = Samples.raw.replacing("sender: main", with: "sender: a")
            try await fixture.reach(Self.join(Self.sender("a", phone: "1"), Self.sender("b", phone: "2"), campaign))
            let text = Self.join(
                Self.sender("c", from: "a", phone: "1"),
                Self.sender("a", from: "b", phone: "2"),
                campaign
            )
            let plan = try await fixture.reach(text)
            #expect(ReconcilerFixture.lines(plan) == ["~ Sender/a name", "~ Sender/c name", "~ Campaign/raw sender"])
            #expect(plan.changes[2].differences.map(\.before) == ["c"] && !plan.changes[2].isReferenceOnly)
            let phone = try await fixture.pool.query(
                "SELECT s.\"phoneNumberId\" FROM campaigns c JOIN senders s ON s.id = c.\"senderId\""
            )
            #expect(try phone[0].decode(0, as: String.self) == "2")
        }
    }

    @Test func everyKindKeepsItsRow() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            let before = try await Self.ids(fixture)
            var text = Samples.everything
            for (name, key) in [
                ("main", "sender"), ("offer", "template"), ("vips", "audience"), ("digest", "campaign"),
                ("overdue", "campaign"),
            ] {
                text = text.replacing("\nname: \(name)\n", with: "\nname: new-\(name)\nrenamedFrom: \(name)\n")
                    .replacing("\(key): \(name)", with: "\(key): new-\(name)")
            }
            for name in ["weekly", "once", "on-overdue", "raw", "event", "hello"] {
                text = text.replacing("\nname: \(name)\n", with: "\nname: new-\(name)\nrenamedFrom: \(name)\n")
            }
            let plan = try await fixture.reach(text)
            #expect(plan.creates == 0 && plan.deletes == 0)
            #expect(try await Self.ids(fixture) == before)
            // The message is unchanged, so no new revision is needed.
            #expect(try await fixture.count("SELECT count(*) FROM campaign_revisions") == 5)
        }
    }

    private static func ids(_ fixture: ReconcilerFixture) async throws -> [UUID] {
        var ids: [UUID] = []
        for table in ["senders", "templates", "audiences", "campaigns", "campaign_schedules", "campaign_triggers"] {
            let rows = try await fixture.pool.query(
                "SELECT id FROM \(identifier: table) WHERE \"archivedAt\" IS NULL ORDER BY id"
            )
            ids += try rows.map { try $0.decode(0, as: UUID.self) }
        }
        return ids
    }

    @Test func changesThatOnlyFollowARenameAreNotCounted() async throws {
        try await ReconcilerFixture.with { fixture in
            let campaigns = (1...12).map { Samples.campaign.replacing("name: hello", with: "name: c-\($0)") }
            let text = ([Samples.sender, Samples.template, Samples.audience] + campaigns).joined(separator: "\n---\n")
            try await fixture.reach(text)
            let renamed = text.replacing("name: main", with: "name: line-1\nrenamedFrom: main")
                .replacing("sender: main", with: "sender: line-1")
            let plan = try await fixture.plan(renamed)
            #expect(plan.changes.count == 13)
            #expect(plan.changes.count(where: \.isReferenceOnly) == 12)
            #expect(SafetyRules().refusals(of: plan).isEmpty)
            #expect(plan.changes.allSatisfy { $0.impact == nil })
            // With a further change it counts.
            let other = renamed.replacing("title: Hello there", with: "title: Hi")
            #expect(SafetyRules().refusals(of: try await fixture.plan(other)).map(\.code) == ["tooManyChanges"])
        }
    }

    struct Lookalike: CustomTestStringConvertible {
        let part: String
        let old: String
        let edits: [(String, String)]
        let isAlike: Bool

        init(_ part: String, _ old: String, isAlike: Bool, _ edits: (String, String)...) {
            (self.part, self.old, self.edits, self.isAlike) = (part, old, edits, isAlike)
        }

        var testDescription: String { "\(old), \(edits.map(\.1)), alike: \(isAlike)" }
    }

    static let lookalikes = [
        Lookalike(Samples.sender, "main", isAlike: true),
        Lookalike(Samples.sender, "main", isAlike: true, ("env:TOKEN", "env:T\nratePerSecond: 1\ntier: 4")),
        Lookalike(Samples.sender, "main", isAlike: false, ("1065", "77\"\nquotaGroup: \"1065")),
        Lookalike(Samples.template, "offer", isAlike: true, ("look here", "look there")),
        Lookalike(
            Samples.template,
            "offer",
            isAlike: true,
            ("look here", "bye"),
            ("footer: Bye", "footer: B"),
            ("category: marketing", "category: utility")
        ),
        Lookalike(
            Samples.template,
            "offer",
            isAlike: false,
            ("look here", "bye"),
            ("footer: Bye\n", ""),
            ("language: en", "language: de")
        ),
        Lookalike(Samples.audience, "vips", isAlike: true, ("value: 0", "value: 1")),
        Lookalike(Samples.audience, "vips", isAlike: false, ("value: 0", "value: 1"), ("[vip, gold]", "[x, y]")),
    ]

    @Test(arguments: lookalikes)
    func aDeleteAndASimilarCreateAreRefused(_ example: Lookalike) async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(example.part)
            var text = example.part.replacing("name: \(example.old)\n", with: "name: fresh\n")
            for (old, new) in example.edits { text = text.replacing(old, with: new) }
            let plan = try await fixture.plan(text)
            #expect(plan.creates == 1 && plan.deletes == 1)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(refusals.map(\.code) == (example.isAlike ? ["looksLikeRename"] : []))
            guard let refusal = refusals.first else { return }
            let old = try #require(plan.changes.last?.identity)
            #expect(refusal.flag == "--allow-delete \(old)")
            #expect(refusal.reason.hasSuffix("add `renamedFrom: \(example.old)` to keep its history"))
            #expect(SafetyRules(allowedDeletes: [old]).refusals(of: plan).isEmpty)
            let kept = text.replacing("name: fresh", with: "name: fresh\nrenamedFrom: \(example.old)")
            #expect(SafetyRules().refusals(of: try await fixture.plan(kept)).isEmpty)
        }
    }

    @Test func eachDeleteIsPairedWithTheMostSimilarCreate() async throws {
        try await ReconcilerFixture.with { fixture in
            let others = ["1", "2", "3"]
            try await fixture.reach(others.map { Self.sender("old-\($0)", phone: $0) }.joined(separator: "\n---\n"))
            let text = others.map { Self.sender("new-\($0)", phone: $0) }.joined(separator: "\n---\n")
            let refusals = SafetyRules(maximumChangePercent: 100).refusals(of: try await fixture.plan(text))
            #expect(
                refusals
                    == others.map {
                        .looksLikeRename(
                            from: Self.identity(.sender, "old-\($0)"),
                            to: Self.identity(.sender, "new-\($0)")
                        )
                    }
            )
        }
    }

    private static func identity(_ kind: SpecKind, _ name: String) -> SpecIdentity {
        SpecIdentity(tenant: "acme", kind: kind, name: name)
    }
}
