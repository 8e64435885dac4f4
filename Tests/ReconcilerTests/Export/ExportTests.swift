import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Rows are written as specs that change nothing.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ExportTests {
    private static func export(_ fixture: ReconcilerFixture, tenant: String = "acme") async throws -> Exporter.Export {
        try await Exporter(pool: fixture.pool, logger: TestDatabase.logger).export(tenant: tenant)
    }

    private static func desired(_ export: Exporter.Export) throws -> DesiredState {
        try ReconcilerFixture.desired(Dictionary(uniqueKeysWithValues: export.files.map { ($0.path, $0.text) }))
    }

    private static func diagnostics(_ export: Exporter.Export) -> [Diagnostic] {
        let files = export.files.map {
            SpecCatalog.SourceFile(path: "campaigns/\($0.path)", tenant: "acme", bytes: Array($0.text.utf8))
        }
        return SpecCatalog.load(files: files, now: ReconcilerFixture.now).diagnostics
    }

    /// Makes all managed rows unmanaged, as if the API had created them.
    private static func disown(_ fixture: ReconcilerFixture) async throws {
        for table in [
            "tenants", "accounts", "senders", "templates", "audiences", "campaigns", "campaign_schedules",
            "campaign_triggers",
        ] {
            try await fixture.pool.execute(
                "UPDATE \(identifier: table) SET \"managedBy\" = NULL, \"sourceFile\" = NULL"
            )
        }
    }

    @Test func specsOfManagedRowsChangeNothing() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            let export = try await Self.export(fixture)
            #expect(export.files.map(\.path) == ["acme/specs.yaml"] && export.skipped.isEmpty)
            #expect(Self.diagnostics(export).filter { $0.severity == .error } == [])
            let plan = try await fixture.plan(try Self.desired(export))
            #expect(ReconcilerFixture.lines(plan) == [])
        }
    }

    @Test(arguments: 21...26 as ClosedRange<UInt64>)
    func specsOfRandomRowsChangeNothing(seed: UInt64) async throws {
        try await ReconcilerFixture.with { fixture in
            var specs = RandomSpecs(seed: seed)
            for step in 1...5 {
                let desired = try ReconcilerFixture.desired(specs.text)
                let plan = try await fixture.plan(desired)
                var rules = ReconcilerFixture.lax(for: plan)
                rules.allowedDeletes = Set(plan.changes.filter { $0.action == .delete }.map(\.identity))
                try await fixture.apply(plan, desired, rules: rules)
                let again = try await fixture.plan(try Self.desired(try await Self.export(fixture)))
                #expect(ReconcilerFixture.lines(again) == [], "seed \(seed), step \(step)")
                specs.step()
            }
        }
    }

    @Test func unmanagedRowsAreAdoptedUnchanged() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            try await Self.disown(fixture)
            let export = try await Self.export(fixture)
            #expect(export.files.map(\.path) == ["acme/unmanaged.yaml"])
            let desired = try Self.desired(export)
            let plan = try await fixture.plan(desired)
            #expect(plan.changes.count == Samples.everythingCount)
            for change in plan.changes {
                #expect(change.isAdoption && change.differences.isEmpty, "\(change.identity): \(change.differences)")
            }
            try await fixture.apply(plan, desired, rules: SafetyRules(adoptsAll: true))
            #expect(try await fixture.plan(desired).isEmpty)
        }
    }

    @Test func textsOfAllKindsAreReadBackUnchanged() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let bodies = [
                "no", "~", "0x1F", "2024-01-01", "a: b", "- x", "# x", "x # y", "{{1}}", "'", "\"", "\\", "a\nb",
                "a\n\nb\n",
                "  a\n b", "a \nb", "\n", "tab\there", "nbsp\u{A0}", "zero\u{200B}width", "bidi\u{202E}", "😀 é ü", "@x",
                "%x",
                "${price}", "$${x", "a ${b} $${c} $$${d ${", "$", "$$", "|", ">", "!x", "&x", "*x", "?", "trailing ",
                " leading", "---", "...", "a\u{85}b", "a\u{2028}b",
                "\u{FEFF}",
                String(repeating: "long ", count: 180) + "end",
            ]
            for (index, body) in bodies.enumerated() {
                try await fixture.pool.execute(
                    """
                    INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body)
                    VALUES ('acme', \("text-\(index)"), \("text_\(index)"), 'en', 'utility', \(body))
                    """
                )
            }
            let export = try await Self.export(fixture)
            #expect(export.skipped.isEmpty, "\(export.skipped)")
            let files = export.files.map {
                SpecCatalog.SourceFile(path: "campaigns/\($0.path)", tenant: "acme", bytes: Array($0.text.utf8))
            }
            let catalog = SpecCatalog.load(files: files, now: ReconcilerFixture.now)
            // An exported file has no scalar that another YAML reader could read differently.
            #expect(!catalog.diagnostics.contains { $0.code == .ambiguousScalar || $0.code == .syntax })
            for (index, body) in bodies.enumerated() {
                let spec = catalog.spec(TemplateSpec.self, tenant: "acme", name: "text-\(index)")
                guard let spec else { continue }
                #expect(spec.value.body == body, "text-\(index)")
            }
            let missing = bodies.indices.filter {
                catalog.spec(TemplateSpec.self, tenant: "acme", name: "text-\($0)") == nil
            }
            // The export leaves out only bodies that no template may have.
            #expect(missing.allSatisfy { bodies[$0].allSatisfy(\.isWhitespace) || bodies[$0] == "{{1}}" }, "\(missing)")
        }
    }

    @Test func aRowThatCannotBeASpecIsReported() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body)
                VALUES ('acme', 'Not A Slug', 'x', 'en', 'utility', 'Hello')
                """
            )
            let export = try await Self.export(fixture)
            #expect(export.files.isEmpty)
            #expect(
                export.skipped.count == 1 && export.skipped[0].contains("the name `Not A Slug`, which is not a slug")
            )
            #expect(try await Self.export(fixture, tenant: "nobody").files.isEmpty)
        }
    }
}

struct ExportPathTests {
    @Test(arguments: ["acme/specs.yaml", "acme/a/b/c.yml", "acme/é.yaml"])
    func specsAreWrittenIntoATenantsFolder(path: String) {
        #expect(ExportPath.isInside(path))
    }

    @Test(arguments: [
        "../evil.yaml", "acme/../../evil.yaml", "acme/../other/x.yaml", "/etc/x.yaml", "x.yaml", "acme//x.yaml", "",
        "acme/.hidden.yaml", "acme/.git/x.yaml", "acme/x.sh", "acme/", "acme/x\0.yaml", "../root-evil/x.yaml",
        "./x.yaml",
    ])
    func otherPathsAreRefused(path: String) {
        #expect(!ExportPath.isInside(path))
    }
}
