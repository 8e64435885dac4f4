extension Cell {
    /// Postgres goes away, or its answers do.
    static let postgresTroubles: [Cell] = [
        Cell("C1", "Postgres stopped at once for 2 s and 20 s, and its postmaster killed", isQuick: true) { stage in
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
            try await stage.postgres.killOneBackend()
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
