import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// The questions of commands: on a terminal they show what will happen and ask, elsewhere they go on.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct QuestionTests {
    /// Answers the question of a command, and returns what was on the screen before, and the exit code.
    private static func answer(
        _ answer: String,
        to question: String,
        _ command: String,
        _ arguments: [String],
        _ stage: Stage
    ) async throws -> (screen: String, exitCode: Int32) {
        try await PseudoTerminal.with(
            command,
            arguments,
            environment: stage.environment,
            columns: 100,
            rows: 60
        ) { terminal in
            try await eventually(within: .seconds(90), "it asks: \(terminal.rows)") {
                terminal.rows.last?.hasPrefix(question) == true
            }
            let screen = terminal.rows.joined(separator: "\n")
            try terminal.type(answer + "\n")
            return (screen, try await terminal.exitCode())
        }
    }

    private static func runs(_ stage: Stage) async throws -> [String] {
        try await stage.pool.query("SELECT status FROM campaign_runs").map { try $0.decode(0, as: String.self) }
    }

    @Test func sendShowsTheLaunchAndAsks() async throws {
        try await Stage.with(contacts: 7, rate: 80) { stage in
            let question = "Launch it? [y/N]"
            let no = try await Self.answer("n", to: question, "campaignd", ["send", "test/hello"], stage)
            #expect(no.exitCode == 1)
            #expect(
                no.screen.contains("test/hello will be launched\n  recipients  7 (0 in their 24 h window"),
                "\(no.screen)"
            )
            #expect(no.screen.contains("\n  sender      main at 80/s\n  done by     20"), "\(no.screen)")
            #expect(no.screen.contains("\n  quota       0 in 24 h, unlimited"), "\(no.screen)")
            #expect(try await Self.runs(stage) == [])
            let campaign = try await stage.pool.query("SELECT status FROM campaigns")[0].decode(0, as: String.self)
            #expect(campaign == "draft", "the preview was rolled back")

            let yes = try await Self.answer("y", to: question, "campaignd", ["send", "test/hello"], stage)
            #expect(yes.exitCode == 0)
            #expect(try await Self.runs(stage) == ["running"])
            // There is nothing to ask about a campaign that was launched.
            try await PseudoTerminal.with(
                "campaignd",
                ["send", "test/hello"],
                environment: stage.environment,
                columns: 100
            ) { terminal in
                #expect(try await terminal.exitCode() == 0)
                try await eventually("the output is read") { terminal.output.contains("is under way already") }
            }
        }
    }

    @Test func cancelShowsHowFarItIsAndAsks() async throws {
        try await Stage.with(contacts: 4, rate: 80) { stage in
            try await stage.succeed("campaignd", "send", "test/hello")
            try await stage.pool.execute("UPDATE campaign_runs SET pending = 3, sent = 1")
            let question = "Cancel it? This cannot be undone. [y/N]"
            let no = try await Self.answer("", to: question, "campaignd", ["cancel", "test/hello"], stage)
            #expect(no.exitCode == 1)
            #expect(
                no.screen.contains("test/hello is running: 1 of 4 (25.0 %) tried\n  3 messages wait"),
                "\(no.screen)"
            )
            #expect(try await Self.runs(stage) == ["running"])
            let yes = try await Self.answer("yes", to: question, "campaignd", ["cancel", "test/hello"], stage)
            #expect(yes.exitCode == 0)
            #expect(try await Self.runs(stage) == ["cancelled"])
        }
    }

    @Test func reconcileShowsThePlanAndAsks() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            try stage.addCampaign("second")
            let question = "Apply these changes? [y/N]"
            func count() async throws -> Int {
                try await stage.pool.query("SELECT count(*) FROM campaigns")[0].decode(0, as: Int.self)
            }
            let no = try await Self.answer("n", to: question, "reconcile", [stage.campaigns], stage)
            #expect(no.exitCode == 1 && no.screen.contains("second"), "\(no.screen)")
            #expect(try await count() == 1)
            let yes = try await Self.answer("y", to: question, "reconcile", [stage.campaigns], stage)
            #expect(yes.exitCode == 0)
            #expect(try await count() == 2)
            // Nothing to change is nothing to ask, and --yes answers.
            try stage.addCampaign("third")
            for arguments in [[stage.campaigns, "--yes"], [stage.campaigns]] {
                try await PseudoTerminal.with(
                    "reconcile",
                    arguments,
                    environment: stage.environment,
                    columns: 100
                ) { terminal in
                    let code = try await terminal.exitCode()
                    #expect(code == 0, "\(terminal.output)")
                    #expect(!terminal.output.contains("[y/N]"))
                }
            }
            #expect(try await count() == 3)
        }
    }

    @Test func yesAnswersAndPipelinesAreNotAsked() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            try await PseudoTerminal.with(
                "campaignd",
                ["send", "test/hello", "--yes"],
                environment: stage.environment,
                columns: 100
            ) { terminal in
                let code = try await terminal.exitCode()
                #expect(code == 0)
                #expect(!terminal.output.contains("[y/N]"))
            }
            let cancelled = try await Command.run(
                "campaignd",
                ["cancel", "test/hello"],
                environment: stage.environment
            )
            #expect(cancelled.exitCode == 0 && cancelled.output == "test/hello cancelled\n", "\(cancelled.errors)")
            #expect(!cancelled.errors.contains("[y/N]"))
        }
    }
}
