import Testing
import WhatsAppSimulator

@testable import FaultHarness

/// The judge finds each fault in manipulated evidence.
struct JudgeTests {
    private static let second: Int64 = 1_000_000_000

    /// Ten messages, each sent and accepted once, evenly spaced at ten per second.
    private static let clean: (messages: [Evidence.Message], ledger: [LedgerEntry]) = (
        (0..<10).map { message($0, "sent") }, (0..<10).map { entry($0) }
    )

    private static func message(_ number: Int, _ status: String, attempts: Int = 1) -> Evidence.Message {
        Evidence.Message(
            id: "m\(number)",
            recipient: "+\(number)",
            status: status,
            attempts: attempts,
            waMessageID: status == "sent" ? "w\(number)" : nil,
            errorCode: nil
        )
    }

    private static func entry(_ number: Int, at time: Int64? = nil, status: Int = 200) -> LedgerEntry {
        LedgerEntry(
            monotonic: time ?? Int64(number) * second / 10,
            wall: 0,
            phoneNumberId: "1",
            recipient: "+\(number)",
            callbackData: "M\(number)",
            status: status,
            answer: status == 200 ? .accepted : .rejected,
            wamid: status == 200 ? "w\(number)" : nil
        )
    }

    private func judge(
        messages: [Evidence.Message] = clean.messages,
        ledger: [LedgerEntry] = clean.ledger,
        wrongCounters: [String] = [],
        wrongWallets: [String] = [],
        keys: [String] = [],
        pressure: Double = 0
    ) -> CellResult {
        let evidence = Evidence(
            messages: messages,
            wrongCounters: wrongCounters,
            wrongWallets: wrongWallets,
            keys: keys,
            ledger: ledger
        )
        let setup = StageSetup(recipients: (5, 5), ratePerSecond: 11)
        var result = CellResult(cell: "T", title: "test", seed: 1)
        Judge(evidence: evidence, setup: setup, stalls: [], pressure: pressure).judge(&result)
        return result
    }

    @Test func cleanEvidenceHolds() {
        let result = judge(keys: ["campaign:send:{1}:epoch"])
        #expect(result.violations.isEmpty)
        #expect(result.messages == 10)
        #expect(result.peak == 10)
    }

    @Test func walletThatDoesNotAddUpIsAViolation() {
        let result = judge(wrongWallets: ["test: available 1"])
        #expect(result.violations == ["6 wallet: test: available 1"])
    }

    @Test func messageWithoutAnEndIsLost() {
        let result = judge(messages: Self.clean.messages.dropLast() + [Self.message(9, "queued")])
        #expect(result.lost == 1)
        #expect(result.violations.contains { $0.hasPrefix("1 loss") })
    }

    @Test func messageThatNeverArrivedIsLost() {
        let result = judge(ledger: Self.clean.ledger.dropLast())
        #expect(result.lost == 1)
        #expect(result.violations.contains { $0.contains("never arrived") })
    }

    @Test func missingRowIsLost() {
        #expect(judge(messages: Self.clean.messages.dropLast()).violations.contains { $0.hasPrefix("1 loss: 9") })
    }

    @Test func messageAcceptedTwiceIsADuplicate() {
        let result = judge(ledger: Self.clean.ledger + [Self.entry(3, at: 5 * Self.second)])
        #expect(result.duplicated == 1)
        #expect(result.violations.contains { $0.hasPrefix("2 duplicates") })
    }

    @Test func unconfirmedMessageIsAViolationOnlyIfItWasReported() {
        let settled = judge(messages: Self.clean.messages.dropLast() + [Self.message(9, "unconfirmed")])
        #expect(settled.violations.contains { $0.hasPrefix("1 doubt") })
        let messages = Self.clean.messages.dropLast() + [Self.message(9, "unconfirmed")]
        let open = judge(messages: Array(messages), ledger: Self.clean.ledger.dropLast())
        #expect(open.unconfirmed == 1)
        #expect(open.violations.isEmpty)
    }

    @Test func cancelledMessageMustNotHaveBeenSent() {
        let result = judge(messages: Self.clean.messages.dropLast() + [Self.message(9, "cancelled")])
        #expect(result.violations.contains { $0.hasPrefix("3 unexpected") })
    }

    @Test func secondOverTheRateIsFound() {
        let result = judge(
            ledger: (0..<10).map { Self.entry($0, at: Int64($0)) } + [
                Self.entry(10, at: 20, status: 400), Self.entry(11, at: 30, status: 400),
                Self.entry(12, at: 40, status: 400),
            ]
        )
        #expect(result.peak == 13)
        #expect(result.violations.contains { $0.hasPrefix("4 pace: up to 13") })
    }

    @Test func noiseInTheMinuteAfterARateLimitIsFound() {
        var limited = Self.entry(0, at: 0, status: 429)
        limited.code = 130_429
        let early = judge(ledger: [limited] + Self.clean.ledger.map { Self.moved($0, by: 30) })
        #expect(early.violations.contains { $0.hasPrefix("4 silence: 10") })
        let late = judge(ledger: [limited] + Self.clean.ledger.map { Self.moved($0, by: 60) })
        #expect(late.violations.isEmpty)
    }

    private static func moved(_ entry: LedgerEntry, by seconds: Int64) -> LedgerEntry {
        var later = entry
        later.monotonic += seconds * second
        return later
    }

    @Test func countersAttemptsAndResidueAreFound() {
        let result = judge(
            messages: Self.clean.messages.dropLast() + [Self.message(9, "sent", attempts: 4)],
            wrongCounters: ["r"],
            keys: ["campaign:send:{1}:x:leases"]
        )
        #expect(Set(result.violations.compactMap(\.first)) == ["6", "7", "8"])
    }

    @Test func attemptTooSoonAfterAServerErrorIsFound() {
        let refused = Self.entry(0, at: 0, status: 503)
        let result = judge(ledger: [refused] + Self.clean.ledger.map { Self.moved($0, by: 5) })
        #expect(result.violations.contains { $0.contains("within less than 27 seconds") })
    }
}
