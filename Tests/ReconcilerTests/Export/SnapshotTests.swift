import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A plan against a snapshot is the plan against the database that it was taken from.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SnapshotTests {
    private static func snapshot(_ fixture: ReconcilerFixture) async throws -> StateSnapshot {
        let snapshot = try await StateSnapshot.take(
            pool: fixture.pool,
            logger: TestDatabase.logger,
            now: ReconcilerFixture.now
        )
        // The snapshot is encoded and parsed, as through a file.
        return try StateSnapshot(json: JSONValue(parsing: snapshot.json.canonicalText))
    }

    /// A plan without the facts that only the database has: recipients, edits by hand, and what WhatsApp holds.
    private static func bare(_ plan: Plan) -> JSONValue {
        var fields = plan.json.objectValue ?? [:]
        fields["accountRemarks"] = nil
        let changes = (fields["changes"]?.arrayValue ?? []).map { change -> JSONValue in
            var change = change.objectValue ?? [:]
            change["impact"] = nil
            change["differences"] = .array(
                (change["differences"]?.arrayValue ?? []).map { difference in
                    var difference = difference.objectValue ?? [:]
                    difference["isDrift"] = nil
                    return .object(difference)
                }
            )
            return .object(change)
        }
        fields["changes"] = .array(changes)
        return .object(fields)
    }

    private static func expectSame(_ fixture: ReconcilerFixture, _ desired: DesiredState, _ comment: Comment)
        async throws
    {
        let plan = try await fixture.plan(desired)
        let other = try await Self.snapshot(fixture).plan(desired, now: ReconcilerFixture.now)
        #expect(other.digest == plan.digest, comment)
        #expect(bare(other) == bare(plan), comment)
        #expect(SafetyRules().refusals(of: other) == SafetyRules().refusals(of: plan), comment)
    }

    @Test(arguments: 31...34 as ClosedRange<UInt64>)
    func plansAreTheSameAfterEveryStep(seed: UInt64) async throws {
        try await ReconcilerFixture.with { fixture in
            var specs = RandomSpecs(seed: seed)
            for step in 1...5 {
                let desired = try ReconcilerFixture.desired(specs.text)
                try await Self.expectSame(fixture, desired, "seed \(seed), step \(step)")
                let plan = try await fixture.plan(desired)
                var rules = ReconcilerFixture.lax(for: plan)
                rules.allowedDeletes = Set(plan.changes.filter { $0.action == .delete }.map(\.identity))
                try await fixture.apply(plan, desired, rules: rules)
                try await Self.expectSame(fixture, desired, "seed \(seed), after step \(step)")
                specs.step()
            }
        }
    }

    /// A plan in the pull request of a fork shows what would be submitted, and has the digest of the plan that is applied.
    @Test func whatWhatsAppHoldsIsPartOfIt() async throws {
        try await ReconcilerFixture.with { fixture in
            let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:SECRET"
            func desired(_ body: String) throws -> DesiredState {
                let template = """
                    kind: Template
                    name: visit
                    whatsappName: visit
                    language: en
                    category: utility
                    body: \(body)
                    """
                return try ReconcilerFixture.desired([account, Samples.sender, template].joined(separator: "\n---\n"))
            }
            let first = try desired("See you at our shop.")
            try await fixture.apply(try await fixture.plan(first), first)
            try await fixture.pool.execute(
                """
                UPDATE template_submissions SET status = 'done', attempts = 1, "sentAt" = now(), "settledAt" = now()
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptFrom", "sweptAt")
                SELECT id, "wabaId", now(), now() FROM accounts
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO whatsapp_templates (
                    "businessAccountId", name, language, "whatsappId", status, category, quality, components, "readAt"
                ) VALUES (
                    '1022', 'visit', 'en', '7', 'APPROVED', 'marketing', 'RED',
                    '[{"type": "BODY", "text": "See you at our shop."}]', now()
                )
                """
            )
            for body in ["See you at our shop.", "We wait for you at our shop."] {
                let desired = try desired(body)
                let plan = try await Planner(pool: fixture.pool, logger: TestDatabase.logger).plan(desired)
                let snapshot = try await Self.snapshot(fixture)
                let other = try snapshot.plan(desired)
                #expect(other.templates.map(\.action) == plan.templates.map(\.action) && !plan.templates.isEmpty)
                #expect(other.templates.map(\.warnings) == plan.templates.map(\.warnings))
                #expect(other.templates.map(\.differences) == plan.templates.map(\.differences))
                #expect(other.digest == plan.digest)
                #expect(other.accountRemarks.contains { $0.contains("what WhatsApp had at 2025-") })
            }
            // A snapshot of a version before knows nothing of WhatsApp.
            var fields = try await Self.snapshot(fixture).json.objectValue ?? [:]
            fields["whatsApp"] = nil
            let old = try StateSnapshot(json: .object(fields)).plan(first)
            #expect(old.templates.isEmpty)
            #expect(old.accountRemarks.contains { $0.hasPrefix("what WhatsApp holds is not known here") })
        }
    }

    @Test func unmanagedRowsAndAllTenantsAreIncluded() async throws {
        try await ReconcilerFixture.with { fixture in
            let two = ["acme/a.yaml": Samples.everything, "other/a.yaml": Samples.all]
            let desired = try ReconcilerFixture.desired(two)
            let plan = try await fixture.plan(desired)
            try await fixture.apply(plan, desired)
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"managedBy\" = NULL, \"sourceFile\" = NULL WHERE name = 'raw'"
            )
            try await Self.expectSame(fixture, desired, "both")
            try await Self.expectSame(fixture, try ReconcilerFixture.desired(two, tenants: ["other"]), "one tenant")
            try await Self.expectSame(
                fixture,
                try ReconcilerFixture.desired(["acme/a.yaml": Samples.everything]),
                "one is gone"
            )
            let renamed = Samples.everything.replacing("name: raw", with: "name: raw-2\nrenamedFrom: raw")
            try await Self.expectSame(fixture, try ReconcilerFixture.desired(["acme/a.yaml": renamed]), "a rename")
        }
    }

    @Test func safetyRulesHold() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            let snapshot = try await Self.snapshot(fixture)
            let nothing = try snapshot.plan(try ReconcilerFixture.desired([:]))
            #expect(SafetyRules().refusals(of: nothing).contains(.emptyCatalog(rows: Samples.everythingCount)))
            let kept = Samples.everything.replacing("\n---\n" + Samples.event, with: "")
            let identity = SpecIdentity(tenant: "acme", kind: .campaign, name: "event")
            let plan = try snapshot.plan(try ReconcilerFixture.desired(kept))
            #expect(SafetyRules().refusals(of: plan) == [.protectedDelete(identity)])
        }
    }

    @Test func anUnknownTenantIsNamed() async throws {
        try await ReconcilerFixture.with { fixture in
            let snapshot = try await Self.snapshot(fixture)
            let desired = try ReconcilerFixture.desired(["acme/a.yaml": Samples.all], tenants: ["acne"])
            let error = #expect(throws: ReconcileError.self) { try snapshot.plan(desired) }
            #expect(error.map { "\($0)" } == "unknown tenant `acne`; known tenants are `acme`")
        }
    }
}

struct SnapshotFormatTests {
    private static let whole: JSONValue = [
        "formatVersion": 1, "takenAt": 1, "database": "d", "baseHistoryId": 0, "managed": [], "unmanaged": [],
    ]

    private static func problem(_ json: JSONValue) -> String? {
        do {
            _ = try StateSnapshot(json: json)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func aWholeSnapshotIsRead() {
        #expect(Self.problem(Self.whole) == nil)
    }

    @Test(arguments: ["formatVersion", "takenAt", "database", "baseHistoryId", "managed", "unmanaged"])
    func aMissingOrWrongFieldIsNamed(field: String) {
        var fields = Self.whole.objectValue ?? [:]
        for value in [nil, JSONValue.string("x"), .null, .array([1])] {
            fields[field] = value
            guard !(field == "database" && value == "x") else { continue }
            let problem = Self.problem(.object(fields)) ?? ""
            #expect(problem.hasPrefix("this is not a snapshot: `\(field)"), "\(problem)")
            #expect(problem.hasSuffix("write one with `reconcile export --state FILE`"))
        }
    }

    @Test func wrongPartsOfWhatsAppAreNamed() {
        func problem(_ whatsApp: JSONValue) -> String? {
            var fields = Self.whole.objectValue ?? [:]
            fields["whatsApp"] = whatsApp
            return Self.problem(.object(fields))
        }
        #expect(problem(["accounts": [], "submissions": []]) == nil)
        #expect(problem([:])?.hasPrefix("this is not a snapshot: `whatsApp.accounts`") == true)
        let wrong = problem(["accounts": [], "submissions": [["name": "a"]]])
        #expect(wrong?.hasPrefix("this is not a snapshot: `whatsApp.submissions[0]`") == true)
    }

    @Test func anotherVersionSaysWhatToDo() {
        var fields = Self.whole.objectValue ?? [:]
        fields["formatVersion"] = 2
        #expect(
            Self.problem(.object(fields)) == "the snapshot has format version 2, this program reads 1; "
                + "write it again with this version of `reconcile export --state`"
        )
    }

    @Test func otherJSONIsRefused() {
        for json in [JSONValue.null, 1, "x", [], ["plan": [:]]] {
            #expect(Self.problem(json)?.hasPrefix("this is not a snapshot: `formatVersion`") == true)
        }
    }
}
