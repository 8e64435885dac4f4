import Foundation
import TestBed
import Testing

/// Linters over the files of pipelines and the scripts; each runs where it is installed.
struct LintTests {
    /// A command, and the folder of its Python packages if it was installed with them.
    private struct Tool {
        let command: String
        let packages: String?
    }

    /// Returns a linter that `Scripts/test` has installed into a folder of its own below `LINTERS`, or one in `PATH`.
    private static func find(_ name: String) -> Tool? {
        let environment = ProcessInfo.processInfo.environment
        let own = environment["LINTERS"].flatMap { root in
            // Without the folder nothing was installed.
            try? FileManager.default.contentsOfDirectory(atPath: root).map { "\(root)/\($0)" }
        }
        let tools =
            (own ?? []).map { Tool(command: "\($0)/bin/\(name)", packages: $0) }
            + (environment["PATH"] ?? "").split(separator: ":").map { Tool(command: "\($0)/\(name)", packages: nil) }
        return tools.first { FileManager.default.isExecutableFile(atPath: $0.command) }
    }

    private static func lint(_ name: String, _ arguments: [String]) async throws {
        var environment = ProcessInfo.processInfo.environment
        let tool = try #require(find(name))
        if let packages = tool.packages { environment["PYTHONPATH"] = packages }
        let child = try await ChildProcess.start(
            tool.command,
            arguments,
            environment: environment,
            in: Repository.root,
            output: .captured
        )
        let outcome = try await child.outcome()
        #expect(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)")
    }

    private static let workflows = ["packaging/github/campaigns.yml", ".github/workflows/ci.yml"]

    @Test(.enabled(if: find("actionlint") != nil)) func workflowsAreCorrect() async throws {
        try await Self.lint("actionlint", Self.workflows)
    }

    @Test(.enabled(if: find("zizmor") != nil)) func workflowsAreSafe() async throws {
        try await Self.lint("zizmor", ["--offline", "--no-progress", "packaging/action/action.yml"] + Self.workflows)
    }

    @Test(
        .enabled(if: find("check-jsonschema") != nil),
        arguments: [
            ("vendor.github-workflows", "packaging/github/campaigns.yml"),
            ("vendor.github-workflows", ".github/workflows/ci.yml"),
            ("vendor.github-actions", "packaging/action/action.yml"),
            ("vendor.gitlab-ci", "packaging/gitlab/campaigns.gitlab-ci.yml"),
            ("vendor.compose-spec", "packaging/compose.yaml"),
        ]
    )
    func filesFollowTheirSchemas(schema: String, file: String) async throws {
        try await Self.lint("check-jsonschema", ["--builtin-schema", schema, file])
    }

    @Test(.enabled(if: find("shellcheck") != nil)) func scriptsAreCorrect() async throws {
        var scripts = [
            "packaging/action/install", "packaging/archive", "packaging/reconcile-ci", ".ci/run", ".ci/release",
        ]
        scripts += try FileManager.default.contentsOfDirectory(atPath: Repository.root.appending(path: "Scripts").path)
            .map { "Scripts/\($0)" }
        try await Self.lint("shellcheck", ["--severity=warning"] + scripts)
    }
}
