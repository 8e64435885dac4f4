import Store
import Testing

@testable import Runtime

/// The decision after each answer of WhatsApp.
struct DecisionTests {
    enum Kind: String { case pauseLane, deferRecipient, retry, fail, pauseCampaign, unconfirmed, sent }

    /// The three required classes first, then further ones.
    static let answers: [(Int, Int?, Kind)] = [
        (429, nil, .pauseLane), (400, 131048, .pauseLane), (400, 131056, .pauseLane), (429, 130429, .pauseLane),
        (500, nil, .retry), (503, nil, .retry), (500, 131000, .retry), (503, 131016, .retry),
        (400, nil, .fail), (400, 131026, .fail), (400, 131047, .fail), (400, 131009, .fail),
        // The same code comes with different statuses: the code counts.
        (500, 130429, .pauseLane), (400, 130429, .pauseLane), (500, 131026, .fail), (429, 131047, .fail),
        (401, 190, .pauseCampaign), (404, 132001, .pauseCampaign), (401, nil, .pauseCampaign),
        (502, nil, .unconfirmed), (504, nil, .unconfirmed), (500, 999_999, .retry), (418, 999_999, .fail),
        (408, nil, .retry), (301, nil, .pauseCampaign), (404, nil, .pauseCampaign), (407, nil, .pauseCampaign),
    ]

    @Test(arguments: answers)
    func refusalsAreDecidedByCodeThenStatus(status: Int, code: Int?, expected: Kind) {
        let answer = SendAnswer.refused(httpStatus: status, code: code, message: "no", retryAfter: nil)
        #expect(decide(answer).kind == expected)
    }

    @Test func otherAnswers() {
        #expect(decide(.accepted(waMessageID: "wamid.1")) == .sent(waMessageID: "wamid.1"))
        let unwritten = MessageOutcome.Failure(
            code: "connection",
            message: "refused",
            scope: .unknown,
            consequence: .counted
        )
        #expect(decide(.notWritten("refused")) == .retry(unwritten))
        #expect(decide(.lost("reset")) == .unconfirmed(.init(code: "answer_lost", message: "reset")))
    }

    @Test(arguments: [(nil, 60), (5, 60), (90, 90)] as [(Int?, Int)])
    func aPauseIsAtLeastAMinuteAndAsLongAsAskedFor(retryAfter: Int?, expected: Int) {
        let answer = SendAnswer.refused(
            httpStatus: 429,
            code: 130429,
            message: "slow down",
            retryAfter: retryAfter.map { .seconds($0) }
        )
        #expect(decide(answer) == .pauseLane(.seconds(expected), reason: "130429: slow down"))
    }

    @Test func aPairLimitDelaysOnlyTheRecipientWhereTheSenderSaysSo() {
        let answer = SendAnswer.refused(httpStatus: 400, code: 131056, message: "pair", retryAfter: nil)
        #expect(decide(answer, pairLimit: .defer) == .deferRecipient(.seconds(6)))
        #expect(decide(answer, pairLimit: .pause) == .pauseLane(.seconds(60), reason: "131056: pair"))
    }

    @Test func failuresKeepCodeTextAndStatus() {
        let coded = SendAnswer.refused(httpStatus: 400, code: 131026, message: "undeliverable", retryAfter: nil)
        let failure = MessageOutcome.Failure(
            code: "131026",
            message: "undeliverable",
            httpStatus: 400,
            scope: .recipient
        )
        #expect(decide(coded) == .fail(failure))
        let bare = SendAnswer.refused(httpStatus: 400, code: nil, message: "", retryAfter: nil)
        let counted = MessageOutcome.Failure(
            code: "400",
            message: "",
            httpStatus: 400,
            scope: .unknown,
            consequence: .counted
        )
        #expect(decide(bare) == .fail(counted))
        #expect(MessageOutcome.Failure(code: "400", message: "").text == "400")
    }

    @Test(arguments: [(1, 30.0), (2, 60.0)])
    func retriesComeLaterEachTimeWithTenPercentOfJitter(attempts: Int, seconds: Double) throws {
        let policy = RetryPolicy()
        for random in stride(from: 0.0, through: 1, by: 0.125) {
            let delay = try #require(policy.delay(afterAttempts: attempts, random: random)) / .seconds(1)
            #expect(delay >= seconds * 0.9 - 0.001 && delay <= seconds * 1.1 + 0.001)
        }
        let middle = try #require(policy.delay(afterAttempts: attempts, random: 0.5)) / .seconds(1)
        #expect(abs(middle - seconds) < 0.001)
    }

    @Test func threeAttemptsAreAll() throws {
        #expect(RetryPolicy().delay(afterAttempts: 3, random: 0.5) == nil)
        #expect(RetryPolicy().delay(afterAttempts: 300, random: 0.5) == nil)
        #expect(RetryPolicy().delay(afterAttempts: 0, random: 0.5) == nil)
        var more = RetryPolicy()
        more.maximumAttempts = 4
        let third = try #require(more.delay(afterAttempts: 3, random: 0.5)) / .seconds(1)
        #expect(abs(third - 120) < 0.001)
    }

    @Test func paceLeavesRoomForJitter() {
        let pace = Pace(ratePerSecond: 80)
        #expect(abs(1_000_000 / pace.intervalMicroseconds - 80 * Pace.share) < 0.001)
        #expect(Pace.share >= 0.95 && Pace.share < 1)
        #expect(pace.ringCapacity == 80)
        #expect(Pace(ratePerSecond: 2_000).ringCapacity == 2_000)
        #expect(Pace(ratePerSecond: 2_001).ringCapacity == 0)
        #expect(LeadTime.shortest < pace.horizon && pace.useBy < pace.horizon)
    }

    @Test(arguments: [1, 80, 1_000, 2_000, 2_001, 5_000, 10_000, 20_000, 20_001, 1_000_000])
    func slotsThatAreLateByAllThatIsAllowedStillFitIntoASecond(rate: Int) {
        let pace = Pace(ratePerSecond: rate)
        let crowded = (1_000_000 + Double(pace.useBy.microseconds)) / pace.intervalMicroseconds
        #expect(crowded <= Double(rate) && crowded >= Double(rate) * 0.97)
        #expect(pace.useBy >= .milliseconds(20) && pace.useBy < pace.horizon)
        #expect(pace.useBy == .milliseconds(20) || rate > 2_000)
        #expect(Double(pace.mostAtOnce) * pace.intervalMicroseconds > Double(pace.horizon.microseconds))
    }

    private func decide(_ answer: SendAnswer, pairLimit: LaneRecord.PairLimit = .pause) -> SendDecision {
        SendDecision(answer, pairLimit: pairLimit, retries: RetryPolicy())
    }
}

extension SendDecision {
    fileprivate var kind: DecisionTests.Kind {
        switch self {
        case .sent: .sent
        case .pauseLane: .pauseLane
        case .deferRecipient: .deferRecipient
        case .retry: .retry
        case .fail: .fail
        case .pauseCampaign: .pauseCampaign
        case .unconfirmed: .unconfirmed
        }
    }
}

extension SendAnswer {
    /// Makes the answer for an error object with a code, or for an answer without one.
    static func refused(httpStatus: Int, code: Int?, message: String, retryAfter: Duration?) -> SendAnswer {
        let facts = RefusalFacts(httpStatus: httpStatus, code: code, details: message, isGraphError: code != nil)
        return refused(facts, message: message, retryAfter: retryAfter)
    }
}
