import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// Delivery with the real commands, from YAML to HTTP, judged from the receiver's ledger.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct DeliveryTests {
    @Test(.timing) func eachRecipientGetsOneMessageAtTheSendersRate() async throws {
        try await Stage.with(contacts: 300, rate: 80) { stage in
            let daemon = try await stage.startDaemon()
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            try await eventually(within: .seconds(60), "everything is reported") {
                let statuses = try await stage.statuses()
                return statuses["delivered", default: 0] + statuses["read", default: 0] == 300
            }
            try await eventually("the run completes") {
                try await stage.runStatus() == "completed"
            }
            let report = try await stage.succeed("campaignd", "report", "hello", "--tenant", "test")
            #expect(report.contains("recipients          300"))
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
            try await stage.checkLedger(recipients: 300, rate: 80)
        }
    }

    @Test func aHangUpMakesTheDaemonReload() async throws {
        let secret = FileManager.default.temporaryDirectory.appending(path: "app-secret-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: secret) }  // Temporary; the system removes it otherwise.
        try Data("secret".utf8).write(to: secret)
        try await Stage.with(contacts: 1, rate: 80) { stage in
            let stage = stage.with(["WHATSAPP_APP_SECRET": "file:\(secret.path)"])
            let daemon = try await stage.startDaemon()
            for number in 1...2 {
                daemon.signal(SIGHUP)
                try await eventually("it reloads") {
                    daemon.errors.components(separatedBy: "Reloaded").count > number
                }
            }
            #expect(daemon.errors.contains("WHATSAPP_APP_SECRET"))
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            try await eventually("the message is reported") {
                let statuses = try await stage.statuses()
                return statuses["delivered", default: 0] + statuses["read", default: 0] == 1
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
        }
    }

    @Test func daemonRaisesItsLimitOfOpenFilesAndWarnsWhenItIsLow() async throws {
        func files(_ daemon: ChildProcess) throws -> String? {
            let limits = try String(contentsOfFile: "/proc/\(daemon.processID)/limits", encoding: .utf8)
            return limits.firstMatch(of: /Max open files +(\d+)/).map { String($0.1) }
        }
        try await Stage.with(contacts: 1, rate: 80) { stage in
            let some = try await stage.startDaemon(after: "ulimit -Sn 256; ulimit -Hn 2000")
            #expect(try files(some) == "2000")
            some.signal(SIGTERM)
            #expect(try await !some.outcome().errors.contains("Limit of open files is too low"))
            let few = try await stage.startDaemon(after: "ulimit -Sn 256; ulimit -Hn 1000")
            #expect(try files(few) == "1000")
            few.signal(SIGTERM)
            #expect(try await few.outcome().errors.contains("files=1000 needed=1288"))
        }
    }

    @Test func launchingTwiceIsOneRun() async throws {
        try await Stage.with(contacts: 20, rate: 80) { stage in
            let first = try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            let second = try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            #expect(first.contains("launched: run"))
            #expect(second.contains("is under way already: run"))
            #expect(try await stage.statuses() == ["pending": 20])
        }
    }

    @Test func theLedgerOfACampaignIsItsOwn() async throws {
        try await Stage.with(contacts: 20, rate: 80) { stage in
            try stage.addCampaign("again")
            try await stage.succeed("reconcile", stage.campaigns)
            let daemon = try await stage.startDaemon()
            for (number, campaign) in ["hello", "again"].enumerated() {
                try await stage.succeed("campaignd", "send", campaign, "--tenant", "test")
                try await eventually(within: .seconds(30), "its ledger is written") {
                    try await LedgerReader(path: stage.ledger.path).summary().accepted == 20 * (number + 1)
                }
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
            let all = try await Command.run("campaignd", ["ledger", stage.ledger.path], environment: stage.environment)
            #expect(all.errors.contains("20 recipients got more than one message"))
            for campaign in ["hello", "again"] {
                let one = try await stage.succeed(
                    "campaignd",
                    "ledger",
                    stage.ledger.path,
                    "--tenant",
                    "test",
                    "--campaign",
                    campaign,
                    "--rate",
                    "80"
                )
                #expect(one.contains("accepted by the receiver  20, to 20 recipients"))
            }
        }
    }

    @Test(.timing) func killedDaemonLosesAndRepeatsNoMessage() async throws {
        // The shortest leases, so that what the killed daemons had cleared is settled soon.
        let variables = ["REQUEST_TIMEOUT": "1", "FLIGHT_LEASE": "6"]
        try await Stage.with(contacts: 400, rate: 80, variables: variables) { stage in
            var daemon = try await stage.startDaemon()
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            for killAfter in [80, 200] {
                try await eventually(within: .seconds(30), "\(killAfter) messages are sent") {
                    stage.simulator.summary().accepted >= killAfter
                }
                daemon.signal(SIGKILL)
                _ = try await daemon.outcome()
                daemon = try await stage.startDaemon()
            }
            try await eventually(within: .seconds(120), "every message has its end") {
                let statuses = try await stage.statuses()
                let unwritten = 400 - stage.simulator.summary().accepted
                return statuses["delivered", default: 0] + statuses["read", default: 0] == 400 - unwritten
                    && statuses["unconfirmed", default: 0] == unwritten
            }
            daemon.signal(SIGTERM)
            _ = try await daemon.outcome()
            let ledger = try await LedgerReader(path: stage.ledger.path).summary()
            #expect(ledger.repeatedRecipients.isEmpty)
            #expect((ledger.mostRequestsInOneSecond[stage.phoneNumberID] ?? 0) <= 80)
            // A kill between the mark and the write leaves a message unconfirmed; that is rare.
            #expect(ledger.recipients >= 398)
            // The kills have lost none of what is counted by the minute, and are told from the stop.
            let minutes = try await stage.pool.query(
                """
                SELECT sum(m.accepted - m.revoked) = r.sent + r.delivered + r.read AND sum(m.delivered) = r.delivered + r.read
                    AND sum(m.read) = r.read AND sum(m.failed) = r.failed
                FROM campaign_runs r JOIN run_minutes m ON m."runId" = r.id GROUP BY r.id
                """
            )
            #expect(try minutes.map { try $0.decode(0, as: Bool.self) } == [true])
            let ends = try await stage.pool.query(
                "SELECT \"stoppedAt\" IS NULL FROM daemon_heartbeats ORDER BY since"
            )
            #expect(try ends.map { try $0.decode(0, as: Bool.self) } == [true, true, false])
        }
    }

    /// Without the other daemon's look they would wait for ten seconds after their slots.
    @Test(.timing) func anotherDaemonTakesBackAtOnceWhatAKilledOneHeld() async throws {
        try await Stage.with(contacts: 1_000, rate: 160) { stage in
            let killed = try await stage.startDaemon()
            var number = 0
            try await eventually("its number is stored") {
                let rows = try await stage.pool.query("SELECT number FROM daemon_heartbeats WHERE number IS NOT NULL")
                number = try rows.first?.decode(0, as: Int.self) ?? 0
                return number > 0
            }
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            func held() async throws -> Int {
                try await stage.pool.query(
                    """
                    SELECT count(*) FROM campaign_messages
                    WHERE status = 'sending' AND holder / 1000000000 = \(number)
                    """
                )[0].decode(0)
            }
            try await eventually(within: .seconds(30), "it holds messages") {
                guard stage.simulator.summary().accepted > 50 else { return false }
                // What it holds changes with each millisecond, so it is counted while the daemon stands still.
                killed.signal(SIGSTOP)
                if try await held() > 8 { return true }
                killed.signal(SIGCONT)
                return false
            }
            let count = stage.simulator.summary().accepted
            let other = try await stage.startDaemon()
            try await eventually(within: .seconds(30), "the other one sends") {
                stage.simulator.summary().accepted > count + 10
            }
            killed.signal(SIGKILL)
            _ = try await killed.outcome()
            // Some may have been fired, and wait for 45 seconds.
            try await eventually(within: .seconds(4), "they are taken back") { try await held() <= 4 }
            try await eventually(within: .seconds(60), "all others are sent") {
                stage.simulator.summary().accepted >= 996
            }
            other.signal(SIGTERM)
            #expect(try await other.outcome().exitCode == 0)
            #expect(try await LedgerReader(path: stage.ledger.path).summary().repeatedRecipients.isEmpty)
        }
    }

    @Test(.timing) func stoppedDaemonReturnsUnsentMessages() async throws {
        try await Stage.with(contacts: 250, rate: 80) { stage in
            var daemon = try await stage.startDaemon()
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            try await eventually(within: .seconds(30), "some messages are sent") {
                stage.simulator.summary().accepted >= 60
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
            let statuses = try await stage.statuses()
            #expect(statuses["sending"] == nil)
            #expect(statuses["unconfirmed"] == nil)
            daemon = try await stage.startDaemon()
            try await eventually(within: .seconds(60), "the rest is sent") {
                try await stage.runStatus() == "completed"
            }
            daemon.signal(SIGTERM)
            _ = try await daemon.outcome()
            try await stage.checkLedger(recipients: 250, rate: 80)
        }
    }

    @Test(.timing) func severalDaemonsShareOneRate() async throws {
        try await Stage.with(contacts: 600, rate: 80) { stage in
            let daemons = try [
                await stage.startDaemon(), await stage.startDaemon(), await stage.startDaemon(),
            ]
            let start = ContinuousClock.now
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            try await eventually(within: .seconds(60), "the run completes") {
                try await stage.runStatus() == "completed"
            }
            // 600 messages at 80/s take 7.5 s, and the start and the end of the run about a second each.
            #expect(ContinuousClock.now - start < .seconds(14))
            for daemon in daemons { daemon.signal(SIGTERM) }
            for daemon in daemons { #expect(try await daemon.outcome().exitCode == 0) }
            try await stage.checkLedger(recipients: 600, rate: 80)
        }
    }
}
