import Foundation
import Postgres
import Store
import TestBed
import TestSupport
import Testing

/// `campaignd watch` in real pseudo-terminals, and where there is none.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct WatchCommandTests {
    /// A launched campaign, a heartbeat of a daemon, and failures of two codes.
    private static func withRun(_ body: (Stage) async throws -> Void) async throws {
        try await Stage.with(contacts: 100, rate: 10) { stage in
            try await stage.succeed("campaignd", "send", "test/hello", "--yes")
            try await DaemonRepository(pool: stage.pool).beat(UUID(), version: "1", lanes: [])
            for (code, count) in [("131026", 3), ("132001", 2)] {
                try await stage.pool.execute(
                    """
                    UPDATE campaign_messages SET status = 'failed', "errorCode" = \(code), "failedAt" = now()
                    WHERE id IN (SELECT id FROM campaign_messages WHERE status = 'pending' LIMIT \(count))
                    """
                )
            }
            try await stage.pool.execute("UPDATE campaign_runs SET pending = pending - 5, failed = failed + 5")
            try await body(stage)
        }
    }

    /// Moves messages from pending to accepted, as a daemon does.
    private static func accept(_ count: Int, _ stage: Stage) async throws {
        try await stage.pool.execute(
            "UPDATE campaign_runs SET pending = pending - \(count)::int, sent = sent + \(count)::int"
        )
        try await DaemonRepository(pool: stage.pool).beat(UUID(), version: "1", lanes: [])
    }

    private static func watch(
        _ stage: Stage,
        _ columns: Int,
        _ names: String...,
        body: (PseudoTerminal) async throws -> Void
    ) async throws {
        try await PseudoTerminal.with(
            "campaignd",
            ["watch"] + names,
            environment: stage.environment,
            columns: columns,
            body
        )
    }

    /// Waits until the progress of the run is on the screen once, and nothing of an earlier one.
    private static func see(_ tried: Int, on terminal: PseudoTerminal, columns: Int) async throws -> [String] {
        try await eventually(within: .seconds(90), "\(tried) of 100 are shown: \(terminal.rows)") {
            terminal.rows.contains { $0.contains("\(tried) of 100 tried") }
        }
        let rows = terminal.rows
        #expect(rows.count { $0.hasPrefix("test/hello") } == 1, "\(rows)")
        #expect(rows.count { $0.contains(" of 100 tried") } == 1, "\(rows)")
        #expect(rows.allSatisfy { $0.count <= columns }, "\(rows)")
        return rows
    }

    @Test(arguments: [60, 80, 200])
    func theScreenIsRightOnEveryWidth(columns: Int) async throws {
        try await Self.withRun { stage in
            try await Self.watch(stage, columns, "test/hello") { terminal in
                var tried = 5
                for _ in 1...4 {
                    let rows = try await Self.see(tried, on: terminal, columns: columns)
                    let text = rows.joined(separator: " ").replacing(#/ +/#, with: " ")
                    #expect(text.contains("failed 5 (\(tried == 5 ? "100.0" : "")"), "\(rows)")
                    #expect(text.contains("3 × 131026 (not on WhatsApp, or not reachable)"), "\(rows)")
                    #expect(text.contains("2 × 132001"), "\(rows)")
                    #expect(text.contains("done by 20"), "\(rows)")
                    tried += 10
                    try await Self.accept(10, stage)
                }
                try await eventually(within: .seconds(90), "the rate is shown: \(terminal.rows)") {
                    terminal.rows.contains { $0.contains("/s of 10/s") }
                }
                // The reason is longer than the narrow terminals, so it takes several rows, and returns to fewer.
                try await stage.succeed(
                    "campaignd",
                    "pause",
                    "test/hello",
                    "--reason",
                    "the price in the text was wrong today"
                )
                try await eventually(within: .seconds(90), "the pause is shown: \(terminal.rows)") {
                    terminal.rows.joined(separator: " ").replacing(#/ +/#, with: " ").contains(
                        "price in the text was wrong today"
                    )
                }
                try await stage.succeed("campaignd", "resume", "test/hello")
                try await Self.accept(0, stage)
                try await eventually(within: .seconds(90), "the pause is gone: \(terminal.rows)") {
                    !terminal.rows.contains { $0.contains("wrong today") || $0.contains("waits:") }
                }
                try await stage.succeed("campaignd", "cancel", "test/hello", "--yes")
                #expect(try await terminal.exitCode() == 0)
                try await eventually(within: .seconds(90), "the end is shown: \(terminal.rows)") {
                    let last = terminal.rows.joined(separator: " ")
                    return last.contains("test/hello  cancelled") && last.contains("45 of 100 tried")
                }
            }
        }
    }

    @Test func aChangeOfTheSizeRedrawsTheScreen() async throws {
        try await Self.withRun { stage in
            try await Self.watch(stage, 200, "test/hello") { terminal in
                let wide = try await Self.see(5, on: terminal, columns: 200)
                terminal.resize(columns: 60)
                // Nothing but the size has changed.
                try await eventually(within: .seconds(90), "the narrow screen is drawn: \(terminal.rows)") {
                    terminal.rows.count > wide.count
                }
                let narrow = try await Self.see(5, on: terminal, columns: 60)
                #expect(narrow.first?.hasPrefix("test/hello") == true, "\(narrow)")
                terminal.resize(columns: 120, rows: 5)
                try await eventually(within: .seconds(90), "the low screen is drawn: \(terminal.rows)") {
                    terminal.rows.count < narrow.count
                }
                try await Self.accept(10, stage)
                _ = try await Self.see(15, on: terminal, columns: 120)
                terminal.signal(SIGINT)
                #expect(try await terminal.exitCode() == SIGINT)
            }
        }
    }

    @Test func severalCampaignsAndAllOpenRunsAreWatched() async throws {
        try await Self.withRun { stage in
            try stage.addCampaign("second")
            try stage.addCampaign("idle")
            try await stage.succeed("reconcile", stage.campaigns, "--yes")
            try await stage.succeed("campaignd", "send", "test/second", "--yes")
            try await Self.watch(stage, 80, "test/hello", "test/second") { named in
                try await eventually(within: .seconds(90), "both are shown: \(named.rows)") {
                    ["test/hello", "test/second"].allSatisfy { name in named.rows.contains { $0.hasPrefix(name) } }
                }
            }
            let all = try await Command.start("campaignd", ["watch"], environment: stage.environment)
            try await eventually(within: .seconds(90), "both are printed") {
                all.output.contains("test/hello  ") && all.output.contains("test/second  ")
            }
            #expect(!all.output.contains("\u{1B}") && !all.output.contains("test/idle"))
            // A run that begins meanwhile is shown too, and those that end stay until all are over.
            try await stage.succeed("campaignd", "send", "test/idle", "--yes")
            try await eventually(within: .seconds(90), "the new run is printed") { all.output.contains("test/idle  ") }
            for name in ["hello", "second", "idle"] {
                try await stage.succeed("campaignd", "cancel", "test/\(name)", "--yes")
            }
            let outcome = try await all.outcome(within: .seconds(90))
            #expect(outcome.exitCode == 0)
            for name in ["hello", "second", "idle"] {
                #expect(outcome.output.contains("test/\(name)  cancelled"), "\(outcome.output)")
            }
            let nothing = try await stage.succeed("campaignd", "watch")
            #expect(nothing == "no open runs\n")
        }
    }

    @Test func eachChangeIsALineOfJSON() async throws {
        try await Self.withRun { stage in
            let watch = try await Command.start(
                "campaignd",
                ["watch", "test/hello", "--format", "json"],
                environment: stage.environment
            )
            try await eventually(within: .seconds(90), "the run is printed") { watch.output.hasSuffix("}\n") }
            try await stage.succeed("campaignd", "cancel", "test/hello", "--yes")
            let lines = try await watch.outcome(within: .seconds(90)).output.split(separator: "\n")
            try #require(lines.count >= 2)
            let objects = try lines.map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
            #expect(objects.first?["status"] as? String == "running")
            #expect(objects.last?["status"] as? String == "cancelled")
            #expect(objects.allSatisfy { $0["campaign"] as? String == "hello" && $0["tenantId"] as? String == "test" })
            let failures = try #require(objects[0]["failures"] as? [[String: Any]])
            #expect(failures.map { $0["errorCode"] as? String } == ["131026", "132001"])
            #expect((objects[0]["messages"] as? [String: Int])?["failed"] == 5)
        }
    }
}
