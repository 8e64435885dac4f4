import TestBed

extension Cell {
    /// Deaths of Redis, with every kind of persistence.
    static let redisDeaths: [Cell] = [
        redisDeath("B1", "Redis SIGKILL, log synced every second", .everySecond, downFor: 500...500),
        redisDeath("B2", "Redis SIGKILL, log synced always", .always, downFor: 500...500),
        redisDeath("B3", "Redis SIGKILL, dumps only", .dump, downFor: 500...2_000),
        redisDeath("B4", "Redis SIGKILL, no persistence", .none, downFor: 500...500, isQuick: true),
        redisDeath("B5", "Redis SIGKILL, no persistence, down for 10 s", .none, downFor: 10_000...10_000),
        Cell("B6", "FLUSHALL, scripts forgotten, and one kind of key after the other deleted", isQuick: true) { stage in
            try await stage.untilAccepted(0.1)
            try await stage.redis.send("FLUSHALL")
            try await stage.pause(2_000...4_000)
            try await stage.redis.send("SCRIPT", "FLUSH")
            try await stage.redis.send("FUNCTION", "FLUSH")
            for kind in ["pace", "ring", "leases", "ready", "passes", "held", "delayed", "epoch"] {
                try await stage.pause(300...900)
                for key in try await stage.redis.keys() where key.hasSuffix(":\(kind)") {
                    try await stage.redis.send("DEL", key)
                }
            }
        },
        Cell("B7", "An old copy of Redis comes back", StageSetup(persistence: .always)) { stage in
            try await stage.untilAccepted(0.2)
            try await stage.redis.copyFiles()
            try await stage.untilAccepted(0.6)
            try await stage.redis.restoreFiles()
        },
    ]

    /// Faults of Redis: it is slow, full, or refuses commands.
    static let redisTroubles: [Cell] = [
        Cell("B8", "Redis stops answering: DEBUG SLEEP, CLIENT PAUSE, SIGSTOP") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.redis.send("DEBUG", "SLEEP", "5")
            try await stage.pause(500...1_500)
            try await stage.redis.send("CLIENT", "PAUSE", "4000", "ALL")
            try await stage.pause(5_000...6_000)
            stage.redis.freeze()
            try await stage.pause(4_000...8_000)
            stage.redis.thaw()
        },
        Cell("B9", "Redis is full, and hangs up on its clients") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.redis.send("CONFIG", "SET", "maxmemory", "1mb")
            try await stage.pause(3_000...6_000)
            try await stage.redis.send("CONFIG", "SET", "maxmemory", "0")
            for _ in 0..<5 {
                try await stage.pause(200...600)
                try await stage.redis.send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            }
        },
        Cell("B10", "Redis replies replaced by READONLY, LOADING, MISCONF, BUSY, NOSCRIPT, MOVED") { stage in
            try await stage.untilAccepted(0.1)
            let replies = [
                "-READONLY You can't write against a read only replica.\r\n",
                "-LOADING Redis is loading the dataset in memory\r\n",
                "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.\r\n",
                "-BUSY Redis is busy running a script.\r\n", "-NOSCRIPT No matching script.\r\n",
                "-MOVED 3999 127.0.0.1:1\r\n", "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            ]
            let fault = LinkFault(rewriteShare: 0.1, rewritten: replies)
            try await stage.impair(stage.links.map(\.redis), fault, for: 8_000...10_000)
        },
    ]

    private static func redisDeath(
        _ name: String,
        _ title: String,
        _ persistence: RedisServer.Persistence,
        downFor: ClosedRange<Int>,
        isQuick: Bool = false
    ) -> Cell {
        Cell(name, title, StageSetup(persistence: persistence), isQuick: isQuick) { stage in
            try await stage.untilAccepted(0.2)
            for _ in 0..<2 {
                try await stage.pause(0...1_000)
                try await stage.redis.kill()
                try await stage.pause(downFor)
                try await stage.redis.start()
                try await stage.pause(2_000...3_000)
            }
        }
    }
}

extension Cell {
    /// Faults of Postgres: it goes away, or its replies are lost.
    static let postgresTroubles: [Cell] = [
        Cell(
            "C1",
            "Postgres stopped at once for 2 s and 20 s, and its postmaster killed",
            StageSetup(runsAlone: true),
            isQuick: true
        ) { stage in
            try await stage.untilAccepted(0.1)
            for duration in [2_000...2_000, 20_000...20_000] {
                try await stage.postgres.stopImmediately()
                try await stage.pause(duration)
                try await stage.postgres.start()
                try await stage.pause(1_000...2_000)
            }
            try await stage.postgres.kill()
            try await stage.postgres.start()
        },
        Cell("C2", "Connections of Postgres terminated 5 times a second, and one backend killed") { stage in
            try await stage.untilAccepted(0.1)
            for _ in 0..<50 {
                try await stage.pause(150...250)
                try await stage.postgres.administrate(Statement.terminate)
            }
            try await stage.killOneBackend()
            try await stage.pause(1_000...2_000)
        },
        Cell("C3", "The primary dies for good, its synchronous standby takes over") { stage in
            try await stage.failOver()
            try await stage.pause(1_000...2_000)
        },
        Cell("C4", "Connections reset after a request of Postgres arrived, before its reply") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.impair(stage.links.map(\.postgres), LinkFault(cutShare: 0.05), for: 8_000...10_000)
        },
        Cell("C5", "A forgotten transaction holds every run locked; many idle connections") { stage in
            try await stage.untilAccepted(0.2)
            try await stage.withIdleConnections(60) {
                try await stage.holdingCampaigns(for: 12_000...15_000)
            }
        },
    ]
}

extension Cell {
    /// Faults that must not raise the 24 h quota.
    static let quotaTroubles: [Cell] = [
        quota("Q1", "Quota of 400: SIGKILL before the request, and between answer and outcome", isQuick: true) {
            stage in
            try await stage.crash(at: "begun", 3...10)
            try await stage.crash(at: "answerRead", 10...40)
        },
        quota("Q2", "Quota of 400: Redis emptied, and SIGKILL between reservation and outcome") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.redis.send("FLUSHALL")
            try await stage.crash(at: "requestWritten", 5...20)
            try await stage.redis.send("FLUSHALL")
        },
        quota("Q3", "Quota of 400: buckets and counts deleted one by one") { stage in
            for share in [0.1, 0.2, 0.3] {
                try await stage.untilAccepted(share)
                for key in try await stage.redis.keys() where key.hasPrefix("wa:biz-conv:") {
                    try await stage.redis.send("DEL", key)
                }
            }
        },
    ]

    /// Makes a cell with campaigns that exceed the quota: they pause when it is used up, and are cancelled then.
    private static func quota(
        _ name: String,
        _ title: String,
        isQuick: Bool = false,
        trouble: @escaping @Sendable (Stage) async throws -> Void
    ) -> Cell {
        Cell(name, title, StageSetup(quota: 400), isQuick: isQuick) { stage in
            try await trouble(stage)
            try await wait(for: "both campaigns to be out of quota", within: .seconds(90), toleratesErrors: true) {
                try await stage.runsOutOfQuota() == 2
            }
            for campaign in ["first", "second"] {
                try await stage.run("campaignd", "cancel", campaign, "--tenant", Stage.tenant)
            }
        }
    }
}
