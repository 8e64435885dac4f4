import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Templates that were accepted under older, looser rules.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct OldTemplateTests {
    private static let mended = """
        kind: Template
        name: offer
        whatsappName: offer
        language: en
        category: marketing
        body: Hi
        buttons: [{ type: phone, text: Call, phoneNumber: "+254700100200" }]
        """

    /// Changes the row to the form that an earlier version wrote.
    private static func age(_ fixture: ReconcilerFixture) async throws {
        try await fixture.reach(mended)
        try await fixture.pool.execute(
            """
            UPDATE templates SET buttons = '[{"type": "phone", "text": "Call", "phoneNumber": "the shop"}]'
            """
        )
    }

    @Test func aSpecRepairsTheRow() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.age(fixture)
            let snapshot = try await StateSnapshot.take(pool: fixture.pool, logger: TestDatabase.logger)
            let desired = try ReconcilerFixture.desired(Self.mended)
            let read = try StateSnapshot(json: snapshot.json).plan(desired)
            #expect(ReconcilerFixture.lines(read) == ["~ Template/offer buttons[phone Call].phoneNumber"])
            #expect(ReconcilerFixture.lines(try await fixture.reach(Self.mended)) == ReconcilerFixture.lines(read))
        }
    }

    @Test func aSpecMayNotHaveIt() throws {
        #expect(throws: ReconcileError.self) {
            try ReconcilerFixture.desired(Self.mended.replacing("+254700100200", with: "the shop"))
        }
    }

    /// An export without it would lack a template of campaigns, and applying that export would delete it.
    @Test func itIsExportedUnchanged() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.age(fixture)
            let export = try await Exporter(pool: fixture.pool, logger: TestDatabase.logger).export(tenant: "acme")
            #expect(export.files.map(\.path) == ["acme/specs.yaml"], "\(export)")
            let text = try #require(export.files.first?.text)
            #expect(text.contains("phoneNumber: the shop"), "\(text)")
            #expect(export.skipped == [])
            #expect(export.outdated.count == 1, "\(export.outdated)")
            #expect(export.outdated.first?.contains("acme/Template/offer") == true, "\(export.outdated)")
            #expect(export.outdated.first?.contains("`the shop` is not a phone number") == true, "\(export.outdated)")
        }
    }
}
