import Foundation
import JSON
import JSONSchema
import Spec
import TestBed
import Testing

/// Help for authors: first folders, schemas, completions and findings for programs.
struct EditorCommandTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func reconcile(_ arguments: String...) async throws -> ChildProcess.Outcome {
        try await Command.run("reconcile", arguments)
    }

    @Test func firstFolderIsValidAndNeverOverwritten() async throws {
        try await TemporaryFolder.with { folder in
            let specs = folder.appending(path: "campaigns")
            #expect(try await reconcile("init", "first-tenant", specs.path).exitCode == 0)
            let validated = try await reconcile("validate", specs.path, "--deny", "warnings")
            #expect(validated.exitCode == 0, "\(validated.output)")
            #expect(validated.output == "5 specs of 1 tenant with 0 errors and 0 warnings.\n")
            let sender = specs.appending(path: "first-tenant/sender.yaml")
            let text = try String(contentsOf: sender, encoding: .utf8)
            #expect(text.hasPrefix(SpecSchema.modeline + "\n") && text.contains("env:WHATSAPP_TOKEN_FIRST_TENANT"))
            let schema = specs.appending(path: ".schema/\(SpecSchema.fileName(of: nil))")
            #expect(try String(contentsOf: schema, encoding: .utf8) == SpecSchema.text(of: nil))

            try "kind: Sender\n".write(to: sender, atomically: true, encoding: .utf8)
            let again = try await reconcile("init", "first-tenant", specs.path)
            #expect(again.exitCode == 1 && again.errors.contains("already exists"))
            #expect(try String(contentsOf: sender, encoding: .utf8) == "kind: Sender\n")
            #expect(try await reconcile("init", "Second", specs.path).exitCode == 64)
            #expect(try await reconcile("init", "second", specs.path).exitCode == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: specs.path)
            #expect(names.sorted() == [".schema", "first-tenant", "second"])
        }
    }

    @Test func schemaGoesToOutputOrIntoAFolder() async throws {
        try await TemporaryFolder.with { folder in
            #expect(try await reconcile("schema").output == SpecSchema.text(of: nil))
            let written = try await reconcile("schema", "--kind", "Campaign", "--into", folder.path)
            #expect(written.exitCode == 0 && written.output.isEmpty)
            let file = folder.appending(path: SpecSchema.fileName(of: .campaign))
            #expect(try String(contentsOf: file, encoding: .utf8) == SpecSchema.text(of: .campaign))
            #expect(try await reconcile("schema", "--kind", "Campain").exitCode == 64)
        }
    }

    @Test(arguments: ["reconcile", "campaignd"], ["bash", "zsh", "fish"])
    func completionsAreGenerated(command: String, shell: String) async throws {
        let arguments = ["--generate-completion-script", shell]
        let outcome = try await Command.run(command, arguments)
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.contains(command == "reconcile" ? "validate" : "simulate"))
    }

    @Test func findingsAndReportsFitTheirSchemas() async throws {
        try await TemporaryFolder.with { folder in
            let tenant = folder.appending(path: "specs/test")
            try FileManager.default.createDirectory(at: tenant, withIntermediateDirectories: true)
            let text =
                "kind: Sender\nname: main\nphoneNumberId: \"1\"\naccessToken: env:T\ntier: 2\ndailyLimit: 5\nrate: 1\n"
            try text.write(to: tenant.appending(path: "a.yaml"), atomically: true, encoding: .utf8)
            let specs = folder.appending(path: "specs").path
            let findings = try JSONValue(parsing: try await reconcile("validate", specs, "--format", "json").output)
            #expect(try Self.validator("validate").failures(of: findings).isEmpty)
            #expect(findings["errorCount"] == 2 && findings["diagnostics"]?[0]?["help"] != nil)
            let report = try JSONValue(parsing: try await reconcile(specs, "--offline", "--format", "json").output)
            #expect(try Self.validator("plan").failures(of: report).isEmpty)
            #expect(report["digest"] == nil && report["diagnostics"]?.arrayValue?.count == 2)
        }
    }

    private static func validator(_ name: String) throws -> SchemaValidator {
        let data = try Data(contentsOf: root.appending(path: "docs/\(name).schema.json"))
        return SchemaValidator(try JSONValue(parsing: data))
    }
}
