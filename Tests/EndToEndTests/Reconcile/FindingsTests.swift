import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// Findings of `reconcile` for people and for workflows.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct FindingsTests {
    private static let ambiguous = SpecsStage.campaign.replacing("title: Offer", with: "title: on")

    @Test func warningsAreDeniedAndAllowed() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", Self.ambiguous)
            func validate(_ arguments: String...) async throws -> (code: Int32, text: String) {
                let outcome = try await stage.start(["validate", stage.specs] + arguments).outcome()
                return (outcome.exitCode, outcome.output + outcome.errors)
            }
            let plain = try await validate()
            #expect(plain.code == 0 && plain.text.contains("warning[C010]"))
            let denied = try await validate("--deny", "C010")
            #expect(denied.code == 1 && denied.text.contains("error[C010]"))
            #expect(try await validate("--deny", "warnings").code == 1)
            let allowed = try await validate("--deny", "warnings", "--allow", "c010")
            #expect(allowed.code == 0 && !allowed.text.contains("C010"))
            for wrong in [
                ["--deny", "C999"], ["--allow", "C012"], ["--allow", "C010", "--deny", "C010"], ["--max-errors", "-1"],
            ] {
                #expect(try await stage.start(["validate", stage.specs] + wrong).outcome().exitCode == 64, "\(wrong)")
            }
            // A denied warning also blocks applying.
            let refused = try await stage.reconcile(stage.specs, "--deny", "warnings")
            #expect(refused.exitCode == 1 && refused.errors.contains("the specs have 1 error"))
            #expect(try await stage.count("SELECT count(*) FROM senders") == 0)
        }
    }

    @Test func errorsBeyondTheLimitAreCounted() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/broken.yaml", SpecsStage.sender + "\n" + (1...9).map { "x\($0): 1\n" }.joined())
            let few = try await stage.reconcile("validate", stage.specs, "--max-errors", "2")
            #expect(few.output.matches(of: /error\[/).count == 2)
            #expect(few.output.contains("… and 8 more (8 errors)"))
        }
    }

    @Test func aWorkflowGetsAnnotationsASummaryAndOutputs() async throws {
        try await SpecsStage.with { stage in
            let (summary, outputs) = (stage.repository.appending(path: "s.md"), stage.repository.appending(path: "o"))
            try "before=1\n".write(to: outputs, atomically: true, encoding: .utf8)
            let variables = [
                "GITHUB_WORKSPACE": stage.repository.path, "GITHUB_STEP_SUMMARY": summary.path,
                "GITHUB_OUTPUT": outputs.path,
            ]
            func lines(_ file: URL) throws -> [String] {
                try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
            }
            try stage.write(
                "test/campaign.yaml",
                Self.ambiguous.replacing("type: manual", with: "type: \"x\\n::error::y\"")
            )
            let broken = try await stage.reconcile(stage.specs, "--dry-run", "--format", "github", variables: variables)
            #expect(broken.exitCode == 1)
            let commands = broken.output.split(separator: "\n")
            #expect(commands.count == 2 && commands[0].hasPrefix("::error ") && commands[1].hasPrefix("::warning "))
            #expect(commands[0].contains("file=campaigns/test/campaign.yaml,line=4,"))
            #expect(try lines(outputs) == ["before=1", "valid=false", "errors=1", "warnings=1", "outcome=invalid"])
            #expect(try lines(summary).first == "### Campaigns: 1 error")
            #expect(try lines(summary).contains { $0.hasPrefix("| error | C015 | campaigns/test/campaign.yaml:4:7") })

            for file in [summary, outputs] { try FileManager.default.removeItem(at: file) }
            try stage.write("test/campaign.yaml", SpecsStage.campaign)
            let fine = try await stage.reconcile(stage.specs, "--dry-run", "--format", "github", variables: variables)
            #expect(fine.exitCode == 0 && fine.output.isEmpty)
            let names = ["valid=true", "errors=0", "warnings=0"]
            #expect(try lines(outputs).starts(with: names))
            for line in [
                "changes=true", "creates=2", "updates=0", "deletes=0", "blocked=false", "applied=false",
                "outcome=planned",
            ] {
                #expect(try lines(outputs).contains(line), "\(line)")
            }
            let digest = try #require(try lines(outputs).first { $0.hasPrefix("digest=sha256:") })
            #expect(try lines(summary).contains("Digest: `\(digest.dropFirst("digest=".count))`"))
        }
    }

    @Test func aCommentSaysWhyThereIsNoPlan() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", SpecsStage.campaign.replacing("type: manual", with: "type: manuel"))
            let file = stage.repository.appending(path: "plan.md")
            let outcome = try await stage.reconcile(stage.specs, "--dry-run", "--markdown-into", file.path)
            #expect(outcome.exitCode == 1)
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.hasPrefix("### Campaigns: 1 error\n\nNothing was planned or changed.\n"))
            #expect(text.contains("is not a value of <code>type</code>"))
        }
    }

    @Test func sarifAndJSONAreWellFormed() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", Self.ambiguous)
            for arguments in [["validate", stage.specs], [stage.specs, "--dry-run"]] {
                let sarif = try await stage.start(arguments + ["--format", "sarif"]).outcome()
                let log = try #require(
                    try JSONSerialization.jsonObject(with: Data(sarif.output.utf8)) as? [String: Any]
                )
                #expect(log["version"] as? String == "2.1.0" && sarif.exitCode == 0)
                let json = try await stage.start(arguments + ["--format", "json"]).outcome()
                let report = try #require(
                    try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
                )
                #expect((report["diagnostics"] as? [Any])?.count == 1)
            }
        }
    }

    @Test func offlineNeedsNoDatabase() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", SpecsStage.campaign)
            let nowhere = ["DATABASE_URL": ""]
            let fine = try await stage.reconcile(stage.specs, "--offline", variables: nowhere)
            #expect(fine.exitCode == 0 && fine.output == "2 specs are valid; nothing was compared.\n")
            try stage.write("test/campaign.yaml", "kind: Campain\n")
            #expect(try await stage.reconcile(stage.specs, "--offline", variables: nowhere).exitCode == 1)
            let digest = "sha256:" + String(repeating: "0", count: 64)
            #expect(try await stage.reconcile(stage.specs, "--offline", "--expect-digest", digest).exitCode == 64)
            #expect(try await stage.reconcile(stage.specs, "--offline", "--state", "x").exitCode == 64)
        }
    }

    @Test func findingsNameTheirExplanationAndSureOnesAreCorrected() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/campaign.yaml", SpecsStage.campaign.replacing("type: manual", with: "Type: Manual"))
            let nowhere = ["DATABASE_URL": ""]
            let found = try await stage.reconcile("validate", stage.specs, variables: nowhere)
            #expect(found.exitCode == 1 && found.output.contains("`reconcile explain C012` explains the code"))
            #expect(!found.output.contains("\u{1B}["))
            let coloured = try await stage.reconcile("validate", stage.specs, "--color", "always", variables: nowhere)
            #expect(coloured.output.contains("\u{1B}[1;31merror[C012]"))
            let fixed = try await stage.reconcile("validate", stage.specs, "--fix", variables: nowhere)
            #expect(fixed.exitCode == 0 && fixed.errors.contains("corrected 2 mistakes in "), "\(fixed.errors)")
            let text = try String(contentsOfFile: stage.specs + "/test/campaign.yaml", encoding: .utf8)
            #expect(text == SpecsStage.campaign)
            let policy = try await stage.reconcile("explain", "policy", variables: nowhere)
            #expect(policy.exitCode == 0 && policy.output.contains("--allow-policy"))
            #expect(try await stage.reconcile("explain", "nonsense", variables: nowhere).exitCode == 64)
            #expect(try await stage.reconcile("explain", variables: nowhere).output.contains("tooManyChanges"))
        }
    }
}
