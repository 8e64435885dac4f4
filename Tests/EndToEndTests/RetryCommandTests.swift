import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// Sending again with the real commands: what failed, whole campaigns, and what is in doubt.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct RetryCommandTests {
    private static let failing = ["+254710000001": 131026, "+254710000002": 131026, "+254710000003": 131021]

    private static func campaignd(_ stage: Stage, _ arguments: String...) async throws -> ChildProcess.Outcome {
        try await Command.run("campaignd", arguments, environment: stage.environment)
    }

    /// Waits until so many runs are completed.
    private static func completes(_ stage: Stage, runs: Int) async throws {
        try await eventually(within: .seconds(60), "\(runs) runs are completed") {
            let rows = try await stage.pool.query("SELECT count(*) FROM campaign_runs WHERE status = 'completed'")
            return try rows[0].decode(0, as: Int.self) == runs
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func failedMessagesAndDoubtsAreSentAgainOnPurposeOnly() async throws {
        try await Stage.with(contacts: 30, rate: 80, variables: ["UNCONFIRMED_TIMEOUT": "2"]) { stage in
            var faults = SimulatorFaults()
            faults.recipientErrors = Self.failing
            try stage.simulator.setFaults(faults)
            let daemon = try await stage.startDaemon()
            try await stage.succeed("campaignd", "send", "test/hello")
            try await Self.completes(stage, runs: 1)

            // The cause is mended, and nothing happens without a yes.
            try stage.simulator.setFaults(SimulatorFaults())
            let asked = try await Self.campaignd(stage, "retry", "test/hello")
            #expect(asked.exitCode == 1 && asked.errors.contains("nothing was changed"), "\(asked.errors)")
            #expect(asked.output.contains("3 messages of the launch of "), "\(asked.output)")
            #expect(asked.output.contains("2 × 131026") && asked.output.contains("1 × 131021"), "\(asked.output)")
            let unknown = try await Self.campaignd(stage, "retry", "test/hello", "--code", "131000", "--yes")
            #expect(
                unknown.exitCode == 1 && unknown.output.contains("3 that failed with other codes"),
                "\(unknown.output)"
            )
            let one = try await stage.succeed("campaignd", "retry", "test/hello", "--code", "131021", "--yes")
            #expect(one.contains("is sent again where it failed: run") && one.contains("recipients  1 "), "\(one)")
            try await Self.completes(stage, runs: 2)
            try await stage.succeed("campaignd", "retry", "test/hello", "--yes")
            try await Self.completes(stage, runs: 3)
            let done = try await Self.campaignd(stage, "retry", "test/hello", "--yes")
            #expect(done.exitCode == 1 && done.errors.contains("no failed messages to repeat"), "\(done.errors)")
            try await stage.checkLedger(recipients: 30, rate: 80)
            let over = try await stage.succeed("campaignd", "send", "test/hello")
            #expect(over.contains("  once more   campaignd send test/hello --again"), "\(over)")
            let report = try await stage.succeed("campaignd", "report", "test/hello")
            #expect(
                report.contains("  repeats run   ") && report.contains("with the runs that it repeats, each"),
                "\(report)"
            )
            #expect(report.contains("  recipients           30\n"), "\(report)")

            // The whole campaign once more; many answers are lost, and no report comes.
            faults = SimulatorFaults()
            faults.lostAnswers = .init(share: 0.4, mode: .close)
            try stage.simulator.setFaults(faults)
            try stage.simulator.setWebhookURL(nil)
            func sendAgain() async throws -> String {
                try await stage.succeed("campaignd", "send", "test/hello", "--again", "--key", "monday", "--yes")
            }
            let again = try await sendAgain()
            #expect(again.contains("to 30 recipients; repeated at") && again.contains("is sent again: run"), "\(again)")
            try await Self.completes(stage, runs: 4)
            let repeated = try await sendAgain()
            #expect(repeated.contains("was sent again under this key already"), "\(repeated)")
            try stage.simulator.setFaults(SimulatorFaults())
            try await Self.settle(stage)
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
        }
    }

    private static func settle(_ stage: Stage) async throws {
        func settle(_ decision: String, _ arguments: String...) async throws -> ChildProcess.Outcome {
            let settle = ["settle", "test/hello", "--unconfirmed", decision]
            return try await Command.run("campaignd", settle + arguments, environment: stage.environment)
        }
        let doubts = try await stage.statuses()["unconfirmed", default: 0]
        try #require(doubts > 1)
        let early = try await settle("sent", "--older-than", "14m", "--yes")
        #expect(early.exitCode == 64 && early.errors.contains("at least 15m"), "\(early.errors)")
        let none = try await settle("sent", "--older-than", "15m")
        #expect(
            none.exitCode == 0 && none.output.contains("0 messages unconfirmed for 15m or longer"),
            "\(none.output)"
        )
        try await stage.pool.execute(
            """
            UPDATE campaign_messages SET "unconfirmedAt" = now() - interval '1 hour'
            WHERE id = (SELECT max(id::text)::uuid FROM campaign_messages WHERE status = 'unconfirmed')
            """
        )
        let asked = try await settle("resend", "--older-than", "15m")
        #expect(asked.exitCode == 1 && asked.errors.contains("Duplicates are possible"), "\(asked.errors)")
        #expect(asked.output.contains("1 message unconfirmed for 15m or longer"), "\(asked.output)")
        let sent = try await settle("sent", "--older-than", "15m", "--reason", "the shop saw it", "--yes")
        #expect(sent.exitCode == 0 && sent.output.contains("1 message settled: sent"), "\(sent.output)")
        let report = try await Command.run("campaignd", ["report", "test/hello"], environment: stage.environment)
        #expect(
            report.output.contains("1 unconfirmed for 15m or longer: sent (the shop saw it)"),
            "\(report.output)"
        )

        try await stage.pool.execute(
            "UPDATE campaign_messages SET \"unconfirmedAt\" = now() - interval '1 hour' WHERE status = 'unconfirmed'"
        )
        let resent = try await settle("resend", "--older-than", "15m", "--yes")
        let count = doubts - 1 == 1 ? "1 message" : "\(doubts - 1) messages"
        #expect(resent.exitCode == 0 && resent.output.contains("\(count) settled: resend"), "\(resent.output)")
        try await completes(stage, runs: 5)
        #expect(try await stage.statuses()["unconfirmed"] == nil)
    }
}
