import TestBed
import TestSupport
import Testing

/// Names of campaigns in commands, and the errors for campaigns that do not exist.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct CampaignCommandTests {
    private static func campaignd(_ stage: Stage, _ arguments: [String]) async throws -> ChildProcess.Outcome {
        try await Command.run("campaignd", arguments, environment: stage.environment)
    }

    @Test func unknownCampaignsAreAnErrorWithASuggestion() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            for command in ["send", "pause", "resume", "cancel", "report"] {
                let outcome = try await Self.campaignd(stage, [command, "helo", "--tenant", "test"])
                #expect(outcome.exitCode == 1 && outcome.output.isEmpty, "\(command)")
                #expect(outcome.errors == "error: no campaign `helo` in tenant `test`; did you mean `hello`?\n")
            }
            let early = try await Self.campaignd(stage, ["pause", "test/hello"])
            #expect(early.exitCode == 1)
            #expect(
                early.errors
                    == "error: campaign `hello` of tenant `test` has no run; launch it with `campaignd send test/hello`\n"
            )
        }
    }

    @Test func theTenantMayComeBeforeTheName() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            #expect(try await Self.campaignd(stage, ["send", "test/hello"]).exitCode == 0)
            #expect(try await Self.campaignd(stage, ["pause", "test/hello"]).output == "test/hello paused\n")
            let resumed = try await Self.campaignd(stage, ["resume", "hello", "--tenant", "test"])
            #expect(resumed.output == "test/hello resumed\n")
            let watched = try await Self.campaignd(stage, ["watch", "test/hello", "--timeout", "0"])
            #expect(watched.exitCode == 1 && watched.output.hasPrefix("test/hello  "), "\(watched.errors)")
            #expect(try await Self.campaignd(stage, ["cancel", "test/hello"]).output == "test/hello cancelled\n")
        }
    }

    @Test func wrongUsageExitsWith64InBothCommands() async throws {
        for (command, arguments) in [("campaignd", ["pause", "offer"]), ("reconcile", ["preview", "offer"])] {
            let outcome = try await Command.run(command, arguments)
            #expect(outcome.exitCode == 64, "\(command)")
            #expect(outcome.errors.hasPrefix("error: The tenant of `offer` is missing"), "\(outcome.errors)")
            #expect(outcome.errors.contains("Usage: \(command) "), "\(outcome.errors)")
        }
    }
}
