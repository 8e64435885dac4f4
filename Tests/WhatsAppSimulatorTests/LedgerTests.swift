import Foundation
import Testing
import WhatsAppSimulator

struct LedgerTests {
    private func entry(
        _ seconds: Double,
        to recipient: String,
        sender: String = "1",
        answer: LedgerEntry.Answer = .accepted,
        code: Int? = nil
    ) -> LedgerEntry {
        LedgerEntry(
            monotonic: Int64(seconds * 1e9),
            wall: 0,
            phoneNumberId: sender,
            recipient: recipient,
            status: 200,
            answer: answer,
            code: code
        )
    }

    @Test func keepsEveryRequestInItsOrder() async throws {
        try await withTemporaryPath { path in
            var configuration = SimulatorConfiguration()
            configuration.ledgerPath = path
            configuration.faults.recipientErrors = [Caller.number(3): 131_026]
            var wamids: [String?] = []
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                let caller = try Caller(simulator)
                for index in [1, 2, 3, 1] {
                    wamids.append(try await caller.text(to: Caller.number(index), callback: "ü \(index)").wamid)
                }
                _ = try await caller.post("{}")
                try simulator.setFaults(SimulatorFaults(json: Data(#"{"lostAnswers":{"share":1}}"#.utf8)))
                await #expect(throws: (any Error).self) { try await caller.text(to: Caller.number(4)) }
                try simulator.setFaults(SimulatorFaults(json: Data(#"{"serverErrors":{"share":1}}"#.utf8)))
                _ = try await caller.text(to: Caller.number(5))
            }
            let entries = try LedgerReader(path: path).entries()
            #expect(entries.map(\.status) == [200, 200, 400, 200, 400, 0, 503])
            #expect(entries.map(\.code) == [nil, nil, 131_026, nil, 100, nil, nil])
            #expect(entries.map(\.recipient) == [1, 2, 3, 1].map(Caller.number) + [""] + [4, 5].map(Caller.number))
            #expect(entries.map(\.callbackData) == ["ü 1", "ü 2", "ü 3", "ü 1", nil, "c", "c"])
            #expect(entries.prefix(4).map(\.wamid) == wamids)
            #expect(entries[5].answer == .lost && entries[5].wamid != nil)
            #expect(entries.map(\.monotonic) == entries.map(\.monotonic).sorted())
            #expect(abs(Double(entries[0].wall) / 1_000 - Date().timeIntervalSince1970) < 60)
            let summary = try await LedgerReader(path: path).summary()
            #expect(summary.requests == 7)
            #expect(summary.accepted == 4)
            #expect(summary.lost == 1)
            #expect(summary.rejectedByCode == [131_026: 1, 100: 1, 0: 1])
            #expect(summary.repeatedRecipients == [Caller.number(1): 2])
        }
    }

    @Test func agreesWithTheSummaryUnderLoad() async throws {
        try await withTemporaryPath { path in
            var configuration = SimulatorConfiguration()
            configuration.ledgerPath = path
            configuration.limits.ratePerSecond = 50
            var kept = SimulatorSummary()
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                let caller = try Caller(simulator)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<8 {
                        group.addTask {
                            for index in 0..<50 {
                                _ = try await caller.text(to: Caller.number(index), sender: "\(worker % 2)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                kept = simulator.summary()
            }
            let read = try await LedgerReader(path: path).summary()
            #expect(read.requests == 400)
            #expect(read.accepted == kept.accepted)
            #expect(read.rejectedByCode == kept.rejectedByCode)
            #expect(read.recipients == kept.recipients)
            #expect(read.repeatedRecipients.count == kept.recipientsAcceptedMoreThanOnce)
            #expect(read.mostAcceptedInOneSecond == kept.mostAcceptedInOneSecond)
            #expect(read.mostRequestsInOneSecond == kept.mostRequestsInOneSecond)
            #expect(read.mostAcceptedInOneSecond.values.allSatisfy { $0 <= 50 })
        }
    }

    @Test func countsTheFullestSecondWhereverItBegins() {
        var summary = LedgerSummary()
        for seconds in [0, 0.6, 0.9, 1.2, 1.5, 1.6, 2.5] { summary.add(entry(seconds, to: "a")) }
        // From just after 0.6 to 1.6: 0.9, 1.2, 1.5 and 1.6; the event at 0.6 is exactly one second away.
        #expect(summary.mostAcceptedInOneSecond == ["1": 4])
    }

    @Test func anEvenPaceFillsEachSecondExactly() {
        var summary = LedgerSummary()
        for index in 0..<400 { summary.add(entry(Double(index) * 0.0125, to: "\(index)")) }
        #expect(summary.mostRequestsInOneSecond == ["1": 80])
        #expect(summary.repeatedRecipients.isEmpty)
    }

    @Test func countsRejectionsAsRequestsOnly() {
        var summary = LedgerSummary()
        summary.add(entry(0, to: "a", answer: .rejected, code: 4))
        summary.add(entry(0.1, to: "a"))
        summary.add(entry(0.2, to: "a", sender: "2", answer: .lost))
        #expect(summary.mostRequestsInOneSecond == ["1": 2, "2": 1])
        #expect(summary.mostAcceptedInOneSecond == ["1": 1, "2": 1])
        #expect(summary.acceptedCount(of: "a") == 2)
        #expect(summary.recipients == 1)
    }

    @Test func skipsALineCutShortAndNamesALineThatIsWrong() async throws {
        try await withTemporaryPath { path in
            let good =
                #"{"monotonic":1,"wall":2,"phoneNumberId":"1","recipient":"+1","status":200,"answer":"accepted"}"#
                + "\n"
            try Data((good + #"{"monotonic":3,"#).utf8).write(to: URL(fileURLWithPath: path))
            #expect(try LedgerReader(path: path).entries().count == 1)
            try Data((good + "{}\n").utf8).write(to: URL(fileURLWithPath: path))
            await #expect(
                throws: SimulatorError.ledger(path: path, reason: "line 2: 'monotonic': is missing")
            ) {
                try await LedgerReader(path: path).summary()
            }
        }
        #expect(throws: SimulatorError.self) { try LedgerReader(path: "/nowhere/ledger.jsonl").entries() }
    }

    @Test func appendsToAnExistingFile() async throws {
        try await withTemporaryPath { path in
            var configuration = SimulatorConfiguration()
            configuration.ledgerPath = path
            for index in 1...2 {
                try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                    _ = try await Caller(simulator).text(to: Caller.number(index))
                }
            }
            let entries = try LedgerReader(path: path).entries()
            #expect(entries.map(\.recipient) == [Caller.number(1), Caller.number(2)])
            #expect(Set(entries.map(\.wamid)).count == 2)
        }
    }
}
