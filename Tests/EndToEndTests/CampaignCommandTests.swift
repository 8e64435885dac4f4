import Foundation
import Postgres
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
            for command in ["send", "pause", "resume", "cancel", "report", "watch"] {
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

    @Test func commandsSayThatNoDaemonRuns() async throws {
        try await Stage.with(contacts: 3, rate: 80) { stage in
            let sent = try await Self.campaignd(stage, ["send", "test/hello"])
            #expect(sent.output.contains("\n  waits       no_daemon since "), "\(sent.output)")
            let watched = try await Self.campaignd(stage, ["watch", "test/hello", "--timeout", "0"])
            #expect(watched.output.contains("\n  waits: no_daemon since "), "\(watched.output)")
            let reported = try await Self.campaignd(stage, ["report", "test/hello"])
            #expect(reported.output.contains("\n  waits         no_daemon since "), "\(reported.output)")
            #expect(reported.output.contains(#/  launched by .+ \(command\)\n/#), "\(reported.output)")
            _ = try await Self.campaignd(stage, ["pause", "test/hello", "--reason", "wrong price"])
            let resumed = try await Self.campaignd(stage, ["resume", "test/hello"])
            #expect(resumed.errors == "note: no daemon runs; start one with `campaignd run`\n")
        }
    }

    @Test func aPortInUseIsOneLine() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            let daemon = try await stage.startDaemon()
            let port = try #require(daemon.errors.firstMatch(of: /url=http:\/\/127\.0\.0\.1:(\d+)/)).1
            let environment = stage.environment.merging(["HTTP_PORT": String(port)]) { $1 }
            let second = try await Command.run("campaignd", ["run"], environment: environment)
            #expect(second.exitCode == 1)
            #expect(second.errors.hasPrefix("error: cannot listen on 127.0.0.1:\(port): "), "\(second.errors)")
            #expect(second.errors.split(separator: "\n").count == 1, "\(second.errors)")
            daemon.signal(SIGTERM)
            let log = try await daemon.outcome().errors
            #expect(log.contains("Starting") && log.contains("version="), "\(log)")
        }
    }

    @Test func aNameThatSeveralDraftsHaveNeedsAnID() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            try await stage.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
                SELECT "tenantId", CASE n WHEN 3 THEN name ELSE 'draft' END, type, "senderId", "messageTemplate",
                    "audienceFilter"
                FROM campaigns CROSS JOIN generate_series(1, 3) n
                """
            )
            let rows = try await stage.pool.query("SELECT id::text FROM campaigns WHERE name = 'draft'")
            let ids = try rows.map { try $0.decode(0, as: String.self) }
            for command in ["send", "pause", "watch"] {
                let outcome = try await Self.campaignd(stage, [command, "test/draft"])
                #expect(outcome.exitCode == 1, "\(command)")
                #expect(ids.allSatisfy(outcome.errors.contains) && outcome.errors.contains("--id"), "\(outcome.errors)")
            }
            let sent = try await Self.campaignd(stage, ["send", "--id", ids[0]])
            #expect(sent.exitCode == 0 && sent.output.hasPrefix("test/draft launched"), "\(sent.errors)")
            // The campaign of the spec, not the draft with its name.
            #expect(try await Self.campaignd(stage, ["send", "test/hello"]).exitCode == 0)
            let managed = try await stage.pool.query(
                "SELECT \"managedBy\" FROM campaigns WHERE name = 'hello' AND status <> 'draft'"
            )
            #expect(try managed.map { try $0.decode(0, as: String?.self) } == ["spec"])
            for arguments in [["pause"], ["pause", "test/hello", "--id", ids[0]], ["pause", "--id", "x"]] {
                #expect(try await Self.campaignd(stage, arguments).exitCode == 64)
            }
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
