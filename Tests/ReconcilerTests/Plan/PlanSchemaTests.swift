import Foundation
import JSON
import JSONSchema
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Plans match `docs/plan.schema.json`.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct PlanSchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func definition(_ name: String) throws -> SchemaValidator {
        let data = try Data(contentsOf: root.appending(path: "docs/plan.schema.json"))
        var schema = try JSONValue(parsing: data).objectValue ?? [:]
        schema["allOf"] = [["$ref": .string("#/definitions/\(name)")]]
        return SchemaValidator(.object(schema))
    }

    /// Checks a plan, and returns its JSON.
    @discardableResult
    private func check(_ plan: Plan) throws -> JSONValue {
        let json = try JSONValue(parsing: plan.json.canonicalText)
        let failures = try Self.definition("Plan").failures(of: json)
        #expect(failures.isEmpty, "\(failures)")
        return json
    }

    @Test func createsUpdatesAndDeletesFit() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(20, inWindow: 5)
            let creates = try check(try await fixture.plan(Samples.everything))
            let changes = creates["changes"]?.arrayValue ?? []
            #expect(changes.contains { $0["impact"] != nil } && changes.contains { $0["fireTimes"] != nil })
            try await fixture.reach(Samples.everything)
            let changed = Samples.everything.replacing("0 9 * * MON", with: "0 9 * * TUE")
                .replacing("title: Hello there", with: "title: T")
                .replacing("\n---\n" + Samples.raw, with: "")
            try await fixture.pool.execute("UPDATE templates SET header = 'Edited'")
            let counts = try check(try await fixture.plan(changed))["counts"]
            #expect(counts?["update"] != 0 && counts?["delete"] == 1)
            let empty = try check(try await fixture.plan(Samples.everything))
            #expect(empty["changes"] != nil)
        }
    }

    /// Webhooks told of a stopped template, another category, and a lower limit.
    @Test func factsOfWhatsAppAreShownAndFit() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(400, inWindow: 0)
            try await fixture.reach(Samples.all)
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = 'WABA-1'")
            try await fixture.pool.execute(
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, reason, "statusAt", category)
                VALUES ('WABA-1', 'offer', 'en', 'PAUSED', 'FIRST_PAUSE', '2026-11-29T08:00:00Z', 'utility'),
                    ('WABA-1', 'unused', 'en', 'DISABLED', NULL, now(), NULL)
                """
            )
            var report = InboundReport()
            report.facts = [AccountFact(businessAccountID: "WABA-1", at: Date(), .messagingLimit(250))]
            try await InboundRepository(pool: fixture.pool).apply(report)
            let same = try await fixture.plan(Samples.all)
            #expect(same.isEmpty)
            #expect(
                same.accountRemarks == [
                    "at WhatsApp, acme/Template/offer (en) of sender `main` is PAUSED since 2026-11-29T08:00:00Z (FIRST_PAUSE); "
                        + "it is utility, not marketing: correct its spec"
                ]
            )
            #expect(PlanTextRenderer().text(same).contains("note: at WhatsApp, acme/Template/offer (en)"))
            #expect(PlanMarkdownRenderer().text(same).contains("acme/Template/offer"))
            let plan = try await fixture.plan(Samples.all.replacing("title: Hello there", with: "title: T"))
            let json = try check(plan)
            #expect(json["accountRemarks"]?.arrayValue?.count == 1)
            let impact = json["changes"]?.arrayValue?.compactMap { $0["impact"] }.first
            #expect(impact?["dailyLimit"] == 250 && impact?["isLimitedByWhatsApp"] == true, "\(impact ?? .null)")
            #expect(PlanTextRenderer().text(plan).contains("of 250 in 24 h, the limit of WhatsApp"))
        }
    }

    @Test func templatesAtWhatsAppFit() async throws {
        try await ReconcilerFixture.with { fixture in
            let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:TOKEN"
            let template = Samples.template + "\nexamples: { \"1\": Ann, button.1: x }"
            let text = [account, Samples.sender, template].joined(separator: "\n---\n")
            let created = try check(try await fixture.plan(text))["templates"]?[0]
            #expect(created?["action"] == "create" && created?["id"] == "acme/Template/offer", "\(created ?? .null)")
            try await fixture.reach(text)
            try await fixture.pool.execute(
                """
                INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptFrom", "sweptAt")
                SELECT id, "wabaId", now(), now() FROM accounts
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, components, "readAt")
                VALUES ('1022', 'offer', 'en', 'REJECTED', '[{"type": "BODY", "text": "By hand"}]', now())
                """
            )
            try await fixture.pool.execute(
                "UPDATE template_submissions SET status = 'done', \"settledAt\" = '2020-01-01'"
            )
            let edited = try check(try await fixture.plan(text))["templates"]?[0]
            #expect(edited?["action"] == "edit" && edited?["isDrift"] == true)
            #expect((edited?["differences"]?.arrayValue?.count ?? 0) > 1, "\(edited ?? .null)")
            #expect(edited?["warnings"] != [])
        }
    }

    @Test func adoptionsAndRefusalsFit() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns (id, "tenantId", name, type, "messageTemplate")
                VALUES (\(UUID()), 'acme', 'hello', 'manual', '{}')
                """
            )
            let plan = try await fixture.plan(Samples.all)
            let json = try check(plan)
            #expect(json["changes"]?.arrayValue?.contains { $0["isAdoption"] == true } == true)
            let refusals = SafetyRules().refusals(of: plan)
            #expect(!refusals.isEmpty)
            let report = Self.report(plan, refusals)
            #expect(try Self.definition("Report").failures(of: report).isEmpty)
        }
    }

    @Test func anAlteredPlanDoesNotFit() async throws {
        try await ReconcilerFixture.with { fixture in
            let json = try await fixture.plan(Samples.all).json
            let validator = try Self.definition("Plan")
            #expect(validator.isValid(json))
            for path in json.paths where path.count == 1 {
                #expect(!validator.isValid(json.replacing(path, with: nil)), "\(path)")
            }
            #expect(!validator.isValid(json.replacing([.key("changes"), .index(0), .key("action")], with: "replace")))
        }
    }

    private static func report(_ plan: Plan, _ refusals: [SafetyRefusal]) -> JSONValue {
        var fields = plan.json.objectValue ?? [:]
        fields["refusals"] = .array(refusals.map(\.json))
        fields["outcome"] = "refused"
        fields["isApplied"] = false
        fields["diagnostics"] = []
        return .object(fields)
    }
}
