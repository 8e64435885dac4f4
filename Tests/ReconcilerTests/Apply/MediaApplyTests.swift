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

    /// People know a file by its path, which errors name.
    @Test func thePathOfAFileIsStoredWithIt() async throws {
        try await Self.with { fixture, folder in
            func paths() async throws -> [String] {
                let rows = try await fixture.pool.query(
                    #"SELECT path FROM media WHERE "unusedSince" IS NULL ORDER BY path"#
                )
                return try rows.map { try $0.decode(0, as: String?.self) ?? "none" }
            }
            try await Self.reach(folder, fixture)
            #expect(try await paths() == ["acme/other.txt", "acme/terms.txt"])
            // The path follows with the next apply that changes something.
            try folder.write("acme/files/terms.txt", "Terms\n".utf8)
            let moved = Self.specs.replacing("./terms.txt", with: "./files/terms.txt")
            try folder.write("acme/specs.yaml", moved.replacing("24h", with: "48h").utf8)
            try await Self.reach(folder, fixture)
            #expect(try await paths() == ["acme/files/terms.txt", "acme/other.txt"])
        }
    }

    /// The same bytes under another ending are uploaded again, as what they are.
    @Test func aNewEndingCorrectsTheType() async throws {
        try await Self.with { fixture, folder in
            let office: [UInt8] = [0x50, 0x4B, 3, 4, 0, 0]
            func name(_ ending: String) throws {
                try folder.write("acme/terms.\(ending)", office)
                let specs = Self.specs.replacing("./terms.txt", with: "./terms.\(ending)")
                try folder.write("acme/specs.yaml", specs.utf8)
            }
            func types() async throws -> [String] {
                let rows = try await fixture.pool.query(#"SELECT type FROM media WHERE "unusedSince" IS NULL"#)
                return try rows.map { try $0.decode(0, as: String.self) }
            }
            try name("xlsx")
            try await Self.reach(folder, fixture)
            #expect(try await types().contains { $0.hasSuffix(".sheet") })
            try await fixture.pool.execute(
                """
                INSERT INTO media_uploads ("tenantId", digest, "phoneNumberId", "mediaId", "uploadedAt")
                SELECT "tenantId", digest, '1001', '4711', now() FROM media
                """
            )
            try name("docx")
            try await Self.reach(folder, fixture)
            #expect(try await types().contains { $0.hasSuffix(".document") })
            #expect(try await !types().contains { $0.hasSuffix(".sheet") })
            let rows = try await fixture.pool.query(
                #"SELECT m.type FROM media m JOIN media_uploads u USING ("tenantId", digest) WHERE u."mediaId" IS NULL"#
            )
            let again = try rows.map { try $0.decode(0, as: String.self) }
            #expect(again.count == 1 && again[0].hasSuffix(".document"), "\(again)")
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

    /// Specs that are taken back name the files that are there by their paths, and the others as an export does.
    @Test func aRevertedSpecNamesItsFiles() async throws {
        try await Self.with { fixture, folder in
            try await Self.reach(folder, fixture)
            let before = try folder.desired
            try folder.write("acme/terms.txt", "New terms\n".utf8)
            // This one stays in the folder under another path.
            try folder.write("acme/texts/same.txt", "Other\n".utf8)
            try folder.write("acme/other.txt", "Another\n".utf8)
            let changed = try folder.desired
            let plan = try await fixture.plan(changed)
            let id = try #require(try await fixture.apply(plan, changed))
            let entry = try #require(try await HistoryEntry.read(id, pool: fixture.pool))
            #expect(entry.tenants == ["acme"])
            let media = MediaRepository(pool: fixture.pool)
            let types = try await media.types(ofTenants: ["acme"])
            #expect(types.count == 4 && Set(types.values) == ["text/plain"])
            // The file of the raw message is found only if a spec names it.
            try folder.write(
                "acme/second.yaml",
                """
                kind: Campaign
                name: second
                type: manual
                sender: main
                message: { type: document, document: { link: ./texts/same.txt } }
                audience: { conditions: [] }
                """.utf8
            )
            let catalog = SpecCatalog.load(directory: folder.url.path)
            let reversal = try SpecReversal(of: entry, in: catalog, root: folder.url.path, types: types) { path in
                try String(contentsOf: folder.url.appending(path: path), encoding: .utf8)
            }
            let text = try #require(reversal.edits.first?.after)
            #expect(!text.contains("sha256:") && text.contains("./texts/same.txt"), "\(text)")
            let medium = try #require(reversal.media.first)
            #expect(reversal.media.count == 1 && medium.path.hasPrefix("acme/media/") && medium.path.hasSuffix(".txt"))
            for edit in reversal.edits { try folder.write(edit.path, (edit.after ?? "").utf8) }
            try folder.write(medium.path, try #require(try await media.bytes(of: medium.key)).bytes)
            let after = try folder.desired
            for identity in before.items.keys {
                #expect(after.items[identity]?.content == before.items[identity]?.content, "\(identity)")
            }
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
