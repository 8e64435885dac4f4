import Foundation
import TestBed
import TestSupport
import Testing

/// `campaignd contacts import --from-sql` and `--refused`.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct ContactImportCommandTests {
    private static func run(_ stage: Stage, _ arguments: String...) async throws -> ChildProcess.Outcome {
        try await Command.run(
            "campaignd",
            ["contacts", "import", "--tenant", "test"] + arguments,
            environment: stage.environment
        )
    }

    @Test(.timeLimit(.minutes(2)))
    func rowsOfAQueryAreImported() async throws {
        try await Stage.with(contacts: 2, rate: 80) { stage in
            let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }  // A folder left in /tmp is harmless.
            let refused = folder.appending(path: "refused.csv").path
            let sql = "SELECT phone, 'Ann' AS name FROM (VALUES ('254700000001'), ('0700'), ('254700000002')) v (phone)"
            let source = ["--from-sql", sql, "--from-database", "env:DATABASE_URL"]
            let outcome = try await Command.run(
                "campaignd",
                ["contacts", "import", "--tenant", "test", "--refused", refused] + source,
                environment: stage.environment
            )
            #expect(outcome.exitCode == 1, "\(outcome.errors)")
            #expect(outcome.output.hasPrefix("imported 2 contacts: 2 new"), "\(outcome.output)")
            #expect(outcome.errors.contains("the query: line 3: phone: `0700`"), "\(outcome.errors)")
            let lines = try String(contentsOfFile: refused, encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 2 && lines[0] == #""name","phone","refusal""#, "\(lines)")
            #expect(lines[1].hasPrefix(#""Ann","0700","phone: `0700` "#), "\(lines)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func whatIsMissingIsSaid() async throws {
        try await Stage.with(contacts: 2, rate: 80) { stage in
            #expect(try await Self.run(stage).exitCode == 64)
            #expect(try await Self.run(stage, "a.csv", "--from-sql", "SELECT 1").exitCode == 64)
            #expect(try await Self.run(stage, "--from-sql", "SELECT 1").exitCode == 64)
            #expect(try await Self.run(stage, "a.csv", "--refused", "a.csv").exitCode == 64)
            let unset = try await Self.run(stage, "--from-sql", "SELECT 1", "--from-database", "env:NOT_SET")
            #expect(unset.errors.contains("NOT_SET is not set"), "\(unset.errors)")
        }
    }
}
