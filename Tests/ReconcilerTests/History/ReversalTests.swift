import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// The changes of an entry of the history, and the edits that take it back.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ReversalTests {
    /// A folder of specs, as texts by their paths below it.
    private struct Folder {
        var files: [String: String]

        /// Applies the folder.
        ///
        /// - Returns: The entry of the history.
        func apply(_ fixture: ReconcilerFixture) async throws -> HistoryEntry {
            let desired = try ReconcilerFixture.desired(files)
            let plan = try await fixture.plan(desired)
            let id = try #require(try await fixture.apply(plan, desired, rules: ReversalTests.rules(plan)))
            return try #require(try await HistoryEntry.read(id, pool: fixture.pool))
        }

        func reversal(of entry: HistoryEntry) throws -> SpecReversal {
            let sources = files.map { path, text in
                SpecCatalog.SourceFile(
                    path: "campaigns/\(path)",
                    tenant: String(path.prefix { $0 != "/" }),
                    bytes: Array(text.utf8)
                )
            }
            let catalog = SpecCatalog.load(files: sources)
            return try SpecReversal(of: entry, in: catalog, root: "campaigns") { files[$0] }
        }

        mutating func revert(_ entry: HistoryEntry) throws -> SpecReversal {
            let reversal = try reversal(of: entry)
            for edit in reversal.edits { files[edit.path] = edit.after }
            return reversal
        }
    }

    private static func rules(_ plan: Plan) -> SafetyRules {
        var rules = ReconcilerFixture.lax(for: plan)
        rules.adoptsAll = true
        return rules
    }

    private static let start = Folder(files: [
        "acme/main.yaml": "# The number of the shop.\n" + Samples.sender + "\n---\n" + Samples.template + "\n",
        "acme/people.yaml": "---\n" + Samples.audience + "\n---\n# Sent by hand.\n" + Samples.campaign + "\n",
        "acme/raw.yaml": Samples.raw + "\n",
    ])

    /// Checks that a reverted folder leads back to the contents before the entry.
    private func check(
        _ fixture: ReconcilerFixture,
        _ edit: (inout Folder) -> Void
    ) async throws -> (folder: Folder, entry: HistoryEntry) {
        _ = try await Self.start.apply(fixture)
        let before = try await contents(fixture)
        var folder = Self.start
        edit(&folder)
        let entry = try await folder.apply(fixture)
        #expect(try await contents(fixture) != before)
        let reversal = try folder.revert(entry)
        #expect(reversal.conflicts.isEmpty && !reversal.edits.isEmpty)
        // A second call finds nothing to do.
        #expect(try folder.reversal(of: entry).edits.isEmpty)
        _ = try await folder.apply(fixture)
        #expect(try await contents(fixture) == before)
        return (folder, entry)
    }

    private func contents(_ fixture: ReconcilerFixture) async throws -> [String: JSONValue] {
        let rows = try await fixture.pool.transaction { connection in
            var rows: [ManagedRow] = []
            for kind in SpecKind.allCases {
                rows += try await ManagedRepository(kind: kind).rows(tenants: nil, on: connection)
            }
            return rows
        }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.identity.description, $0.content) })
    }

    @Test func anUpdateOfASharedAudienceIsTakenBack() async throws {
        try await ReconcilerFixture.with { fixture in
            let (folder, entry) = try await check(fixture) { folder in
                folder.files["acme/people.yaml"]?.replace("[vip, gold]", with: "[vip, silver]")
            }
            #expect(entry.changes.count == 2 && entry.changes.last?.isInherited == true)
            // The campaign, which only inherits the change, keeps its comment and its text.
            #expect(folder.files["acme/people.yaml"]?.contains("# Sent by hand.\n" + Samples.campaign) == true)
            #expect(PlanTextRenderer().text(entry).contains("inherited by 1 campaign"))
            #expect(PlanTextRenderer().text(entry).contains("conditions[tags contains_any].value: + silver"))
        }
    }

    @Test func createsAndDeletesAreTakenBack() async throws {
        try await ReconcilerFixture.with { fixture in
            let (folder, _) = try await check(fixture) { folder in
                folder.files["acme/raw.yaml"] = nil
                folder.files["acme/new.yaml"] = Samples.event.replacing("protect: true", with: "protect: false") + "\n"
            }
            #expect(folder.files["acme/new.yaml"] == nil && folder.files["acme/raw.yaml"] != nil)
            #expect(folder.files["acme/main.yaml"] == Self.start.files["acme/main.yaml"])
        }
    }

    @Test func movesAndFirstDocumentsAreTakenBack() async throws {
        try await ReconcilerFixture.with { fixture in
            let (folder, _) = try await check(fixture) { folder in
                folder.files["acme/main.yaml"] = "# The number of the shop.\n" + Samples.template + "\n"
                folder.files["acme/sender.yaml"] = Samples.sender + "\nratePerSecond: 20\n"
            }
            #expect(folder.files["acme/sender.yaml"] == nil)
            #expect(folder.files["acme/main.yaml"]?.hasPrefix("# The number of the shop.\n") == true)
        }
    }

    @Test func aMoveAloneIsTakenBack() async throws {
        try await ReconcilerFixture.with { fixture in
            let (folder, _) = try await check(fixture) { folder in
                folder.files["acme/other.yaml"] = folder.files.removeValue(forKey: "acme/raw.yaml")
            }
            #expect(folder.files["acme/other.yaml"] == nil && folder.files["acme/raw.yaml"] != nil)
        }
    }

    /// The row keeps its identity: the old name says what it was renamed from.
    @Test func aRenameIsTakenBack() async throws {
        try await ReconcilerFixture.with { fixture in
            _ = try await Self.start.apply(fixture)
            let id = try await fixture.pool.query("SELECT id::text FROM campaigns WHERE name = 'raw'")[0]
                .decode(0, as: String.self)
            var folder = Self.start
            folder.files["acme/raw.yaml"]?.replace("name: raw\n", with: "name: rough\nrenamedFrom: raw\n")
            let entry = try await folder.apply(fixture)
            _ = try folder.revert(entry)
            #expect(folder.files["acme/raw.yaml"]?.contains("name: raw\n") == true)
            _ = try await folder.apply(fixture)
            let now = try await fixture.pool.query("SELECT id::text FROM campaigns WHERE name = 'raw'")[0]
                .decode(0, as: String.self)
            #expect(id == now)
        }
    }

    @Test func specsThatWereChangedSinceAreConflicts() async throws {
        try await ReconcilerFixture.with { fixture in
            _ = try await Self.start.apply(fixture)
            var folder = Self.start
            folder.files["acme/main.yaml"]?.replace("body: \"Hi {{1}}, look here.\"", with: "body: \"Hello {{1}}.\"")
            folder.files["acme/raw.yaml"] = nil
            let entry = try await folder.apply(fixture)
            folder.files["acme/main.yaml"]?.replace("footer: Bye", with: "footer: See you")
            let reversal = try folder.reversal(of: entry)
            #expect(reversal.conflicts == ["acme/Template/offer differs from that entry in `footer`"])
            folder.files["acme/main.yaml"] = Samples.sender + "\n"
            folder.files["acme/people.yaml"] = Samples.audience + "\n"
            #expect(try folder.reversal(of: entry).conflicts == ["acme/Template/offer does not exist any more"])
            #expect(try await HistoryEntry.read(999, pool: fixture.pool) == nil)
        }
    }
}

extension String {
    fileprivate mutating func replace(_ text: String, with other: String) {
        precondition(contains(text), "the text to replace is missing")
        self = replacing(text, with: other)
    }
}

/// Patches are those that `patch` and `git apply` take.
struct UnifiedPatchTests {
    @Test func patchesLeadFromOneTextToTheOther() async throws {
        let texts: [String?] = [
            nil, "a\n", "a\nb\n", "b\n", (1...40).map { "line \($0)\n" }.joined(), "a\nb",
            (1...40).map { $0 == 3 || $0 == 9 || $0 == 30 ? "other \($0)\n" : "line \($0)\n" }.joined(),
            (1...41).map { "line \($0)\n" }.joined() + "end", "\u{E9}\n", "e\u{301}\n", "a\r\nb\r\n",
        ]
        let folder = FileManager.default.temporaryDirectory.appending(path: "patch-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for before in texts {
            for after in texts {
                let patch = UnifiedPatch.text(path: "x.yaml", from: before, to: after)
                let file = folder.appending(path: "x.yaml")
                guard before.map({ ExactText($0) }) != after.map({ ExactText($0) }) else { continue }
                try before.map { try $0.write(to: file, atomically: true, encoding: .utf8) }
                try patch.write(to: folder.appending(path: "p"), atomically: true, encoding: .utf8)
                let process = Process()
                process.executableURL = URL(filePath: "/usr/bin/git")
                process.arguments = ["apply", "--unsafe-paths", "--whitespace=nowarn", "p"]
                process.currentDirectoryURL = folder
                try process.run()
                process.waitUntilExit()
                #expect(process.terminationStatus == 0, "\(patch)")
                let exists = FileManager.default.fileExists(atPath: file.path)
                let result = exists ? try String(contentsOf: file, encoding: .utf8) : nil
                #expect(result.map { ExactText($0) } == after.map { ExactText($0) }, "\(patch)")
                if exists { try FileManager.default.removeItem(at: file) }
            }
        }
    }
}
