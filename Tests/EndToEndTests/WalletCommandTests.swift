import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// The wallet commands, from a tenant without a wallet to a paid run.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct WalletCommandTests {
    private static func wallet(_ stage: Stage, _ arguments: String...) async throws -> ChildProcess.Outcome {
        let arguments = ["wallet"] + arguments + ["--tenant", "test"]
        return try await Command.run("campaignd", arguments, environment: stage.environment)
    }

    private static func lines(_ balance: Int, held: Int, price: Int) -> String {
        """
        balance    \(balance) tokens
        held       \(held)
        available  \(balance - held)
        price      \(price) for a message

        """
    }

    @Test(.timeLimit(.minutes(3)))
    func tokensAreToppedUpHeldAndSpent() async throws {
        try await Stage.with(contacts: 20, rate: 80) { stage in
            let none = try await Self.wallet(stage, "show")
            #expect(none.exitCode == 1 && none.errors.contains("test"), "\(none.errors)")
            #expect(try await Self.wallet(stage, "price", "3").output == Self.lines(0, held: 0, price: 3))

            let first = try await Self.wallet(stage, "top-up", "50", "--reference", "invoice-1")
            #expect(first.output == "added 50 tokens\n" + Self.lines(50, held: 0, price: 3))
            let repeated = try await Self.wallet(stage, "top-up", "50", "--reference", "invoice-1")
            #expect(repeated.exitCode == 0 && repeated.output.hasSuffix(Self.lines(50, held: 0, price: 3)))
            let other = try await Self.wallet(stage, "top-up", "51", "--reference", "invoice-1")
            #expect(other.exitCode == 1 && other.errors.contains("invoice-1"), "\(other.errors)")

            let send = ["send", "hello", "--tenant", "test"]
            let poor = try await Command.run("campaignd", send, environment: stage.environment)
            #expect(poor.exitCode == 1 && poor.errors.contains("60") && poor.errors.contains("50"), "\(poor.errors)")
            #expect(try await stage.statuses().isEmpty, "nothing was launched")

            #expect(try await Self.wallet(stage, "top-up", "20", "--reference", "invoice-2").exitCode == 0)
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            #expect(try await Self.wallet(stage, "show").output == Self.lines(70, held: 60, price: 3))

            let daemon = try await stage.startDaemon()
            try await eventually(within: .seconds(30), "the run completes") {
                try await stage.runStatus() == "completed"
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
            #expect(try await Self.wallet(stage, "show").output == Self.lines(10, held: 0, price: 3))
            let audit = try await Self.wallet(stage, "audit")
            #expect(audit.output == "balance 10, held 0, spent 60: the ledger and the messages agree\n")

            try await stage.pool.execute("UPDATE wallets SET available = available + 1")
            let wrong = try await Self.wallet(stage, "audit")
            #expect(wrong.exitCode == 1 && wrong.output.isEmpty)
            #expect(wrong.errors == "error: the balance is 11, and the entries add up to 10\n")
        }
    }

    @Test(arguments: [
        ["wallet", "top-up", "0", "--reference", "r", "--tenant", "test"],
        ["wallet", "top-up", "1000000000001", "--reference", "r", "--tenant", "test"],
        ["wallet", "top-up", "5", "--reference", "", "--tenant", "test"],
        ["wallet", "top-up", "5", "--tenant", "test"], ["wallet", "price", "0", "--tenant", "test"],
        ["wallet", "price", "3", "--tenant", ""], ["wallet", "show"],
    ])
    func invalidAmountsAreRefused(arguments: [String]) async throws {
        let outcome = try await Command.run(
            "campaignd",
            arguments,
            environment: ProcessInfo.processInfo.environment
        )
        #expect(outcome.exitCode == 64, "\(outcome.errors)")
    }
}
