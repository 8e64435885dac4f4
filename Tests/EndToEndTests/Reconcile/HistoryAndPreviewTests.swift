import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// Output of `reconcile history` and `reconcile preview`.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct HistoryAndPreviewTests {
    @Test func historyShowsActorTimeAndCommit() async throws {
        try await SpecsStage.with { stage in
            #expect(try await stage.reconcile("history").output == "Nothing was applied yet.\n")
            let commit = try await stage.commit("test/campaign.yaml", SpecsStage.campaign)
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            let text = try await stage.reconcile("history").output
            #expect(text.contains(#/^1  \d{4}-\d\d-\d\dT[0-9:]+Z  \+2 ~0 -0  by tester, commit /#))
            #expect(text.contains(commit.prefix(12)) && text.contains("\n    sha256:"))
            let json = try await stage.reconcile("history", "--format", "json").output
            let entries = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
            #expect(entries.count == 1 && entries[0]["gitCommit"] as? String == commit)
            #expect(entries[0]["outcome"] as? String == "applied" && entries[0]["creates"] as? Int == 2)
            #expect(try await stage.reconcile("history", "--tenant", "other").output == "Nothing was applied yet.\n")
            #expect(try await stage.reconcile("history", "--limit", "0").exitCode == 64)
        }
    }

    @Test func previewCountsRecipientsAndMasksNumbers() async throws {
        try await SpecsStage.with { stage in
            try stage.write(
                "test/campaign.yaml",
                SpecsStage.campaign.replacing("type: manual", with: "type: scheduled")
            )
            try stage.write(
                "test/schedule.yaml",
                "kind: Schedule\nname: daily\ncampaign: offer\ncron: \"0 9 * * *\"\ntimeZone: Africa/Nairobi\n"
            )
            try await stage.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", name, "lastSeen")
                SELECT 'test', (254700000000 + n)::text, 'Secret Person', CASE WHEN n = 1 THEN now() END
                FROM generate_series(1, 7) n
                """
            )
            let preview = try await stage.reconcile("preview", "test/offer", stage.specs, "--samples", "3")
            #expect(preview.exitCode == 0, "\(preview.errors)")
            #expect(preview.output.contains("Recipients: 7\n  in window: 1 (no quota)\n  outside:   6 "))
            #expect(preview.output.matches(of: #/25\*+0\d  /#).count == 3 && !preview.output.contains("Secret Person"))
            #expect(preview.output.contains("Schedule daily fires ") && preview.output.contains(" (06:00Z), "))
            let open = try await stage.reconcile("preview", "test/offer", stage.specs, "--show-contacts")
            #expect(open.output.contains("254700000001") && open.output.contains("Secret Person"))
            let named = try await stage.reconcile("preview", "offer", stage.specs, "--tenant", "test")
            #expect(named.exitCode == 0 && named.output.hasPrefix("Recipients: 7\n"), "\(named.errors)")
            let near = try await stage.reconcile("preview", "test/ofer", stage.specs)
            #expect(near.errors.hasSuffix("did you mean `offer`?\n"), "\(near.errors)")
            let unknown = try await stage.reconcile("preview", "test/nothing", stage.specs)
            #expect(unknown.exitCode == 1 && unknown.errors.contains("no campaign `nothing` in tenant `test`"))
            #expect(try await stage.reconcile("preview", "nothing", stage.specs).exitCode == 64)
        }
    }

    @Test func anEntryIsShownAndTakenBack() async throws {
        try await SpecsStage.with { stage in
            try await stage.commit("test/campaign.yaml", SpecsStage.campaign + "\n")
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            try await stage.commit("test/campaign.yaml", SpecsStage.campaign.replacing("Offer", with: "Other") + "\n")
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            let shown = try await stage.reconcile("history", "show", "2")
            let change = "~ test/Campaign/offer  0 recipients\n    title: Offer → Other\n    warning: reaches nobody"
            #expect(shown.output.contains(change), "\(shown.output)")
            #expect(
                try await stage.reconcile("history", "show", "2", "--color", "always").output.contains("\u{1B}[33m")
            )
            let json = try await stage.reconcile("history", "show", "2", "--format", "json").output
            #expect(json.contains("\"plan\":{"))
            let missing = try await stage.reconcile("history", "show", "9")
            #expect(missing.exitCode == 1 && missing.errors.contains("the history has no entry 9"))

            let patch = try await stage.reconcile("history", "revert", "2", stage.specs, "--patch")
            #expect(patch.output.contains("\n-title: Other\n") && patch.output.contains("\n+title: Offer\n"))
            #expect(try await stage.git("status", "--porcelain").isEmpty)
            let reverted = try await stage.reconcile("history", "revert", "2", stage.specs)
            #expect(reverted.exitCode == 0 && reverted.errors.contains("Nothing was applied"), "\(reverted.errors)")
            #expect(try await stage.git("status", "--porcelain") == " M campaigns/test/campaign.yaml\n")
            let plan = try await stage.reconcile(stage.specs, "--dry-run").output
            #expect(plan.contains("title: Other → Offer"))
            let again = try await stage.reconcile("history", "revert", "2", stage.specs)
            #expect(again.errors == "All specs are as they were before entry 2.\n")

            try stage.write("test/campaign.yaml", SpecsStage.campaign.replacing("Offer", with: "Third") + "\n")
            let refused = try await stage.reconcile("history", "revert", "2", stage.specs)
            #expect(refused.exitCode == 1 && refused.errors.contains("differs from that entry in `title`"))
            let forced = try await stage.reconcile("history", "revert", "2", stage.specs, "--force")
            #expect(forced.exitCode == 0)
        }
    }

    @Test func anEntryIsTakenBackWithTheValuesOfAnEnvironment() async throws {
        try await SpecsStage.with { stage in
            let folder = URL(filePath: stage.specs).deletingLastPathComponent().appending(path: "environments")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data("title: Offer\n".utf8).write(to: folder.appending(path: "live.yaml"))
            let campaign = SpecsStage.campaign.replacing("title: Offer", with: "title: ${title}")
            try stage.write("test/campaign.yaml", campaign + "\n")
            let live = ["RECONCILE_ENVIRONMENT": "live"]
            #expect(try await stage.reconcile(stage.specs, variables: live).exitCode == 0)
            try stage.write("test/campaign.yaml", campaign.replacing("${title}", with: "${title}s") + "\n")
            #expect(try await stage.reconcile(stage.specs, variables: live).exitCode == 0)

            let unknown = try await stage.reconcile("history", "revert", "2", stage.specs, "--patch")
            #expect(unknown.errors.contains("fix them first"))
            let patch = try await stage.reconcile("history", "revert", "2", stage.specs, "--patch", variables: live)
            #expect(patch.output.contains("\n+title: Offer\n"), "\(patch.output)")
            #expect(patch.errors.contains("has values of the environment now"), "\(patch.errors)")
        }
    }
}
