import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// The `reconcile` command as people and pipelines use it: exit codes, output and errors.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct ReconcileCommandTests {
    @Test func exitCodesTellWhatHappened() async throws {
        try await withSpecs { folder, environment in
            let specs = folder.appending(path: "campaigns").path
            func reconcile(_ arguments: String...) async throws -> ChildProcess.Outcome {
                try await Command.run("reconcile", arguments, environment: environment)
            }
            let unmigrated = try await reconcile(specs, "--dry-run")
            #expect(unmigrated.exitCode == 1)
            #expect(unmigrated.errors.contains("campaignd migrate"))
            let migrated = try await Command.run("campaignd", ["migrate"], environment: environment)
            #expect(migrated.exitCode == 0)

            let pending = try await reconcile(specs, "--dry-run", "--detailed-exitcode")
            #expect(pending.exitCode == 2)
            #expect(pending.output.contains("Plan: 3 to create, 0 to update, 0 to delete."))
            let stale = try await reconcile(specs, "--expect-digest", "sha256:" + String(repeating: "0", count: 64))
            #expect(stale.exitCode == 4)
            let digest = try #require(pending.output.firstMatch(of: /Digest: (sha256:[0-9a-f]{64})/)).1
            let applied = try await reconcile(specs, "--expect-digest", String(digest))
            #expect(applied.exitCode == 0)
            let replayed = try await reconcile(specs, "--expect-digest", String(digest))
            #expect(replayed.exitCode == 4)
            let second = try await reconcile(specs, "--detailed-exitcode")
            #expect(second.exitCode == 0)
            #expect(second.output.contains("No changes"))

            try FileManager.default.removeItem(at: folder.appending(path: "campaigns/test/campaign.yaml"))
            let refused = try await reconcile(specs)
            #expect(refused.exitCode == 3)
            #expect(refused.errors.contains("--allow-delete test/Campaign/kept"))
            #expect(try await reconcile("--no-such-flag").exitCode == 64)
        }
    }

    @Test func resultsGoToOutputAndEverythingElseToErrors() async throws {
        try await withSpecs { folder, environment in
            let broken = folder.appending(path: "broken/test")
            try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
            try "kind: Sender\nname: main\ntier: 9\n"
                .write(to: broken.appending(path: "a.yaml"), atomically: true, encoding: .utf8)
            let arguments = ["validate", folder.appending(path: "broken").path]
            let outcome = try await Command.run("reconcile", arguments, environment: environment)
            #expect(outcome.exitCode == 1)
            // The diagnostics are the result of a validation.
            #expect(outcome.output.contains("a.yaml:3:7"))
            #expect(outcome.errors.isEmpty)
            var withoutDatabase = environment
            withoutDatabase["DATABASE_URL"] = nil
            let specs = [folder.appending(path: "campaigns").path]
            let lost = try await Command.run("reconcile", specs, environment: withoutDatabase)
            #expect(lost.exitCode == 1)
            #expect(lost.errors.contains("DATABASE_URL"))
        }
    }

    private func withSpecs(_ body: (URL, [String: String]) async throws -> Void) async throws {
        try await withDatabase(isMigrated: false) { folder, _, environment in
            let tenant = folder.appending(path: "campaigns/test")
            try FileManager.default.createDirectory(at: tenant, withIntermediateDirectories: true)
            try """
            kind: Sender
            name: main
            phoneNumberId: "1000"
            accessToken: env:TOKEN
            ---
            kind: Audience
            name: everybody
            conditions: []
            """.write(to: tenant.appending(path: "sender.yaml"), atomically: true, encoding: .utf8)
            try """
            kind: Campaign
            name: kept
            type: manual
            sender: main
            message: { type: text, text: { body: "Hello" } }
            audience: everybody
            protect: true
            """.write(to: tenant.appending(path: "campaign.yaml"), atomically: true, encoding: .utf8)
            try await body(folder, environment)
        }
    }
}
