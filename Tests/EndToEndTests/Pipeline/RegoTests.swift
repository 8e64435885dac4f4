import Foundation
import TestBed
import TestSupport
import Testing

/// The example of a policy in Rego, judged by an interpreter of others over plans as `reconcile` writes them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RegoTests {
    /// The folder of the Python package `regopy`, which runs what conftest would run.
    static let packages = ProcessInfo.processInfo.environment["REGOPY"]

    private static let judge = """
        import json, sys
        from regopy import Interpreter
        rego = Interpreter()
        rego.add_module("policy", open(sys.argv[1]).read())
        rego.set_input(json.load(open(sys.argv[2])))
        answer = json.loads(str(rego.query("data.main.deny")))
        print("\\n".join(sorted(answer["expressions"][0])))
        """

    /// Returns the first block of Rego in the document about reviewing.
    private static func policy() throws -> String {
        let document = try String(contentsOf: Repository.root.appending(path: "docs/reviewing.md"), encoding: .utf8)
        let block = try #require(document.firstMatch(of: #/```rego\n(?<policy>(?s:.*?))```/#))
        return String(block.policy)
    }

    /// Returns what the policy has against the plan of the stage's specs.
    private static func denials(_ stage: SpecsStage) async throws -> [String] {
        let folder = stage.repository
        let (plan, policy, script) = (
            folder.appending(path: "plan.json"), folder.appending(path: "policy.rego"),
            folder.appending(path: "judge.py")
        )
        let planned = try await stage.reconcile("--dry-run", "--json-into", plan.path, stage.specs)
        #expect(planned.exitCode == 0, "\(planned.errors)")
        try Self.policy().write(to: policy, atomically: true, encoding: .utf8)
        try judge.write(to: script, atomically: true, encoding: .utf8)
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONPATH"] = packages
        let child = try await ChildProcess.start(
            "/usr/bin/env",
            ["python3", script.path, policy.path, plan.path],
            environment: environment,
            output: .captured
        )
        let outcome = try await child.outcome()
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    @Test(.enabled(if: RegoTests.packages != nil)) func theExampleForbidsWhatItSays() async throws {
        try await SpecsStage.with { stage in
            let slow = SpecsStage.sender + "\nratePerSecond: 40\n"
            try await stage.commit("test/sender.yaml", slow)
            try await stage.commit("test/campaign.yaml", SpecsStage.campaign)
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)

            try stage.write("test/sender.yaml", slow.replacing("40", with: "60"))
            #expect(try await Self.denials(stage).isEmpty)
            try stage.write("test/sender.yaml", slow.replacing("40", with: "61"))
            try FileManager.default.removeItem(at: stage.repository.appending(path: "campaigns/test/campaign.yaml"))
            #expect(
                try await Self.denials(stage) == [
                    "test/Campaign/offer: campaigns are archived by the operations team",
                    "test/Sender/main: raise the rate by at most half at once",
                ]
            )
        }
    }
}
