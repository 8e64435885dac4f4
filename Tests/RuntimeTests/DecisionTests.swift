import Store
import Testing

@testable import Runtime

/// The decision after each answer of WhatsApp.
struct DecisionTests {
    enum Kind: String { case pauseLane, deferRecipient, retry, fail, pauseCampaign, unconfirmed, sent }

    /// Every code of the API's error reference that a send can meet, with the class it belongs to.
    static let codes: [(Int, ErrorClass)] =
        [4, 80007, 130429, 131048, 131057].map { ($0, .rateLimit) }
        + [131056].map { ($0, .pairRateLimit) }
        + [1, 2, 131000, 131016, 133004, 134101, 134102].map { ($0, .retryable) }
        + [0, 3, 10, 200, 230, 299, 33, 190, 368, 131005, 131031, 131037, 131042, 131045, 131063, 131064].map {
            ($0, .systemic)
        }
        + [133010, 134011, 132001, 132007, 132015, 132016, 132018, 132068, 132069, 131053, 131055, 134100].map {
            ($0, .systemic)
        }
        + [100, 130403, 130472, 130497, 131008, 131009, 131021, 131026, 131030, 131047, 131049, 131050].map {
            ($0, .permanent)
        }
        + [131051, 131052, 131062, 132000, 132005, 132008, 132012, 135000, 137000].map { ($0, .permanent) }

    @Test(arguments: codes)
    func everyCodeHasItsClass(code: Int, expected: ErrorClass) {
        #expect(ErrorClass(code: code) == expected)
    }

    @Test(arguments: [-1, 5, 199, 300, 131060, 133015, 138000, 139000, 999_999])
    func otherCodesSayNothing(code: Int) {
        #expect(ErrorClass(code: code) == nil)
    }

    @Test(arguments: [
        (429, ErrorClass.rateLimit), (500, .retryable), (503, .retryable), (507, .retryable), (401, .systemic),
        (502, .ambiguous), (504, .ambiguous), (400, .permanent), (403, .permanent), (404, .permanent),
        (413, .permanent),
        (302, .permanent),
    ])
    func theStatusDecidesWithoutACode(status: Int, expected: ErrorClass) {
        #expect(ErrorClass(httpStatus: status) == expected)
    }

    /// The three required classes first, then further ones.
    static let answers: [(Int, Int?, Kind)] = [
        (429, nil, .pauseLane), (400, 131048, .pauseLane), (400, 131056, .pauseLane), (429, 130429, .pauseLane),
        (500, nil, .retry), (503, nil, .retry), (500, 131000, .retry), (503, 131016, .retry),
        (400, nil, .fail), (400, 131026, .fail), (400, 131047, .fail), (400, 131009, .fail),
        // The same code comes with different statuses: the code counts.
        (500, 130429, .pauseLane), (400, 130429, .pauseLane), (500, 131026, .fail), (429, 131047, .fail),
        (401, 190, .pauseCampaign), (404, 132001, .pauseCampaign), (401, nil, .pauseCampaign),
        (502, nil, .unconfirmed), (504, nil, .unconfirmed), (500, 999_999, .retry), (418, 999_999, .fail),
    ]

    @Test(arguments: answers)
    func refusalsAreDecidedByCodeThenStatus(status: Int, code: Int?, expected: Kind) {
        let answer = SendAnswer.refused(httpStatus: status, code: code, message: "no", retryAfter: nil)
        #expect(decide(answer).kind == expected)
    }

    @Test func otherAnswers() {
        #expect(decide(.accepted(waMessageID: "wamid.1")) == .sent(waMessageID: "wamid.1"))
        #expect(decide(.notWritten("refused")) == .retry(.init(code: "connection", message: "refused")))
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
        #expect(decide(coded) == .fail(.init(code: "131026", message: "undeliverable", httpStatus: 400)))
        let bare = SendAnswer.refused(httpStatus: 400, code: nil, message: "", retryAfter: nil)
        #expect(decide(bare) == .fail(.init(code: "400", message: "", httpStatus: 400)))
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
