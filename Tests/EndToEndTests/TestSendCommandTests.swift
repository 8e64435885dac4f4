import Foundation
import JSON
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// `campaignd send --test`: from the spec to the phone of a colleague.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct TestSendCommandTests {
    @Test(.timeLimit(.minutes(3)))
    func aTestReachesItsRecipientsAndNothingElse() async throws {
        try await Stage.with(contacts: 5, rate: 80) { stage in
            let tenant = "kind: Tenant\nname: test\ntestRecipients: [\"+254710000001\", \"+254 799 000 000\"]\n"
            let file = URL(filePath: stage.campaigns).appending(path: "test/tenant.yaml")
            let refused = try await Command.run(
                "campaignd",
                ["send", "test/hello", "--test", "+254710000001"],
                environment: stage.environment
            )
            #expect(refused.exitCode == 1 && refused.errors.contains("testRecipients"), "\(refused.errors)")
            try tenant.write(to: file, atomically: true, encoding: .utf8)
            #expect(try await stage.succeed("reconcile", stage.campaigns).contains("Tenant/test"))

            let stranger = try await Command.run(
                "campaignd",
                ["send", "test/hello", "--test", "+254799000000"],
                environment: stage.environment
            )
            #expect(stranger.exitCode == 1 && stranger.errors.contains("is no contact"), "\(stranger.errors)")
            let people = URL(filePath: stage.campaigns).appending(path: "people.csv")
            try "contactId\n+254799000000\n".write(to: people, atomically: true, encoding: .utf8)
            try await stage.succeed("campaignd", "contacts", "import", people.path, "--tenant", "test")

            let daemon = try await stage.startDaemon()
            let sent = try await stage.succeed(
                "campaignd",
                "send",
                "test/hello",
                "--test",
                "+254710000001",
                "--test",
                "+254799000000",
                "--reason",
                "new words"
            )
            #expect(sent.contains("test/hello is sent to 2 test recipients: test "), "\(sent)")
            #expect(
                sent.contains("+254799000000  {{name}} has no value: \"there\""),
                "\(sent)"
            )
            try await eventually(within: .seconds(60), "the test is complete") {
                try await stage.runStatus() == "completed"
            }
            try await eventually("both are reported") {
                let statuses = try await stage.statuses()
                return statuses["delivered", default: 0] + statuses["read", default: 0] == 2
            }
            #expect(stage.simulator.summary().recipients == 2)
            let list = try JSONValue(
                parsing: try await stage.succeed("campaignd", "tests", "test/hello", "--format", "json")
            )
            #expect(list["items"]?[0]?["reason"] == "new words" && list["items"]?[0]?["status"] == "completed")
            #expect(try await stage.succeed("campaignd", "tests", "test/hello").contains("+254799000000  "))
            let campaigns = try JSONValue(parsing: try await stage.succeed("campaignd", "list", "--format", "json"))
            #expect(campaigns.canonicalText.contains("draft"), "\(campaigns)")
            let report = try await Command.run("campaignd", ["report", "test/hello"], environment: stage.environment)
            #expect(report.exitCode == 1 && report.errors.contains("has no run"), "\(report.errors)")
            // The launch afterwards reaches all five of the audience, also the one who got the test.
            try await stage.succeed("campaignd", "send", "test/hello")
            try await eventually(within: .seconds(60), "the launch is sent") {
                stage.simulator.summary().accepted == 7
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
            try await Self.cancelsATest(stage)
        }
    }

    /// Without a daemon a test stays under way until it is cancelled.
    private static func cancelsATest(_ stage: Stage) async throws {
        try await stage.succeed("campaignd", "send", "test/hello", "--test", "+254799000000")
        let list = try JSONValue(
            parsing: try await stage.succeed("campaignd", "tests", "test/hello", "--format", "json")
        )
        let id = try #require(list["items"]?[0]?["id"]?.stringValue)
        let cancelled = try await stage.succeed("campaignd", "cancel", "test/hello", "--test", id, "--reason", "typo")
        #expect(cancelled.contains("test \(id) of test/hello cancelled"), "\(cancelled)")
        let shown = try await stage.succeed("campaignd", "tests", "test/hello")
        #expect(shown.contains("\(id)  cancelled  typo"), "\(shown)")
        #expect(try await stage.succeed("campaignd", "cancel", "test/hello", "--test", id).contains("already over"))
        for wrong in [UUID().uuidString.lowercased(), "no-id"] {
            let arguments = ["cancel", "test/hello", "--test", wrong]
            let refused = try await Command.run("campaignd", arguments, environment: stage.environment)
            #expect(refused.exitCode != 0 && refused.errors.contains(wrong), "\(refused.errors)")
        }
    }

    @Test func wrongOptionsAreRefused() async throws {
        for arguments in [
            ["--test", "+254710000001", "--again"], ["--reason", "x"], ["--key", "x"],
        ] {
            let outcome = try await Command.run("campaignd", ["send", "test/hello"] + arguments, environment: [:])
            #expect(outcome.exitCode == 64, "\(arguments): \(outcome.errors)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func contactCommandsPrintJSON() async throws {
        try await Stage.with(contacts: 2, rate: 80) { stage in
            let stage = stage.with(["ERASURE_KEY": String(repeating: "k", count: 32)])
            func json(_ arguments: String...) async throws -> JSONValue {
                let all = ["contacts"] + arguments + ["--tenant", "test", "--format", "json"]
                let outcome = try await Command.run("campaignd", all, environment: stage.environment)
                #expect(outcome.exitCode == 0, "\(outcome.errors)")
                return try JSONValue(parsing: outcome.output)
            }
            let out = try await json("suppress", "+254710000001", "--level", "marketing")
            #expect(out == ["items": [["contactId": "254710000001", "level": "marketing", "hasChanged": true]]])
            let back = try await json("unsuppress", "+254710000001", "+254710000002", "--reason", "x")
            #expect(back["items"]?.arrayValue?.map { $0["hasChanged"] } == [true, false])
            #expect(back["items"]?.arrayValue?.map { $0["level"] } == [.null, .null])
            let merged = try await json("merge", "254710000001", "--into", "254710000002", "--yes")
            #expect(merged["into"] == "254710000002" && merged["messages"] == 0)
            let erased = try await json("erase", "254710000002", "--yes")
            #expect(erased["contacts"] == 2 && erased["keepsOptOut"] == false)
        }
    }
}
