import TestBed
import WhatsAppSimulator

extension Cell {
    /// Faults of the links between the daemons and the other processes.
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
        // A dead link may leave messages in flight and a few probes in doubt, not all that a daemon could send at once.
        let setup = StageSetup(doubts: 128, drain: .seconds(240))
        return Cell(name, title, setup, isQuick: name == "D2a") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.impair([link(stage.links[0])], .blackhole, for: 14_000...16_000)
        }
    }
}

extension Cell {
    /// Faults of the receiver: it is slow, silent, or refuses messages.
    static let whatsAppTroubles: [Cell] = [
        Cell("E1", "Answers get lost, reports tell; some answers take 5 s", isQuick: true) { stage in
            try await stage.untilAccepted(0.1)
            try await stage.setFaults(#"{"lostAnswers": {"share": 0.2, "mode": "close"}}"#)
            try await stage.pause(3_000...4_000)
            try await stage.setFaults(#"{"latency": {"minimumMilliseconds": 4000, "maximumMilliseconds": 6000}}"#)
            try await stage.pause(3_000...4_000)
        },
        Cell("E1b", "Answers never come", StageSetup(drain: .seconds(240))) { stage in
            try await stage.untilAccepted(0.1)
            try await stage.setFaults(
                #"{"lostAnswers": {"share": 0.3, "mode": "silent", "silentSeconds": 60}}"#
            )
            try await stage.pause(3_000...4_000)
        },
        Cell(
            "E2",
            "130429 to one of two senders: it falls silent for 60 s, the other does not",
            StageSetup(drain: .seconds(240), recovery: .seconds(90))
        ) { stage in
            try await stage.untilAccepted(0.1)
            try await stage.setFaults(
                #"{"errors": [{"share": 0.3, "code": 130429, "phoneNumberId": "\#(Stage.phones[0])"}]}"#
            )
            try await stage.pause(2_000...3_000)
            try await stage.setFaults("{}")
            let before = try await stage.summary().requests
            try await stage.pause(3_000...4_000)
            guard try await stage.summary().requests > before + 100 else {
                throw TestBedError.missing("traffic of the other sender", remedy: "only the limited sender may pause")
            }
        },
        Cell(
            "E3",
            "503 for a while: 30 and 60 s between attempts, no storm",
            StageSetup(failures: nil, drain: .seconds(300), recovery: .seconds(90))
        ) { stage in
            try await stage.untilAccepted(0.1)
            try await stage.setFaults(#"{"serverErrors": {"share": 0.5, "status": 503}}"#)
            try await stage.pause(4_000...6_000)
        },
        Cell(
            "E3b",
            "The receiver refuses connections, and resets them",
            StageSetup(drain: .seconds(240), recovery: .seconds(60))
        ) { stage in
            try await stage.untilAccepted(0.1)
            let proxies = stage.links.map(\.whatsApp)
            try await stage.impair(proxies, .refused, for: 2_000...4_000)
            try await stage.impair(proxies, LinkFault(cutShare: 0.2), for: 3_000...4_000)
        },
        Cell("E4", "The account is blocked in the middle: campaigns pause, and go on when resumed") { stage in
            try await stage.untilAccepted(0.2)
            try await stage.setFaults(#"{"rejectEverything": {"seconds": 3600, "code": 131031}}"#)
            try await stage.pause(3_000...4_000)
            try await stage.setFaults("{}")
            for campaign in ["first", "second"] {
                // The command fails for a campaign that was not blocked, because it is not paused.
                _ = try? await stage.run("campaignd", "resume", campaign, "--tenant", Stage.tenant)
            }
        },
        Cell(
            "E4b",
            "Too many messages to one recipient: only that recipient waits",
            StageSetup(senderLines: "pairLimit: defer")
        ) { stage in
            try await stage.setFaults(#"{"recipientErrors": {"+254710000900": 131056}}"#)
            try await stage.untilAccepted(0.9)
        },
    ]
}
