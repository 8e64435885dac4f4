import Foundation
import WhatsAppSimulator

extension Cell {
    /// The receiver is slow, silent, or says no.
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
                throw HarnessError.notInTime("the other sender goes on")
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
                // A campaign that met no block was not paused.
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
