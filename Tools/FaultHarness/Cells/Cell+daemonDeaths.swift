import Foundation

extension Cell {
    /// A daemon dies at each step between claiming a message and acknowledging it.
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
        death("A9b", "SIGKILL with outcomes in hand, before the flush", at: "outcomesTaken", 5...60),
        Cell("A10", "SIGKILL in the middle of a rebuild") { stage in
            try await stage.untilAccepted(0.2)
            try await stage.daemons[0].kill()
            try await stage.daemons[0].start(["CRASH_AT": "rebuilding:\(stage.pick(1...2))"])
            // The other one must not be faster.
            stage.daemons[1].signal(SIGSTOP)
            try await stage.pause(2_000...3_000)
            try await stage.redis.send("FLUSHALL")
            try await stage.daemons[0].end(within: .seconds(30))
            stage.daemons[1].signal(SIGCONT)
            try await stage.pause(0...2_000)
        },
    ]

    /// A loop of kills at any instant.
    static let killLoops: [Cell] = [
        Cell("K10", "10 random SIGKILLs", StageSetup(drain: .seconds(200)), isQuick: true) { stage in
            try await stage.killLoop(10, pauses: 400...1_500)
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
