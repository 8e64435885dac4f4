import Foundation
import Postgres
import TestBed

extension Cell {
    /// Deaths of a daemon at each step between claiming a message and acknowledging it.
    static let daemonDeaths: [Cell] = [
        death("A1", "SIGKILL after a chunk was claimed", at: "chunkClaimed", 1...3, isQuick: true),
        death("A2", "SIGKILL after ids were pushed, before Postgres knows", at: "idsPushed", 1...3),
        death("A3", "SIGKILL with slots reserved and the reply unread", at: "slotsReserved", 3...20),
        death("A4", "SIGKILL before messages are marked as being sent", at: "beginning", 3...20),
        death("A5", "SIGKILL after the mark, before clearance", at: "begun", 3...20),
        death("A5b", "SIGKILL after clearance, before a request is written", at: "cleared", 5...60, isQuick: true),
        death(
            "A6",
            "SIGKILL with requests written and no answer",
            at: "requestWritten",
            10...60,
            StageSetup(faults: #"{"latency": {"minimumMilliseconds": 400, "maximumMilliseconds": 800}}"#),
            isQuick: true
        ),
        death("A7", "SIGKILL after the answer, before Postgres", at: "answerRead", 10...100),
        death("A8", "SIGKILL after Postgres, before leases end", at: "outcomesCommitted", 5...60, isQuick: true),
        death("A9", "SIGKILL in the middle of a flush", at: "flushing", 5...60),
        death("A9b", "SIGKILL after answers arrived, before their flush", at: "outcomesTaken", 5...60),
        Cell("A10", "SIGKILL in the middle of a rebuild") { stage in
            try await stage.untilAccepted(0.2)
            try await stage.daemons[0].kill()
            try await stage.daemons[0].start(["CRASH_AT": "rebuilding:\(stage.pick(1...2))"])
            // The other daemon must not rebuild first.
            stage.daemons[1].signal(SIGSTOP)
            try await stage.pause(2_000...3_000)
            try await stage.redis.send("FLUSHALL")
            try await stage.daemons[0].end(within: .seconds(30))
            stage.daemons[1].signal(SIGCONT)
            try await stage.pause(0...2_000)
        },
        Cell("A13", "SIGKILL while the leases of a dead daemon are taken back", StageSetup(doubts: 5)) { stage in
            try await stage.untilAccepted(0.2)
            // The other daemon must not take them back first.
            stage.daemons[1].signal(SIGSTOP)
            try await stage.daemons[0].kill()
            try await stage.daemons[0].start(["CRASH_AT": "leasesTakenOver"])
            try await stage.daemons[0].end(within: .seconds(30))
            stage.daemons[1].signal(SIGCONT)
            try await stage.pause(0...2_000)
        },
    ]

    /// A loop of kills at any instant.
    static let killLoops: [Cell] = [
        Cell("K10", "10 random SIGKILLs", StageSetup(drain: .seconds(200), runsAlone: true), isQuick: true) { stage in
            try await stage.killLoop(10, pauses: 400...1_500)
        },
        Cell("K60", "60 random SIGKILLs over 20,000 messages at 500/s, FLUSHALL meanwhile", doubtful(100)) { stage in
            let last = stage.pick(20...40)
            try await stage.killLoop(60, pauses: 100...1_000) { number in
                guard number == last else { return }
                // At any time after a kill, as the kills themselves.
                try await stage.pause(100...1_000)
                try await stage.redis.send("FLUSHALL")
            }
        },
        Cell("K60b", "60 random SIGKILLs over 20,000 messages at 500/s", doubtful(60)) { stage in
            try await stage.killLoop(60, pauses: 100...1_000)
        },
        Cell(
            "K200",
            "200 random SIGKILLs over 50,000 messages, FLUSHALL and a restart of Postgres meanwhile",
            StageSetup(recipients: (25_000, 25_000), ratePerSecond: 120, drain: .seconds(900))
        ) { stage in
            try await stage.killLoop(200, pauses: 100...1_300) { number in
                switch number {
                case 60, 130: try await stage.redis.send("FLUSHALL")
                case 90:
                    try await stage.postgres.stopImmediately()
                    try await stage.pause(1_000...3_000)
                    try await stage.postgres.start()
                default: break
                }
            }
        },
    ]

    /// Makes two senders that share 500 messages per second, of which few may stay in doubt.
    private static func doubtful(_ limit: Int) -> StageSetup {
        StageSetup(
            recipients: (10_000, 10_000),
            ratePerSecond: 250,
            doubts: limit,
            drain: .seconds(300),
            runsAlone: true
        )
    }

    private static func death(
        _ name: String,
        _ title: String,
        at point: String,
        _ times: ClosedRange<Int>,
        _ setup: StageSetup = StageSetup(),
        isQuick: Bool = false
    ) -> Cell {
        Cell(name, title, setup, isQuick: isQuick) { stage in
            try await stage.crash(at: point, times)
        }
    }
}

extension Cell {
    /// Daemons that are suspended, stopped or run twice.
    static let daemonStops: [Cell] = [
        Cell("A11", "SIGSTOP for 0.9 s, 10 s and twice the lease, then SIGCONT") { stage in
            for duration in [900...900, 10_000...10_000, 24_000...24_000] {
                try await stage.pause(500...1_500)
                stage.daemons[0].signal(SIGSTOP)
                try await stage.pause(duration)
                stage.daemons[0].signal(SIGCONT)
            }
        },
        Cell("A12", "SIGTERM under load, SIGTERM again, and SIGKILL while draining") { stage in
            try await stage.untilAccepted(0.1)
            stage.daemons[0].signal(SIGTERM)
            try await stage.daemons[0].end(within: .seconds(45))
            try await stage.daemons[0].start()
            try await stage.untilAccepted(0.4)
            stage.daemons[1].signal(SIGTERM)
            try await stage.pause(0...300)
            stage.daemons[1].signal(SIGTERM)
            try await stage.pause(0...50)
            try await stage.daemons[1].kill()
        },
        Cell("I1", "Two feeders and two senders of everything; one sleeps longer than its leases") { stage in
            for _ in 0..<2 {
                stage.daemons[0].signal(SIGSTOP)
                try await stage.pause(100...400)
                stage.daemons[1].signal(SIGSTOP)
                stage.daemons[0].signal(SIGCONT)
                try await stage.pause(100...400)
                stage.daemons[1].signal(SIGCONT)
            }
            stage.daemons[0].signal(SIGSTOP)
            // Chunks are leased for 30 seconds.
            try await stage.pause(33_000...35_000)
            stage.daemons[0].signal(SIGCONT)
        },
    ]
}

extension Cell {
    private static let fakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

    /// Clocks, status reports, messages that cannot be rendered, unequal campaigns and random kills.
    static let others: [Cell] =
        [
            clock("F1a", "The clock of one daemon is an hour ahead", "+3600"),
            clock("F1b", "The clock of one daemon is an hour behind", "-3600"),
            clock("F1c", "The clock of one daemon runs a tenth too fast", "+0 x1.1"),
            Cell(
                "G1",
                "Reports twice, in disorder, late, and before our own commit",
                StageSetup(
                    faults: """
                        {"latency": {"minimumMilliseconds": 200, "maximumMilliseconds": 600}, "webhooks": \
                        {"duplicatedShare": 0.3, "reorderedShare": 0.3, "delayedShare": 0.1, "delaySeconds": 3}}
                        """,
                    runsAlone: true
                ),
                isQuick: true
            ) { stage in
                try await stage.untilAccepted(0.7)
                stage.webhooks.reset()
            },
            Cell(
                "H1",
                "Messages that cannot be rendered, recipients that opt out on the way",
                StageSetup(nameless: 25, failures: 25)
            ) { stage in
                try await stage.untilAccepted(0.3)
                try await stage.pool.execute(.init(sql: Statement.optOut))
                try await stage.untilAccepted(0.6)
            },
            Cell(
                "H2",
                "A campaign of 200 behind one of 3,000 on the same sender",
                StageSetup(recipients: (3_000, 200), sharesSender: true, drain: .seconds(200))
            ) { stage in
                // The campaign alone takes 3 seconds; sharing the lane doubles that.
                try await wait(for: "the end of the small campaign", within: .seconds(20), toleratesErrors: true) {
                    try await stage.run("campaignd", "report", "second", "--tenant", Stage.tenant)
                        .contains("accepted            200")
                }
            },
        ] + killLoops

    private static func clock(_ name: String, _ title: String, _ offset: String) -> Cell {
        let environment = [
            "LD_PRELOAD": fakeTime, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        ]
        return Cell(name, title, StageSetup(environment: environment)) { stage in
            try await stage.untilAccepted(0.5)
        }
    }
}
