import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// `reconcile export`, and plans against its output.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct ExportCommandTests {
    private func disown(_ stage: SpecsStage) async throws {
        for table in ["senders", "campaigns"] {
            try await stage.pool.execute("UPDATE \(identifier: table) SET \"managedBy\" = NULL, \"sourceFile\" = NULL")
        }
    }

    @Test func anExportIsAdoptedUnchanged() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", SpecsStage.campaign)
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            try await disown(stage)
            let folder = stage.repository.appending(path: "exported").path
            let export = try await stage.reconcile("export", "--tenant", "test", folder)
            #expect(export.exitCode == 0, "\(export.errors)")
            let refused = try await stage.reconcile(folder)
            #expect(refused.exitCode == 3 && refused.errors.contains("--adopt test/Campaign/offer"))
            let plan = try await stage.reconcile(folder, "--dry-run", "--adopt-all")
            #expect(plan.output.contains("= test/Campaign/offer") && !plan.output.contains("→"), "\(plan.output)")
            #expect(try await stage.reconcile(folder, "--adopt-all").exitCode == 0)
            #expect(try await stage.reconcile(folder, "--detailed-exitcode").exitCode == 0)

            let again = try await stage.reconcile("export", "--tenant", "test", folder)
            #expect(again.exitCode == 1 && again.errors.contains("already exists; nothing was written (--force"))
            #expect(try await stage.reconcile("export", "--tenant", "test", folder, "--force").exitCode == 0)
            #expect(try await stage.reconcile(folder, "--detailed-exitcode").exitCode == 0)
            let nobody = try await stage.reconcile("export", "--tenant", "nobody", folder)
            #expect(nobody.exitCode == 1 && nobody.errors.contains("tenant `nobody` has no rows"))
        }
    }

    @Test(arguments: ["../exported-evil/x.yaml", "../../x.yaml", "test/../../exported-evil/x.yaml", "/tmp/evil-x.yaml"])
    func noRowCanNameAFileOutsideOfTheFolder(path: String) async throws {
        try await SpecsStage.with { stage in
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            try await stage.pool.execute("UPDATE senders SET \"sourceFile\" = \(path)")
            let folder = stage.repository.appending(path: "exported")
            let export = try await stage.reconcile("export", "--tenant", "test", folder.path)
            #expect(export.exitCode == 1 && export.errors.contains("is outside of the folder"), "\(export.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder.path))
            #expect(!FileManager.default.fileExists(atPath: folder.path + "-evil"))
        }
    }

    @Test func aSnapshotIsPlannedAgainstWithoutADatabase() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", SpecsStage.campaign)
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            let state = stage.repository.appending(path: "state.json").path
            #expect(try await stage.reconcile("export", "--state", state).exitCode == 0)
            let nowhere = ["DATABASE_URL": ""]
            func plan(_ arguments: String...) async throws -> ChildProcess.Outcome {
                try await stage.start([stage.specs, "--state", state] + arguments, variables: nowhere).outcome()
            }
            #expect(try await plan("--detailed-exitcode").exitCode == 0)
            try stage.write("test/campaign.yaml", SpecsStage.campaign.replacing("title: Offer", with: "title: New"))
            let changed = try await plan("--detailed-exitcode")
            #expect(changed.exitCode == 2)
            let live = try await stage.reconcile(stage.specs, "--dry-run")
            let digest = /Digest: (sha256:[0-9a-f]{64})/
            #expect(changed.output.firstMatch(of: digest)?.1 == live.output.firstMatch(of: digest)?.1)
            // Nothing is ever applied to a snapshot.
            #expect(try await stage.reconcile(stage.specs, "--dry-run", "--detailed-exitcode").exitCode == 2)

            for file in ["test/campaign.yaml", "test/sender.yaml"] {
                try FileManager.default.removeItem(at: stage.repository.appending(path: "campaigns/\(file)"))
            }
            let emptied = try await plan()
            #expect(emptied.exitCode == 3 && emptied.errors.contains("--allow-empty"))
        }
    }

    @Test(arguments: [
        ("", "is empty or no JSON"), ("{", "is no JSON"), ("[]", "this is not a snapshot: `formatVersion`"),
        (#"{"formatVersion":9}"#, "the snapshot has format version 9"),
        (#"{"formatVersion":1,"digest":"sha256:0","changes":[]}"#, "this is not a snapshot: `database`"),
    ])
    func aBrokenSnapshotIsReported(text: String, expected: String) async throws {
        try await SpecsStage.with { stage in
            let state = stage.repository.appending(path: "state.json")
            try text.write(to: state, atomically: true, encoding: .utf8)
            let outcome = try await stage.reconcile(stage.specs, "--state", state.path)
            #expect(outcome.exitCode == 1)
            #expect(outcome.errors.contains(state.path), "\(outcome.errors)")
            #expect(outcome.errors.contains("reconcile export --state"), "\(outcome.errors)")
            if !expected.hasPrefix("is ") { #expect(outcome.errors.contains(expected), "\(outcome.errors)") }
        }
    }

    @Test func aMissingSnapshotIsReported() async throws {
        try await SpecsStage.with { stage in
            let outcome = try await stage.reconcile(stage.specs, "--state", "/nowhere/state.json")
            #expect(outcome.exitCode == 1 && outcome.errors.contains("cannot read the snapshot `/nowhere/state.json`"))
        }
    }
}
