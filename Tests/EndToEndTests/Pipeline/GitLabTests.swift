import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import YAML

/// The example pipeline for GitLab: the scripts of its jobs against a real database.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct GitLabTests {
    private struct Scene {
        let stage: SpecsStage
        let host: CodeHost
        let url: String
        let tools: URL

        static func with(_ body: (Scene) async throws -> Void) async throws {
            let archive = try await ReleaseArchive.make()
            try await SpecsStage.with { stage in
                try stage.write("test/campaign.yaml", SpecsStage.campaign + "\nprotect: true")
                // The image has the same commands in its PATH.
                try await ChildProcess.run(
                    "/bin/tar",
                    [
                        "-xzf", archive.file.path, "-C", stage.repository.path, "--strip-components=1",
                        "--one-top-level=.tools",
                    ],
                    environment: ["PATH": "/usr/bin:/bin"]
                )
                let tools = stage.repository.appending(path: ".tools")
                try await CodeHost.with { host, url in
                    try await body(Scene(stage: stage, host: host, url: url, tools: tools))
                }
            }
        }

        /// Runs the lines of a job's script in one shell, as a runner does.
        func run(_ job: String, _ variables: [String: String] = [:]) async throws -> ChildProcess.Outcome {
            let file = try Repository.yaml("packaging/gitlab/campaigns.gitlab-ci.yml")
            let lines = try #require(file[job]?.mapping?["script"]?.sequence).compactMap { $0.scalar?.text }
            let script = stage.repository.appending(path: "script.sh")
            try lines.joined(separator: "\n").write(to: script, atomically: true, encoding: .utf8)
            let database = stage.environment["DATABASE_URL"] ?? ""
            var environment = [
                "PATH": "\(tools.path):/usr/bin:/bin", "HOME": stage.repository.path, "GITLAB_CI": "true",
                "CI_API_V4_URL": url, "CI_PROJECT_ID": "1", "CI_COMMIT_SHA": "c0ffee000000aaaa",
                "CI_JOB_URL": "https://gitlab.example/jobs/1", "CAMPAIGNS_TOKEN": CodeHost.token,
                "DATABASE_URL": database, "DATABASE_URL_READ_ONLY": database, "GITLAB_USER_LOGIN": "gitlab-reviewer",
                "RECONCILE_ALLOW": "",
            ]
            environment.merge(variables) { $1 }
            let child = try await ChildProcess.start(
                "/bin/bash",
                ["-eo", "pipefail", script.path],
                environment: environment,
                in: stage.repository,
                output: .captured
            )
            return try await child.outcome()
        }
    }

    private static let request = ["CI_MERGE_REQUEST_IID": "7", "CI_PIPELINE_SOURCE": "merge_request_event"]
    private static let push = ["CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"]

    @Test func thePlanIsOneNoteAndAReport() async throws {
        try await Scene.with { scene in
            scene.host.add("<!-- campaigns-plan -->\nnot mine", by: "somebody")
            let first = try await scene.run("campaigns-plan", Self.request)
            #expect(first.exitCode == 0, "\(first.output)\(first.errors)")
            #expect(scene.host.comments.count == 2)
            #expect(scene.host.comments.last?.body.contains("For commit c0ffee000000, by [this run]") == true)
            let nowhere = ["DATABASE_URL_READ_ONLY": "postgresql://nobody@127.0.0.1:1/none"]
            let lost = try await scene.run("campaigns-plan", Self.request.merging(nowhere) { $1 })
            #expect(lost.exitCode == 1 && scene.host.comments.count == 2, "\(lost.output)\(lost.errors)")
            #expect(scene.host.comments.last?.body.contains("### Campaigns: no plan") == true)
            #expect(try issues(scene).map { $0["severity"] as? String } == ["blocker"])
            try scene.stage.write("test/campaign.yaml", "kind: Campain\n")
            let wrong = try await scene.run("campaigns-plan", Self.request)
            #expect(wrong.exitCode == 1, "\(wrong.errors)")
            let issue = try #require(try issues(scene).first)
            let location = issue["location"] as? [String: Any]
            #expect(location?["path"] as? String == "campaigns/test/campaign.yaml", "\(issue)")
            #expect((location?["lines"] as? [String: Any])?["begin"] as? Int == 1)
        }
    }

    private func issues(_ scene: Scene) throws -> [[String: Any]] {
        let file = scene.stage.repository.appending(path: "gl-code-quality-report.json")
        let report = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]]
        return try #require(report)
    }

    @Test func labelsAndVariablesAllowAndDriftIsFound() async throws {
        try await Scene.with { scene in
            let applied = try await scene.run("campaigns-apply", Self.push)
            #expect(applied.exitCode == 0 && applied.output.contains("Applied: 2 created"), "\(applied.errors)")
            #expect(try await scene.run("campaigns-drift").exitCode == 0)
            _ = try await scene.stage.pool.query("UPDATE campaigns SET title = 'by hand' WHERE name = 'offer'")
            #expect(try await scene.run("campaigns-drift").exitCode == 2)

            try FileManager.default.removeItem(
                at: scene.stage.repository.appending(path: "campaigns/test/campaign.yaml")
            )
            let flag = "--allow-delete test/Campaign/offer"
            let refused = try await scene.run("campaigns-plan", Self.request)
            #expect(refused.exitCode == 3 && refused.errors.contains(flag), "\(refused.errors)")
            #expect(try issues(scene).first?["check_name"] as? String == "protectedDelete")
            let labels = ["CI_MERGE_REQUEST_LABELS": "bug,\(flag)"]
            #expect(try await scene.run("campaigns-plan", Self.request.merging(labels) { $1 }).exitCode == 0)
            #expect(try await scene.run("campaigns-apply", Self.push).exitCode == 3)
            scene.host.merge(as: "c0ffee000000aaaa", labels: ["bug", flag])
            let merged = try await scene.run("campaigns-apply", Self.push)
            #expect(merged.exitCode == 0 && merged.output.contains("1 deleted"), "\(merged.output)\(merged.errors)")
            let history = try await scene.stage.reconcile("history")
            #expect(history.output.contains("by gitlab-reviewer, commit "), "\(history.output)")
            #expect(history.output.contains("allowed \(flag)"), "\(history.output)")
        }
    }
}
