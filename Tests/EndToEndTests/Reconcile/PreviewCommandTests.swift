import Foundation
import JSON
import Postgres
import TestBed
import TestSupport
import Testing

/// `reconcile preview`: who gets a message, who is left out, and by whose window.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct PreviewCommandTests {
    private static func preview(_ stage: Stage, _ arguments: String...) async throws -> ChildProcess.Outcome {
        try await Command.run(
            "reconcile",
            ["preview", "test/hello", stage.campaigns] + arguments,
            environment: stage.environment
        )
    }

    @Test(.timeLimit(.minutes(3)))
    func contactsThatAreLeftOutAreCountedInEveryFormat() async throws {
        try await Stage.with(contacts: 20, rate: 80) { stage in
            try await stage.pool.execute(
                """
                UPDATE contacts SET
                    "optedIn" = "contactId" NOT LIKE '%1', "suppressedLevel" = CASE WHEN "contactId" LIKE '%2' THEN 'marketing' END,
                    "deactivatedAt" = CASE WHEN "contactId" LIKE '%20' THEN now() END, "lastSeen" = now()
                """
            )
            let text = try await Self.preview(stage)
            #expect(text.exitCode == 0, "\(text.errors)")
            for line in [
                "Recipients: 15", "  in window: 15 (no quota)", "Left out of 20 contacts within the filter:",
                "  1 deactivated",
                "  2 opted out", "  2 stopped marketing messages", "  20 contacts", "  19 active", "  17 opted in",
                "  15 not suppressed", "  15 in the audience", "  15 reachable",
            ] {
                #expect(text.output.split(separator: "\n").contains(Substring(line)), "\(line) in \(text.output)")
            }
            let json = try JSONValue(parsing: try await Self.preview(stage, "--format", "json").output)
            #expect(json["recipients"] == 15 && json["leftOut"]?["optedOut"] == 2 && json["funnel"]?["active"] == 19)
            #expect(json["samples"]?.arrayValue?.count == 5 && json["warning"] == nil)
            let markdown = try await Self.preview(stage, "--format", "markdown").output
            #expect(markdown.contains("| 15 | 15 | 0 |") && markdown.contains("Left out: 1 deactivated, 2 opted out"))
            // The launch leaves out the same people.
            let launch = try await stage.succeed("campaignd", "send", "test/hello")
            #expect(launch.contains("recipients  15 ("), "\(launch)")
            #expect(launch.contains("left out    1 deactivated") && launch.contains("2 stopped marketing"), "\(launch)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func messagesAreShownAsTheirRecipientsGetThem() async throws {
        try await Stage.with(contacts: 6, rate: 80) { stage in
            try await stage.pool.execute("UPDATE contacts SET name = NULL WHERE \"contactId\" LIKE '%2'")
            let text = try await Self.preview(stage, "--render", "2")
            #expect(text.exitCode == 0, "\(text.errors)")
            for line in [
                "  {{name}}: 1 of 6 recipients have no value, who get \"there\"", "  | Hello Contact 1",
                "  | Hello there",
                "  {{name}} has no value, so \"there\" is sent",
            ] {
                #expect(text.output.split(separator: "\n").contains(Substring(line)), "\(line) in \(text.output)")
            }
            #expect(text.output.contains("Message to 25********01 (outside):") && !text.output.contains("254710000001"))
            let json = try JSONValue(parsing: try await Self.preview(stage, "--render", "6", "--format", "json").output)
            #expect(json["placeholders"] == [["placeholder": "name", "fallback": "there", "missing": 1]])
            #expect(
                json["messages"]?.arrayValue?.count == 6
                    && json["messages"]?.arrayValue?[0]["body"] == "Hello Contact 1"
            )
            #expect(json["messages"]?.arrayValue?[1]["fallbacks"] == [["placeholder": "name", "text": "there"]])
            let markdown = try await Self.preview(stage, "--render", "1", "--format", "markdown").output
            #expect(markdown.contains("```text\nHello Contact 1\n```"), "\(markdown)")
            #expect(try await Self.preview(stage, "--render", "101").exitCode == 64)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func theWindowOfAnotherSenderCounts() async throws {
        try await Stage.with(contacts: 4, rate: 80) { stage in
            let spec = """
                kind: Sender
                name: second
                phoneNumberId: "777000777"
                accessToken: env:WHATSAPP_TOKEN_TEST
                """
            let file = URL(filePath: stage.campaigns).appending(path: "test/second.yaml")
            try spec.write(to: file, atomically: true, encoding: .utf8)
            try await stage.pool.execute("UPDATE contacts SET \"lastSeen\" = now()")
            try await stage.pool.execute(
                """
                INSERT INTO contact_windows ("contactId", "phoneNumberId", "tenantId", "lastInboundAt")
                SELECT id, CASE WHEN "contactId" LIKE '%1' THEN '777000777' ELSE \(stage.phoneNumberID) END, 'test', now()
                FROM contacts
                """
            )
            #expect(try await Self.preview(stage).output.contains("in window: 3 "))
            #expect(try await Self.preview(stage, "--sender", "second").output.contains("in window: 1 "))
            let unknown = try await Self.preview(stage, "--sender", "secnd")
            #expect(unknown.exitCode == 64 && unknown.errors.contains("second"), "\(unknown.errors)")
            // No recipient is left.
            try await stage.pool.execute("UPDATE contacts SET \"optedIn\" = false")
            let nobody = try await Self.preview(stage).output
            #expect(
                nobody.contains("warning: the campaign reaches nobody") && nobody.contains("4 opted out"),
                "\(nobody)"
            )
        }
    }
}
