extension Cell {
    /// Links between the daemons and everybody else.
    static let networkTroubles: [Cell] = [
        network("D1a", "All links 50 ms late, up to 30 ms of jitter", LinkFault(latency: 50...80), jitter: 0.1),
        network("D1b", "All links 300 ms late, up to 100 ms of jitter", LinkFault(latency: 300...400), jitter: 0.25),
        network("D1c", "All links 10 KB/s", LinkFault(bytesPerSecond: 10_000), jitter: 2),
        network("D1d", "All links byte by byte", LinkFault(isSliced: true), jitter: 0),
        network("D1e", "All links silent in both directions", .blackhole, jitter: 0),
        network("D1f", "All links silent towards the daemons", LinkFault(dropsReplies: true), jitter: 0),
        network("D1g", "All links silent away from the daemons", LinkFault(dropsRequests: true), jitter: 0),
        network("D1h", "All new connections half open", LinkFault(welcome: .halfOpen), jitter: 0),
        Cell("D1i", "All connections reset again and again, then refused") { stage in
            try await stage.untilAccepted(0.1)
            let proxies = stage.links.flatMap(\.all)
            for _ in 0..<10 {
                try await stage.pause(200...600)
                for proxy in proxies { proxy.reset() }
            }
            try await stage.impair(proxies, .refused, for: 2_000...4_000)
        },
        partition("D2a", "One daemon cut off from Redis for longer than a lease") { $0.redis },
        partition("D2b", "One daemon cut off from Postgres for longer than a lease") { $0.postgres },
        partition("D2c", "One daemon cut off from WhatsApp for longer than a lease") { $0.whatsApp },
    ]

    private static func network(_ name: String, _ title: String, _ fault: LinkFault, jitter: Double) -> Cell {
        Cell(name, title, StageSetup(jitter: jitter, drain: .seconds(240))) { stage in
            try await stage.untilAccepted(0.1)
            try await stage.impair(stage.links.flatMap(\.all), fault, for: 8_000...10_000)
        }
    }

    private static func partition(
        _ name: String,
        _ title: String,
        _ link: @escaping @Sendable (Links) -> FaultProxy
    ) -> Cell {
        // A dead link may cost what was under way and a few probes, never all that a daemon could send at once.
        let setup = StageSetup(doubts: 128, drain: .seconds(240))
        return Cell(name, title, setup, isQuick: name == "D2a") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.impair([link(stage.links[0])], .blackhole, for: 14_000...16_000)
        }
    }
}
