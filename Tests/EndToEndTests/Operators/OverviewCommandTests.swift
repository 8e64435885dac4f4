import Foundation
import JSON
import Postgres
import Store
import TestBed
import TestSupport
import Testing

/// `campaignd list`, `schedules`, `senders` and `errors`: what a person asks on the day of a launch.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct OverviewCommandTests {
    private static func items(_ stage: Stage, _ arguments: String...) async throws -> [JSONValue] {
        let outcome = try await Command.run(
            "campaignd",
            arguments + ["--format", "json"],
            environment: stage.environment
        )
        try #require(outcome.exitCode == 0, "\(outcome.errors)")
        let json = try JSONValue(parsing: outcome.output)
        return try #require(json["items"]?.arrayValue ?? json.arrayValue)
    }

    private static func execute(_ query: PostgresQuery, _ stage: Stage) async throws {
        try await stage.pool.execute(query)
    }

    @Test func campaignsAreListedWithTheirRuns() async throws {
        try await Stage.with(contacts: 4, rate: 80) { stage in
            try stage.addCampaign("other")
            try await stage.succeed("reconcile", stage.campaigns)
            try await stage.succeed("campaignd", "send", "test/hello")
            try await Self.execute("UPDATE campaign_runs SET pending = 3, sent = 1", stage)
            let text = try await stage.succeed("campaignd", "list")
            let lines = text.split(separator: "\n").map(String.init)
            #expect(lines.count == 3 && lines[0].hasPrefix("campaign    state    run "), "\(text)")
            #expect(
                lines[1].hasPrefix("test/hello  running  20") && lines[1].contains("  1 of 4 (25.0 %)  "),
                "\(text)"
            )
            #expect(lines[1].contains("  no_daemon since "))
            #expect(lines[2].wholeMatch(of: #/test/other  draft    never +- +- +-/#) != nil, "\(text)")

            let items = try await Self.items(stage, "list", "--tenant", "test")
            #expect(items.map { $0["name"]?.stringValue } == ["hello", "other"])
            #expect(items[0]["run"]?["messages"]?["sent"] == 1 && items[0]["run"]?["recipientCount"] == 4)
            #expect(items[0]["waiting"]?["reason"] == "no_daemon" && items[0]["messageTemplate"] == nil)
            #expect(items[1]["run"] == nil && items[1]["status"] == "draft")
            #expect(try await Self.items(stage, "list", "--state", "draft").count == 1)
            let cut = try await Command.run("campaignd", ["list", "--limit", "1"], environment: stage.environment)
            #expect(cut.output.split(separator: "\n").count == 2 && cut.errors.contains("more campaigns"))
            for command in ["list", "schedules", "senders", "watch"] {
                let wrong = try await Command.run(
                    "campaignd",
                    [command, "--tenant", "tset"],
                    environment: stage.environment
                )
                #expect(wrong.exitCode == 1, "\(command)")
                #expect(wrong.errors == "error: no tenant `tset`; did you mean `test`?\n", "\(command)")
            }
        }
    }

    @Test func schedulesAreShownByBothClocks() async throws {
        try await Stage.with(contacts: 2, rate: 80) { stage in
            let specs = """
                kind: Campaign
                name: weekly
                type: scheduled
                sender: main
                template: hello
                params: { "1": "{{name|there}}" }
                audience:
                  logic: AND
                  conditions:
                    - { field: tags, operator: contains, value: demo }
                ---
                kind: Schedule
                name: mondays
                campaign: weekly
                cron: "0 9 * * MON"
                timeZone: Africa/Nairobi
                """
            try specs.write(
                to: stage.folder.appending(path: "campaigns/test/weekly.yaml"),
                atomically: true,
                encoding: .utf8
            )
            try await stage.succeed("reconcile", stage.campaigns)
            let first = try await Self.items(stage, "schedules", "--count", "2")
            #expect(first.count == 1 && first[0]["name"] == "mondays" && first[0]["campaign"] == "weekly")
            let next = try #require(first[0]["next"]?.arrayValue)
            #expect(
                next.count == 2 && next.allSatisfy { $0["local"]?.stringValue?.hasSuffix("T09:00") == true },
                "\(next)"
            )
            #expect(next.allSatisfy { $0["at"]?.stringValue?.hasSuffix("T06:00:00Z") == true }, "\(next)")
            #expect(first[0]["last"]?.arrayValue == [])

            let due = try await stage.pool.query("SELECT \"nextRunAt\" FROM campaign_schedules")[0]
                .decode(0, as: Date.self)
            let firing = try #require(try await ScheduleRepository(pool: stage.pool).fireNext(now: due + 1))
            guard case .started(let run) = firing.outcome else {
                Issue.record("not started: \(firing.outcome)")
                return
            }
            let text = try await stage.succeed("campaignd", "schedules")
            #expect(
                text.hasPrefix("test/weekly  schedule mondays  cron 0 9 * * MON in Africa/Nairobi, 1 start\n"),
                "\(text)"
            )
            let day = due.formatted(.iso8601.year().month().day())
            let both = "\(day)T09:00 Africa/Nairobi = \(day)T06:00:00Z"
            #expect(text.contains("  last  \(both)  started run \(run.uuidString.lowercased())\n"), "\(text)")
            // While the run is open, the next time is skipped, and says so.
            let second = try await stage.pool.query("SELECT \"nextRunAt\" FROM campaign_schedules")[0]
                .decode(0, as: Date.self)
            _ = try await ScheduleRepository(pool: stage.pool).fireNext(now: second + 1)
            let again = try await Self.items(stage, "schedules")
            let last = try #require(again[0]["last"]?.arrayValue)
            #expect(last.map { $0["outcome"]?.stringValue } == ["skipped", "started"], "\(last)")
            #expect(
                last[0]["reason"]?.stringValue?.isEmpty == false
                    && last[1]["runId"]?.stringValue == run.uuidString.lowercased()
            )
        }
    }

    @Test func aTimeOfTheCampaignItselfIsASchedule() async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            try await Self.execute(
                """
                UPDATE campaigns SET status = 'scheduled', "scheduledAt" = '2099-01-01T09:00:00Z' WHERE name = 'hello'
                """,
                stage
            )
            let text = try await stage.succeed("campaignd", "schedules")
            #expect(text.contains("test/hello  once in UTC, 0 starts\n"), "\(text)")
            #expect(text.contains("  next  2099-01-01T09:00 UTC = 2099-01-01T09:00:00Z\n"), "\(text)")
        }
    }

    @Test func sendersShowPaceQuotaAndRestrictions() async throws {
        try await Stage.with(contacts: 300, rate: 10) { stage in
            try await stage.succeed("campaignd", "send", "test/hello")
            let daemon = try await stage.startDaemon()
            try await eventually(within: .seconds(90), "messages are sent") {
                try await stage.statuses()["queued"] ?? 0 > 0
            }
            let sender = try #require(try await Self.items(stage, "senders", "--for", "3").first)
            guard case .number(let rate)? = sender["currentRate"] else {
                Issue.record("no rate: \(sender)")
                return
            }
            #expect((1...10.5).contains(rate), "\(sender)")
            #expect(sender["ratePerSecond"] == 10 && sender["phoneNumberId"]?.stringValue == stage.phoneNumberID)
            #expect(sender["waiting"]?["reason"] == "moving" && sender["tierLimit"] == .null)
            #expect((sender["lane"]?["waiting"]?.integerValue ?? 0) > 0, "\(sender)")
            #expect((sender["messages"]?["queued"]?.integerValue ?? 0) > 0)
            daemon.signal(SIGTERM)
            _ = try await daemon.outcome()

            try await Self.execute(
                """
                UPDATE senders SET "pausedUntil" = now() + interval '1 hour', "dailyLimit" = 1000,
                    "displayPhoneNumber" = '+254 700 000 001', "businessAccountId" = '77', "qualityEvent" = 'FLAGGED'
                """,
                stage
            )
            try await Self.execute(
                """
                INSERT INTO whatsapp_accounts ("businessAccountId", restriction, "restrictedUntil", "restrictionAt")
                VALUES ('77', 'RESTRICTED_BIZ_INITIATED_MESSAGING', '2099-01-01', now())
                """,
                stage
            )
            try await Self.execute(
                """
                INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, reason, "statusAt")
                VALUES ('77', 'hello', 'en', 'PAUSED', 'low quality', now()), ('77', 'fine', 'en', 'APPROVED', NULL, now())
                """,
                stage
            )
            let text = try await stage.succeed("campaignd", "senders", "--for", "1")
            #expect(text.hasPrefix("test/main  number +254 700 000 001, id \(stage.phoneNumberID)\n"), "\(text)")
            #expect(text.contains("\n  rate       0/s of 10/s\n"), "\(text)")
            #expect(text.contains(#/\n  quota      \d+ used of 1,000 in 24 h, \d+ left/#), "\(text)")
            #expect(text.contains(#/\n  state      (no_daemon|rate_limited) since /#), "\(text)")
            #expect(text.contains("\n  silenced   until 20"), "\(text)")
            #expect(text.contains("\n  quality    FLAGGED"), "\(text)")
            #expect(
                text.contains("\n  restricted RESTRICTED_BIZ_INITIATED_MESSAGING until 2099-01-01T00:00:00Z\n"),
                "\(text)"
            )
            #expect(
                text.contains("\n  template   hello (en) PAUSED: low quality\n") && !text.contains("fine"),
                "\(text)"
            )

            var environment = stage.environment
            environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
            let blind = try await Command.run("campaignd", ["senders", "--for", "1"], environment: environment)
            #expect(blind.exitCode == 0 && blind.errors.hasPrefix("note: lanes are not shown: "), "\(blind.errors)")
            #expect(blind.output.contains("  quota  ") && !blind.output.contains("  lane  "))
        }
    }

    @Test func failuresAreToldByCodeWithExamplesAndRemedies() async throws {
        try await Stage.with(contacts: 20, rate: 80) { stage in
            try await stage.succeed("campaignd", "send", "test/hello")
            let none = try await stage.succeed("campaignd", "errors", "test/hello")
            #expect(none == "test/hello  0 messages failed\n")
            for (code, text, count) in [
                ("131026", "Message undeliverable", 9), ("132001", "Template name does not exist", 2),
                ("missing_value", "{{name}}: the contact has none", 1),
            ] {
                try await Self.execute(
                    """
                    UPDATE campaign_messages SET status = 'failed', "errorCode" = \(code), "errorMessage" = \(text),
                        "failedAt" = now()
                    WHERE id IN (SELECT id FROM campaign_messages WHERE status = 'pending' LIMIT \(count))
                    """,
                    stage
                )
            }
            try await Self.execute("UPDATE campaign_runs SET pending = 7, failed = 12, unconfirmed = 1", stage)
            let text = try await stage.succeed("campaignd", "errors", "hello", "--tenant", "test")
            #expect(
                text.hasPrefix("test/hello  12 messages failed\n        9 × 131026  recipient  not on WhatsApp"),
                "\(text)"
            )
            #expect(text.contains("            WhatsApp   Template name does not exist\n"), "\(text)")
            #expect(text.contains("            to do      compare the template's `whatsappName`"), "\(text)")
            #expect(text.contains("        1 × missing_value  message  a value of the contact is missing\n"), "\(text)")
            #expect(text.hasSuffix("1 message unconfirmed: decide with `campaignd settle test/hello`\n"), "\(text)")

            let codes = try await Self.items(stage, "errors", "test/hello")
            #expect(codes.map { $0["errorCode"]?.stringValue } == ["131026", "132001", "missing_value"])
            #expect(codes.map { $0["count"]?.integerValue } == [9, 2, 1])
            #expect(codes.map { $0["scope"]?.stringValue } == ["recipient", "campaign", "message"])
            #expect(codes.map { $0["messageIds"]?.arrayValue?.count } == [5, 2, 1])
            let id = try #require(codes[1]["messageIds"]?[0]?.stringValue.flatMap(UUID.init(uuidString:)))
            let stored = try await stage.pool.query("SELECT \"errorCode\" FROM campaign_messages WHERE id = \(id)")
            #expect(try stored[0].decode(0, as: String.self) == "132001")
            let run = try await Command.run(
                "campaignd",
                ["errors", "test/hello", "--run", UUID().uuidString],
                environment: stage.environment
            )
            #expect(run.exitCode != 0 && run.errors.contains("has no run"), "\(run.errors)")
        }
    }
}
