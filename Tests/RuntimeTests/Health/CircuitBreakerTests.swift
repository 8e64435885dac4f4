import Testing

@testable import Runtime

/// The circuit breaker: when it opens, how long it stays open, and which request is the probe.
///
/// All times come from the test.
struct CircuitBreakerTests {
    /// An event `at` seconds after the start, and the state of the breaker afterwards.
    struct Step: Sendable {
        enum Event: Sendable {
            case up
            case down
            case probeUp
            case probeDown
            case admit(CircuitBreaker.Admission)
            case abandon
        }
        let at: Double
        let event: Event
        let isClosed: Bool

        init(_ at: Double, _ event: Event, isClosed: Bool) {
            self.at = at
            self.event = event
            self.isClosed = isClosed
        }
    }

    struct Walk: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let steps: [Step]
    }

    static let walks: [Walk] = [
        Walk(
            testDescription: "answers in between keep it closed",
            steps: [
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .up, isClosed: true),
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .admit(.free), isClosed: true),
            ]
        ),
        Walk(
            testDescription: "opens at the threshold, probes after a second, closes by the probe",
            steps: [
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .down, isClosed: false),
                Step(0.25, .admit(.wait(.milliseconds(750))), isClosed: false),
                Step(1, .admit(.probe(1)), isClosed: false), Step(1, .admit(.wait(.seconds(1))), isClosed: false),
                Step(1.5, .probeUp, isClosed: true), Step(1.5, .admit(.free), isClosed: true),
            ]
        ),
        Walk(
            testDescription: "doubles to the longest delay, and begins anew after an answer",
            steps: [
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .down, isClosed: false),
                Step(1, .admit(.probe(1)), isClosed: false), Step(1, .probeDown, isClosed: false),
                Step(2.5, .admit(.wait(.milliseconds(500))), isClosed: false),
                Step(3, .admit(.probe(2)), isClosed: false), Step(3, .probeDown, isClosed: false),
                Step(6, .admit(.wait(.seconds(1))), isClosed: false),
                Step(7, .admit(.probe(3)), isClosed: false), Step(7, .probeDown, isClosed: false),
                // Four seconds are the longest delay here.
                Step(11, .admit(.probe(4)), isClosed: false), Step(11, .probeUp, isClosed: true),
                Step(12, .down, isClosed: true), Step(12, .down, isClosed: true), Step(12, .down, isClosed: false),
                Step(13, .admit(.probe(5)), isClosed: false),
            ]
        ),
        Walk(
            testDescription: "a probe without an answer for long has waited already",
            steps: [
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .down, isClosed: false),
                Step(1, .admit(.probe(1)), isClosed: false), Step(31, .probeDown, isClosed: false),
                Step(31, .admit(.probe(2)), isClosed: false),
            ]
        ),
        Walk(
            testDescription: "failures from before it opened change nothing, an answer closes it",
            steps: [
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .down, isClosed: false),
                Step(0.5, .down, isClosed: false), Step(0.9, .down, isClosed: false),
                Step(1, .admit(.probe(1)), isClosed: false), Step(1.1, .down, isClosed: false),
                Step(1.2, .admit(.wait(.seconds(1))), isClosed: false), Step(1.3, .up, isClosed: true),
            ]
        ),
        Walk(
            testDescription: "a probe that was not sent leaves the place to the next",
            steps: [
                Step(0, .down, isClosed: true), Step(0, .down, isClosed: true), Step(0, .down, isClosed: false),
                Step(1, .admit(.probe(1)), isClosed: false), Step(1, .abandon, isClosed: false),
                Step(1, .admit(.probe(2)), isClosed: false),
            ]
        ),
    ]

    @Test(arguments: walks)
    func walksThroughItsStates(_ walk: Walk) {
        let start = ContinuousClock.now
        var policy = CircuitBreaker.Policy()
        (policy.threshold, policy.longestDelay) = (3, .seconds(4))
        var breaker = CircuitBreaker(policy: policy)
        var probe: Int?
        for (number, step) in walk.steps.enumerated() {
            let now = start + .seconds(step.at)
            switch step.event {
            case .up: breaker.record(isUp: true, probe: nil, at: now, random: 0)
            case .down: breaker.record(isUp: false, probe: nil, at: now, random: 0)
            case .probeUp: breaker.record(isUp: true, probe: probe, at: now, random: 0)
            case .probeDown: breaker.record(isUp: false, probe: probe, at: now, random: 0)
            case .abandon: if let probe { breaker.abandon(probe: probe, at: now) }
            case .admit(let expected):
                let admission = breaker.admit(at: now)
                #expect(admission == expected, "step \(number)")
                if case .probe(let number) = admission { probe = number }
            }
            #expect(breaker.isClosed == step.isClosed, "step \(number)")
        }
    }

    @Test func aProbeThatIsOverCannotEndAnother() {
        let start = ContinuousClock.now
        var breaker = CircuitBreaker(policy: .init(threshold: 1))
        breaker.record(isUp: false, probe: nil, at: start, random: 0)
        #expect(breaker.admit(at: start + .seconds(1)) == .probe(1))
        breaker.record(isUp: false, probe: 1, at: start + .seconds(1), random: 0)
        #expect(breaker.admit(at: start + .seconds(3)) == .probe(2))
        breaker.abandon(probe: 1, at: start + .seconds(3))
        breaker.record(isUp: false, probe: 1, at: start + .seconds(3), random: 0)
        #expect(breaker.state == .halfOpen(probe: 2, since: start + .seconds(3), delay: .seconds(2)))
    }

    @Test(arguments: [0, 0.25, 0.5, 0.75, 1])
    func theDelayIsUpToAQuarterShorter(random: Double) throws {
        let start = ContinuousClock.now
        var breaker = CircuitBreaker(policy: .init(threshold: 1))
        breaker.record(isUp: false, probe: nil, at: start, random: random)
        guard case .open(let until, let delay) = breaker.state else {
            Issue.record("it is not open")
            return
        }
        #expect(delay == .seconds(1))
        #expect(abs((until - start) / .seconds(1) - (1 - 0.25 * random)) < 0.001)
    }

    static let answers: [(SendAnswer, Bool)] = [
        (.accepted(waMessageID: "wamid.1"), true), (.notWritten("refused"), false), (.lost("timeout"), false),
        (.refused(httpStatus: 500, code: nil, message: "", retryAfter: nil), false),
        (.refused(httpStatus: 502, code: nil, message: "", retryAfter: nil), false),
        (.refused(httpStatus: 503, code: 131016, message: "", retryAfter: nil), false),
        (.refused(httpStatus: 400, code: 131026, message: "", retryAfter: nil), true),
        (.refused(httpStatus: 500, code: 131026, message: "", retryAfter: nil), true),
        (.refused(httpStatus: 429, code: 130429, message: "", retryAfter: nil), true),
        (.refused(httpStatus: 401, code: 190, message: "", retryAfter: nil), true),
    ]

    @Test(arguments: answers)
    func aRefusalForTheMessagesSakeShowsThatTheAPIWorks(answer: SendAnswer, isUp: Bool) {
        #expect(answer.showsThatAPIIsUp == isUp)
    }
}
