import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Applying a folder repeatedly and unattended.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ReconciliationTests {
    /// A folder of specs of `acme`, removed afterwards.
    private static func withFolder(_ body: (SpecsFolder) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "loop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root.appending(path: "acme"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }  // A leftover in the temporary folder does no harm.
        try await body(SpecsFolder(path: root.path))
    }

    private static func write(_ text: String, _ folder: SpecsFolder, _ file: String = "acme/specs.yaml") throws {
        try text.write(toFile: "\(folder.path)/\(file)", atomically: true, encoding: .utf8)
    }

    private static func reconciliation(_ folder: SpecsFolder, _ fixture: ReconcilerFixture) -> Reconciliation {
        Reconciliation(
            folder: folder,
            pool: fixture.pool,
            actor: "loop",
            toolVersion: "test",
            logger: TestDatabase.logger
        )
    }

    /// `applied 13`, `upToDate`, `busy`, `failed new`, `failed again`.
    private static func word(_ outcome: Reconciliation.Outcome) -> String {
        switch outcome {
        case .applied(let plan, _): "applied \(plan.changes.count)"
        case .upToDate: "upToDate"
        case .busy: "busy"
        case .failed(_, let isNew): isNew ? "failed new" : "failed again"
        }
    }

    @Test func appliesReportsOnceAndHeals() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                let loop = Self.reconciliation(folder, fixture)
                func attempt() async -> String { Self.word(await loop.attempt(commit: nil)) }
                try Self.write(Samples.everything, folder)
                #expect(await attempt() == "applied \(Samples.everythingCount)")
                #expect(await attempt() == "upToDate")
                let before = try await fixture.fingerprint()
                try Self.write(Samples.everything.replacing("type: manual", with: "type: manuel"), folder)
                #expect(await attempt() == "failed new")
                #expect(await attempt() == "failed again")
                #expect(try await fixture.fingerprint() == before)
                try Self.write(Samples.everything.replacing("title: Hello there", with: "title: T"), folder)
                #expect(await attempt() == "applied 1")
                let attempts = try await AttemptRepository(pool: fixture.pool).list(limit: 10)
                #expect(attempts.map(\.count) == [2] && attempts.map(\.outcome) == ["invalid"])
                #expect(attempts.first?.reason.hasPrefix("acme/specs.yaml:") == true, "\(attempts)")
            }
        }
    }

    /// Valid specs may be new, or the ones that were applied before, as after a `git revert`.
    @Test(arguments: [("title: T", "applied 1"), ("title: Hello there", "upToDate")])
    func theSameBreakageIsReportedAgainAfterItWasHealed(title: String, healing: String) async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                let loop = Self.reconciliation(folder, fixture)
                func attempt(_ text: String) async throws -> String {
                    try Self.write(text, folder)
                    return Self.word(await loop.attempt(commit: nil))
                }
                let good = Samples.everything
                let broken = good.replacing("type: manual", with: "type: manuel")
                _ = try await attempt(good)
                #expect(try await attempt(broken) == "failed new")
                #expect(try await attempt(broken) == "failed again")
                #expect(try await attempt(good.replacing("title: Hello there", with: title)) == healing)
                let healed = try await AttemptRepository(pool: fixture.pool).list(limit: 10)
                #expect(healed.map { $0.healedAt != nil } == [true])
                #expect(try await attempt(broken) == "failed new")
                // This also holds for a daemon that has just started.
                #expect(Self.word(await Self.reconciliation(folder, fixture).attempt(commit: nil)) == "failed again")
                let attempts = try await AttemptRepository(pool: fixture.pool).list(limit: 10)
                #expect(attempts.map(\.count) == [2] && attempts.map(\.healedAt) == [nil])
            }
        }
    }

    @Test func aDaemonThatStillHasTheBrokenCommitDoesNotRepeatItself() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { behind in
                try await Self.withFolder { ahead in
                    try Self.write("kind: Sendr\n", behind)
                    try Self.write(Samples.everything, ahead)
                    let late = Self.reconciliation(behind, fixture)
                    #expect(Self.word(await late.attempt(commit: nil)) == "failed new")
                    for expected in ["applied \(Samples.everythingCount)", "upToDate"] {
                        let early = await Self.reconciliation(ahead, fixture).attempt(commit: nil)
                        #expect(Self.word(early) == expected)
                        #expect(Self.word(await late.attempt(commit: nil)) == "failed again")
                    }
                }
            }
        }
    }

    @Test func twoDaemonsWithCopiesOfTheirOwnReportOnce() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { first in
                try await Self.withFolder { second in
                    for folder in [first, second] { try Self.write("kind: Sendr\n", folder) }
                    let one = await Self.reconciliation(first, fixture).attempt(commit: nil)
                    let two = await Self.reconciliation(second, fixture).attempt(commit: nil)
                    #expect([Self.word(one), Self.word(two)] == ["failed new", "failed again"])
                    // A different mistake is reported again.
                    try Self.write("kind: Sendre\n", second)
                    let other = await Self.reconciliation(second, fixture).attempt(commit: nil)
                    #expect(Self.word(other) == "failed new")
                }
            }
        }
    }

    @Test func safetyRulesHoldInTheLoop() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                let loop = Self.reconciliation(folder, fixture)
                try Self.write(Samples.everything, folder)
                _ = await loop.attempt(commit: nil)
                let before = try await fixture.fingerprint()
                func expectRefused(_ text: String, _ reason: String) async throws {
                    try Self.write(text, folder)
                    guard case .failed(let why, true) = await loop.attempt(commit: nil) else {
                        Issue.record("\(reason): not refused")
                        return
                    }
                    #expect(why.contains(reason), "\(why)")
                    #expect(try await fixture.fingerprint() == before)
                }
                try await expectRefused("", "there are no specs")
                try await expectRefused(Samples.sender, "more than 30 %")
                let kept = Samples.everything.replacing("\n---\n" + Samples.event, with: "")
                try await expectRefused(kept, "acme/Campaign/event is protected")
            }
        }
    }

    @Test func anEditByHandIsReverted() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                let loop = Self.reconciliation(folder, fixture)
                try Self.write(Samples.everything, folder)
                _ = await loop.attempt(commit: nil)
                try await fixture.pool.execute("UPDATE senders SET \"ratePerSecond\" = 1")
                #expect(Self.word(await loop.attempt(commit: nil)) == "applied 1")
                #expect(try await fixture.count("SELECT max(\"ratePerSecond\") FROM senders") == 80)
            }
        }
    }

    @Test func anotherReconcileIsWaitedFor() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                try Self.write(Samples.everything, folder)
                let holder = try await PostgresConnection.connect(fixture.configuration)
                try await holder.execute("SELECT pg_advisory_lock(\(ReconcileLock.key))")
                let loop = Self.reconciliation(folder, fixture)
                #expect(Self.word(await loop.attempt(commit: nil)) == "busy")
                await holder.close()
                try await eventually("the lock is free") {
                    Self.word(await loop.attempt(commit: nil)) == "applied \(Samples.everythingCount)"
                }
                #expect(try await AttemptRepository(pool: fixture.pool).list(limit: 10).isEmpty)
            }
        }
    }

    @Test func aCommitThatDiffersFromTheFilesIsTriedAgain() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                try Self.write(Samples.everything, folder)
                #expect(Self.word(await Self.reconciliation(folder, fixture).attempt(commit: "c0ffee")) == "busy")
            }
        }
    }

    @Test func anUnreachableDatabaseIsAFailure() async throws {
        try await ReconcilerFixture.with(isMigrated: false) { fixture in
            try await Self.withFolder { folder in
                try Self.write(Samples.everything, folder)
                let outcome = await Self.reconciliation(folder, fixture).attempt(commit: nil)
                guard case .failed(let reason, _) = outcome else {
                    Issue.record("an empty database takes no specs")
                    return
                }
                #expect(reason.contains("campaignd migrate"), "\(reason)")
            }
        }
    }

    @Test func anEntryThatCannotBeReadPausesAndDeletesNothing() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { folder in
                let loop = Self.reconciliation(folder, fixture)
                func attempt() async -> String { Self.word(await loop.attempt(commit: nil)) }
                let file = "\(folder.path)/acme/specs.yaml"
                try Self.write(Samples.everything, folder)
                #expect(await attempt() == "applied \(Samples.everythingCount)")
                let before = try await fixture.fingerprint()
                let fingerprint = await folder.fingerprint()
                let renamed = "\(folder.path)/acme/specs.YAML"
                try FileManager.default.moveItem(atPath: file, toPath: renamed)
                #expect(await folder.fingerprint() != fingerprint)
                #expect(await attempt() == "failed new")
                try FileManager.default.removeItem(atPath: renamed)
                #expect(mkfifo(file, 0o600) == 0)
                #expect(await attempt() == "failed new")
                #expect(await attempt() == "failed again")
                try FileManager.default.removeItem(atPath: file)
                try Data(Samples.everything.utf8).write(to: URL(filePath: "\(folder.path)/../outside.yaml"))
                defer { try? FileManager.default.removeItem(atPath: "\(folder.path)/../outside.yaml") }  // Temporary.
                try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "../../outside.yaml")
                #expect(await attempt() == "failed new")
                #expect(try await fixture.fingerprint() == before)
                let reasons = try await AttemptRepository(pool: fixture.pool).list(limit: 10).map(\.reason)
                let expected = "acme/specs.yaml:1:1: the link leads out of the folder of specs"
                #expect(reasons.contains(expected), "\(reasons)")
                try FileManager.default.removeItem(atPath: file)
                try Self.write(Samples.everything, folder)
                #expect(await attempt() == "upToDate")
            }
        }
    }

    @Test func theFingerprintChangesWithTheFiles() async throws {
        try await Self.withFolder { folder in
            try Self.write("a", folder)
            let first = await folder.fingerprint()
            #expect(await folder.fingerprint() == first)
            try Self.write("b", folder)
            let second = await folder.fingerprint()
            #expect(second != first)
            try Self.write("x", folder, "acme/notes.md")
            try Self.write("x", folder, "acme/.hidden.yaml")
            #expect(await folder.fingerprint() == second)
            try Self.write("c", folder, "acme/more.yml")
            #expect(await folder.fingerprint() != second)
        }
    }

    @Test func aFolderReplacedByALinkIsNoticed() async throws {
        try await Self.withFolder { first in
            try await Self.withFolder { second in
                try Self.write("a", first)
                try Self.write("b", second)
                let link = FileManager.default.temporaryDirectory.appending(path: "link-\(UUID().uuidString)")
                defer { try? FileManager.default.removeItem(at: link) }  // A leftover does no harm.
                try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: first.path)
                let before = await SpecsFolder(path: link.path).fingerprint()
                try FileManager.default.removeItem(at: link)
                try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: second.path)
                #expect(await SpecsFolder(path: link.path).fingerprint() != before)
                #expect(await SpecsFolder(path: link.path).contentDigest() == second.contentDigest())
                #expect(await first.contentDigest() != second.contentDigest())
            }
        }
    }
}
