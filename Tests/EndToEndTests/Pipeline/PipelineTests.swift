import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import YAML

/// The example workflow for GitHub, step by step against a real database.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct PipelineTests {
    /// A pull request or push in a repository that holds only `campaigns/`.
    private struct Scene {
        let stage: SpecsStage
        let host: CodeHost
        let url: String
        let workflow: YAMLMapping
        let archive: ReleaseArchive

        static func with(_ body: (Scene) async throws -> Void) async throws {
            let archive = try await ReleaseArchive.make()
            let workflow = try Repository.yaml("packaging/github/campaigns.yml")
            try await SpecsStage.with { stage in
                try stage.write("test/campaign.yaml", SpecsStage.campaign)
                try await CodeHost.with { host, url in
                    try await body(Scene(stage: stage, host: host, url: url, workflow: workflow, archive: archive))
                }
            }
        }

        /// Runs a job.
        func run(
            _ job: String,
            event: String,
            labels: [String] = [],
            allow: String = "",
            database: String? = nil,
            commit: String = "c0ffee0000000000000000000000000000000000"
        ) async throws -> WorkflowRun.Result {
            let folder = stage.repository.appending(path: ".runner/\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let names = labels.map { ["name": $0] }
            let request: [String: Any] = ["number": 7, "head": ["sha": commit], "labels": names]
            let payload = folder.appending(path: "event.json")
            try JSONSerialization.data(withJSONObject: event == "pull_request" ? ["pull_request": request] : [:])
                .write(to: payload)
            let reference = event == "pull_request" ? "refs/pull/7/merge" : "refs/heads/main"
            let connection = database ?? stage.environment["DATABASE_URL"] ?? ""
            let run = WorkflowRun(
                folder: folder,
                workspace: stage.repository,
                environment: [
                    "PATH": "/usr/bin:/bin", "HOME": stage.repository.path, "GITHUB_ACTIONS": "true",
                    "GITHUB_API_URL": url, "GITHUB_SERVER_URL": "https://github.example", "GITHUB_RUN_ID": "99",
                    "GITHUB_REPOSITORY": "acme/campaigns", "GITHUB_EVENT_NAME": event, "GITHUB_REF_NAME": "main",
                    "GITHUB_EVENT_PATH": payload.path, "GITHUB_SHA": commit, "GITHUB_ACTOR": "reviewer",
                    "GITHUB_WORKSPACE": stage.repository.path, "RUNNER_TEMP": folder.path,
                ],
                values: [
                    "github.event_name": event, "github.ref": reference, "github.repository": "acme/campaigns",
                    "github.event.pull_request.head.repo.full_name": event == "pull_request" ? "acme/campaigns" : "",
                    "github.token": CodeHost.token, "secrets.DATABASE_URL": connection,
                    "secrets.DATABASE_URL_READ_ONLY": connection, "inputs.allow": allow,
                ],
                archive: archive
            )
            let job = try WorkflowJob(job, in: workflow)
            #expect(run.isStarted(job))
            return try await run.run(job)
        }
    }

    @Test func theCommentIsReplacedAlsoWhenThereIsNoDatabase() async throws {
        try await Scene.with { scene in
            scene.host.add("<!-- campaigns-plan -->\nnot mine", by: "somebody")
            for number in 1...120 { scene.host.add("comment \(number)", by: "somebody") }
            let first = try await scene.run("plan", event: "pull_request")
            #expect(!first.isFailed, "\(first.log)")
            let comment = try #require(scene.host.comments.last)
            #expect(scene.host.comments.count == 122 && comment.author == CodeHost.author)
            #expect(comment.body.hasPrefix("<!-- campaigns-plan -->\n### Campaigns: 2 to create"))
            #expect(comment.body.contains("For commit c0ffee000000, by [this run](https://github.example/acme/"))
            #expect(first.outputs["outcome"] == "planned" && first.outputs["digest"]?.hasPrefix("sha256:") == true)

            let nowhere = "postgresql://nobody@127.0.0.1:1/none"
            let lost = try await scene.run("plan", event: "pull_request", database: nowhere)
            #expect(lost.isFailed && lost.codes.last?.code == 0, "\(lost.log)")
            #expect(lost.log.contains("::error title=reconcile::"), "\(lost.log)")
            #expect(lost.outputs["outcome"] == "failed" && lost.summary.contains("**Failed:**"))
            let replaced = scene.host.comments
            #expect(replaced.count == 122 && replaced.last?.id == comment.id)
            #expect(replaced.last?.body.contains("### Campaigns: no plan") == true, "\(replaced.last?.body ?? "")")
            #expect(replaced.first?.body == "<!-- campaigns-plan -->\nnot mine")

            _ = try await scene.stage.pool.query("DROP TABLE reconcile_history, schema_migrations CASCADE")
            let unmigrated = try await scene.run("plan", event: "pull_request")
            #expect(unmigrated.isFailed && unmigrated.log.contains("::error title=reconcile::"))
            #expect(scene.host.comments.last?.body.contains("campaignd migrate") == true, "\(unmigrated.log)")

            try scene.stage.write("test/campaign.yaml", "kind: Campain\n")
            let wrong = try await scene.run("plan", event: "pull_request")
            #expect(wrong.outputs["outcome"] == "invalid" && scene.host.comments.count == 122)
            #expect(scene.host.comments.last?.body.contains("### Campaigns: 1 error") == true)
        }
    }

    @Test func aLabelAllowsWhatARefusalNamesAndTheHistoryKeepsIt() async throws {
        try await Scene.with { scene in
            try scene.stage.write("test/campaign.yaml", SpecsStage.campaign + "\nprotect: true")
            let applied = try await scene.run("apply", event: "push")
            #expect(!applied.isFailed && applied.outputs["applied"] == "true", "\(applied.log)")
            let nothing = try await scene.run("apply", event: "push")
            #expect(nothing.outputs["outcome"] == "unchanged" && nothing.codes.count == 3, "\(nothing.log)")

            let file = scene.stage.repository.appending(path: "campaigns/test/campaign.yaml")
            try FileManager.default.removeItem(at: file)
            let flag = "--allow-delete test/Campaign/offer"
            let refused = try await scene.run("plan", event: "pull_request")
            let annotation = "::error title=protectedDelete,file=campaigns/test/campaign.yaml::"
            #expect(refused.isFailed && refused.log.contains(annotation), "\(refused.log)")
            #expect(refused.outputs["outcome"] == "refused" && refused.outputs["flags"] == flag)
            #expect(scene.host.comments.last?.body.contains("**Blocked") == true)

            let allowed = try await scene.run("plan", event: "pull_request", labels: ["bug", flag])
            #expect(!allowed.isFailed, "\(allowed.log)")
            let body = scene.host.comments.last?.body ?? ""
            #expect(body.contains("**Allowed by flags**") && !body.contains("**Blocked"), "\(body)")

            // The merge of a request without the label is refused, and one with another flag as well.
            #expect(try await scene.run("apply", event: "push").outputs["outcome"] == "refused")
            scene.host.merge(as: "beef", labels: ["--allow-delete test/Campaign/other"])
            #expect(try await scene.run("apply", event: "push", commit: "beef").outputs["outcome"] == "refused")
            scene.host.merge(as: "cafe", labels: ["bug", flag])
            let merged = try await scene.run("apply", event: "push", commit: "cafe")
            #expect(!merged.isFailed && merged.outputs["applied"] == "true", "\(merged.log)")
            #expect(scene.host.requests.contains("GET /repos/acme/campaigns/commits/cafe/pulls"))

            let history = try await scene.stage.reconcile("history")
            #expect(history.output.contains("allowed \(flag): test/Campaign/offer is protected"), "\(history.output)")
            #expect(history.output.contains("by reviewer"))
            let json = try await scene.stage.reconcile("history", "--format", "json")
            #expect(
                json.output.contains(#""flag":"--allow-delete test\/Campaign\/offer""#)
                    || json.output.contains(#""flag": "--allow-delete test/Campaign/offer""#)
                    || json.output.contains(#""flag":"--allow-delete test/Campaign/offer""#),
                "\(json.output)"
            )
        }
    }

    @Test func anInputAllowsTooAndNothingElsePasses() async throws {
        try await Scene.with { scene in
            #expect(!(try await scene.run("apply", event: "push")).isFailed)
            let specs = scene.stage.repository.appending(path: "campaigns/test")
            for file in ["campaign.yaml", "sender.yaml"] {
                try FileManager.default.removeItem(at: specs.appending(path: file))
            }
            let plain = try await scene.run("apply", event: "workflow_dispatch")
            #expect(plain.isFailed && plain.outputs["flags"]?.contains("--allow-empty") == true, "\(plain.log)")
            for other in ["--database-url postgresql://evil", "--allow-empty --state x", "--allow-delete $(id)"] {
                let wrong = try await scene.run("apply", event: "workflow_dispatch", allow: other)
                #expect(wrong.codes.last?.code == 64, "\(other): \(wrong.log)")
                #expect(wrong.log.contains("RECONCILE_ALLOW") && !wrong.log.contains("uid="), "\(wrong.log)")
            }
            let flag = plain.outputs["flags"] ?? ""
            let allowed = try await scene.run("apply", event: "workflow_dispatch", allow: flag)
            #expect(!allowed.isFailed && allowed.outputs["applied"] == "true", "\(allowed.log)")
        }
    }

    @Test func driftFailsTheNightlyJob() async throws {
        try await Scene.with { scene in
            #expect(!(try await scene.run("apply", event: "push")).isFailed)
            let same = try await scene.run("drift", event: "schedule")
            #expect(!same.isFailed && same.summary.contains("no changes"), "\(same.log)")
            _ = try await scene.stage.pool.query("UPDATE campaigns SET title = 'by hand' WHERE name = 'offer'")
            let drifted = try await scene.run("drift", event: "schedule")
            #expect(drifted.codes.last?.code == 2 && drifted.log.contains("::error title=Drift::"), "\(drifted.log)")
            #expect(drifted.summary.contains("changed by hand"), "\(drifted.summary)")
        }
    }

    @Test(arguments: [
        ("pull_request", "acme/campaigns", "refs/pull/7/merge", ["plan"]),
        ("pull_request", "stranger/campaigns", "refs/pull/7/merge", ["check"]),
        ("push", "", "refs/heads/main", ["apply"]), ("workflow_dispatch", "", "refs/heads/main", ["apply"]),
        ("workflow_dispatch", "", "refs/heads/other", []), ("schedule", "", "refs/heads/main", ["drift"]),
    ])
    func eachEventStartsItsJobs(event: String, head: String, reference: String, jobs: [String]) throws {
        let workflow = try Repository.yaml("packaging/github/campaigns.yml")
        let values = [
            "github.event_name": event, "github.ref": reference, "github.repository": "acme/campaigns",
            "github.event.pull_request.head.repo.full_name": head,
        ]
        let started = try ["check", "plan", "apply", "drift"].filter {
            Expression.isTrue(try WorkflowJob($0, in: workflow).condition, values)
        }
        #expect(started == jobs)
    }

    @Test func aForkIsCheckedWithoutSecrets() async throws {
        let workflow = try Repository.yaml("packaging/github/campaigns.yml")
        let job = try WorkflowJob("check", in: workflow)
        #expect(job.steps.allSatisfy { step in step.variables.allSatisfy { !$0.value.contains("secrets.") } })
        #expect(workflow["permissions"]?.mapping?.pairs.isEmpty == true)
    }

    @Test func refusalsAndFailuresAreResultsOfSARIF() async throws {
        try await Scene.with { scene in
            let stage = scene.stage
            try stage.write("test/campaign.yaml", SpecsStage.campaign + "\nprotect: true")
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            try FileManager.default.removeItem(at: stage.repository.appending(path: "campaigns/test/campaign.yaml"))
            let file = stage.repository.appending(path: "findings.sarif")
            func run(_ variables: [String: String] = [:]) async throws -> [String: Any] {
                let workspace = ["GITHUB_WORKSPACE": stage.repository.path].merging(variables) { $1 }
                let arguments = [stage.specs, "--dry-run", "--sarif-into", file.path]
                let outcome = try await stage.start(arguments, variables: workspace).outcome()
                #expect(outcome.exitCode != 0)
                let log = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
                return try #require((log?["runs"] as? [[String: Any]])?.first)
            }
            let refused = try await run()
            let result = try #require((refused["results"] as? [[String: Any]])?.first)
            #expect(result["ruleId"] as? String == "protectedDelete" && result["level"] as? String == "error")
            #expect("\(result["message"] ?? "")".contains("--allow-delete test/Campaign/offer"))
            #expect("\(result["locations"] ?? "")".contains("campaigns/test/campaign.yaml"))
            let failed = try await run(["DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"])
            let invocation = try #require((failed["invocations"] as? [[String: Any]])?.first)
            #expect(invocation["executionSuccessful"] as? Bool == false)
            #expect("\(invocation["toolExecutionNotifications"] ?? "")".contains("error"))
        }
    }
}
