import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Files beside the specs are stored with the apply that names them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MediaApplyTests {
    /// A folder of specs with an image and a text.
    private struct Folder {
        let url = FileManager.default.temporaryDirectory.appending(path: "media-\(UUID().uuidString)")

        func write(_ path: String, _ bytes: some Sequence<UInt8>) throws {
            let target = url.appending(path: path)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: target)
        }

        var desired: DesiredState {
            get throws { try DesiredState(catalog: SpecCatalog.load(directory: url.path), root: url.path) }
        }
    }

    private static let specs = """
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        ---
        kind: Template
        name: spring
        whatsappName: spring
        language: en
        category: marketing
        header: { document: ./terms.txt }
        body: Our spring sale starts on Monday.
        languages: { fr: { body: Le printemps commence lundi. } }
        ---
        kind: Campaign
        name: one
        type: manual
        sender: main
        template: spring
        params: { header.link: ./terms.txt }
        audience: { conditions: [] }
        ---
        kind: Campaign
        name: french
        type: manual
        sender: main
        template: spring
        language: fr
        params: {}
        audience: { conditions: [] }
        ---
        kind: Campaign
        name: raw
        type: manual
        sender: main
        message: { type: document, document: { link: ./other.txt } }
        audience: { conditions: [{ field: lastSeen, operator: gt, value: -24h }] }
        """

    private static func with(_ body: (ReconcilerFixture, Folder) async throws -> Void) async throws {
        try await ReconcilerFixture.with { fixture in
            let folder = Folder()
            defer { try? FileManager.default.removeItem(at: folder.url) }
            try folder.write("acme/specs.yaml", specs.utf8)
            try folder.write("acme/terms.txt", "Terms\n".utf8)
            try folder.write("acme/other.txt", "Other\n".utf8)
            try await body(fixture, folder)
        }
    }

    @discardableResult
    private static func reach(_ folder: Folder, _ fixture: ReconcilerFixture) async throws -> [String] {
        let desired = try folder.desired
        let plan = try await fixture.plan(desired)
        try await fixture.apply(plan, desired)
        #expect(try await fixture.plan(desired).isEmpty)
        return ReconcilerFixture.lines(plan)
    }

    private static func stored(_ fixture: ReconcilerFixture) async throws -> [String: Bool] {
        let rows = try await fixture.pool.query(
            #"SELECT convert_from(bytes, 'UTF8'), "unusedSince" IS NULL FROM media"#
        )
        var stored: [String: Bool] = [:]
        for row in rows { stored[try row.decode(0)] = try row.decode(1) as Bool }
        return stored
    }

    @Test func aFileIsStoredOnceAndItsChangeIsAChange() async throws {
        try await Self.with { fixture, folder in
            try await Self.reach(folder, fixture)
            #expect(try await Self.stored(fixture) == ["Terms\n": true, "Other\n": true])
            try folder.write("acme/terms.txt", "New terms\n".utf8)
            let lines = try await Self.reach(folder, fixture)
            #expect(lines.contains { $0.hasPrefix("~ Template/spring header.document") }, "\(lines)")
            #expect(lines.contains { $0.hasPrefix("~ Campaign/one ") && $0.contains("params.header.link") }, "\(lines)")
            #expect(try await Self.stored(fixture) == ["Terms\n": false, "New terms\n": true, "Other\n": true])
            // Back again, it needs no second copy.
            try folder.write("acme/terms.txt", "Terms\n".utf8)
            try await Self.reach(folder, fixture)
            #expect(try await Self.stored(fixture) == ["Terms\n": true, "New terms\n": false, "Other\n": true])
        }
    }

    @Test func aFileThatChangesAfterThePlanStopsTheApply() async throws {
        try await Self.with { fixture, folder in
            let desired = try folder.desired
            let plan = try await fixture.plan(desired)
            try folder.write("acme/terms.txt", "Changed\n".utf8)
            await #expect(throws: MediaFile.Changed.self) { try await fixture.apply(plan, desired) }
            #expect(try await Self.stored(fixture).isEmpty)
        }
    }

    /// Files go 30 days after the last spec that named them, unless a campaign or a run still sends them.
    @Test func unusedFilesAreDeletedUnlessTheyAreSent() async throws {
        try await Self.with { fixture, folder in
            try await Self.reach(folder, fixture)
            try folder.write("acme/terms.txt", "New terms\n".utf8)
            try await Self.reach(folder, fixture)
            let media = MediaRepository(pool: fixture.pool)
            #expect(try await media.removeUnused() == 0)
            try await fixture.pool.execute(#"UPDATE media SET "unusedSince" = now() - interval '31 days'"#)
            #expect(try await media.removeUnused() == 1, "campaigns send the others")
            #expect(try await Self.stored(fixture).keys.sorted() == ["New terms\n", "Other\n"])
        }
    }

    @Test func anExportHasTheFilesAndGivesTheSameRows() async throws {
        try await Self.with { fixture, folder in
            try await Self.reach(folder, fixture)
            let exporter = Exporter(pool: fixture.pool, logger: TestDatabase.logger)
            let export = try await exporter.export(tenant: "acme")
            #expect(export.skipped == [] && export.outdated == [], "\(export)")
            #expect(export.media.count == 2)
            let copy = Folder()
            defer { try? FileManager.default.removeItem(at: copy.url) }
            for file in export.files { try copy.write(file.path, file.text.utf8) }
            for medium in export.media { try copy.write(medium.path, try #require(await exporter.bytes(of: medium))) }
            let plan = try await fixture.plan(try copy.desired)
            #expect(plan.isEmpty, "\(ReconcilerFixture.lines(plan))")
        }
    }

    /// The folder of the daemon notices a file that changes alone.
    @Test func theFingerprintHasTheFiles() async throws {
        let folder = Folder()
        defer { try? FileManager.default.removeItem(at: folder.url) }
        try folder.write("acme/specs.yaml", Self.specs.utf8)
        try folder.write("acme/terms.txt", "Terms\n".utf8)
        let specs = SpecsFolder(path: folder.url.path)
        let before = (await specs.fingerprint(), await specs.contentDigest())
        try folder.write("acme/terms.txt", "Other terms\n".utf8)
        #expect(await specs.fingerprint() != before.0)
        #expect(await specs.contentDigest() != before.1)
    }
}
