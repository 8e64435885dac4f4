import Synchronization
import Testing

@testable import Runtime

/// The send window: the limit of requests under way, from the outcomes of earlier ones.
struct SendWindowTests {
    /// Sends `rate` requests a second, each answered after `roundTrip`, for `seconds`; in steps of a millisecond.
    private func drive(
        _ window: inout SendWindow,
        rate: Int,
        roundTrip: Duration,
        seconds: Int,
        from start: ContinuousClock.Instant
    ) -> Int {
        var answers: [ContinuousClock.Instant] = []
        var sent = 0
        for millisecond in 0..<seconds * 1_000 {
            let now = start + .milliseconds(millisecond)
            while let first = answers.first, first <= now {
                answers.removeFirst()
                window.end(isAnswered: true, at: now)
            }
            let due = rate * (millisecond + 1) / 1_000 - rate * millisecond / 1_000
            for _ in 0..<due where window.begin(at: now) {
                sent += 1
                answers.append(now + roundTrip)
            }
        }
        for answer in answers { window.end(isAnswered: true, at: answer) }
        return sent
    }

    @Test func requestsThatWereNotWrittenLeaveNoTrace() {
        let now = ContinuousClock.now
        var window = SendWindow(largest: 512)
        for _ in 0..<100 {
            let isBegun = window.begin(at: now)
            #expect(isBegun)
            window.withdraw()
        }
        #expect(window.inFlight == 0)
        #expect(window.size == SendWindow.smallest)
    }

    @Test func aDeadLinkCostsSomeTens() {
        let start = ContinuousClock.now
        var window = SendWindow(largest: 512)
        // A healthy lane of 80 messages per second runs first.
        _ = drive(&window, rate: 80, roundTrip: .milliseconds(100), seconds: 10, from: start)
        var lost = 0
        for step in 0..<10_000 where window.begin(at: start + .seconds(10) + .milliseconds(step)) { lost += 1 }
        #expect(lost <= 40, "\(lost) were lost")
    }

    @Test(arguments: [(80, 100), (400, 200), (7_500, 20), (2_000, 150)])
    func aHealthyLinkIsNotSlowedDown(rate: Int, milliseconds: Int) {
        var window = SendWindow(largest: 512)
        let sent = drive(
            &window,
            rate: rate,
            roundTrip: .milliseconds(milliseconds),
            seconds: 10,
            from: .now
        )
        // The window may cost only a few requests at the start.
        #expect(sent > rate * 10 * 95 / 100, "\(sent) of \(rate * 10)")
    }

    @Test func growsWithAnswersToItsLimitAndIsHalvedOncePerSecond() {
        let start = ContinuousClock.now
        var window = SendWindow(largest: 100)
        for _ in 0..<200 {
            while window.begin(at: start) {}
            for _ in 0..<window.inFlight { window.end(isAnswered: true, at: start) }
        }
        #expect(window.size == 100)
        while window.begin(at: start) {}
        for _ in 0..<50 { window.end(isAnswered: false, at: start) }
        #expect(window.size == 50)
        for _ in 0..<50 { window.end(isAnswered: false, at: start + .seconds(1)) }
        #expect(window.size == 32)
        #expect(window.inFlight == 0)
    }

    @Test func shrinksTowardsItsUse() {
        let start = ContinuousClock.now
        var window = SendWindow(largest: 512)
        _ = drive(&window, rate: 5_000, roundTrip: .milliseconds(80), seconds: 5, from: start)
        #expect(window.size > 400)
        _ = drive(&window, rate: 80, roundTrip: .milliseconds(100), seconds: 20, from: start + .seconds(10))
        #expect(window.size <= 64, "\(window.size)")
    }

    @Test func theLimitOfADaemonCanBeSmallerThanTheStart() {
        var window = SendWindow(largest: 4)
        var begun = 0
        while window.begin(at: .now) { begun += 1 }
        #expect(begun == 4)
    }

    @Test func aShutGateLetsOnlyTheProbeThrough() {
        let time = Mutex(ContinuousClock.now)
        let gate = APIGate(
            limit: 100,
            policy: .init(threshold: 2),
            now: { time.withLock { $0 } },
            random: { 0 }
        )
        #expect(gate.admit() == .open(32))
        for _ in 0..<2 {
            #expect(gate.begin(probe: nil))
            _ = gate.end(.notWritten("refused"), probe: nil)
        }
        #expect(gate.isShut)
        #expect(!gate.begin(probe: nil))
        #expect(gate.admit() == .wait(.milliseconds(250)))
        time.withLock { $0 += .seconds(1) }
        #expect(gate.admit() == .probe(1))
        #expect(gate.admit() == .wait(.milliseconds(250)))
        #expect(!gate.begin(probe: nil))
        #expect(gate.begin(probe: 1))
        #expect(!gate.end(.accepted(waMessageID: "wamid.1"), probe: 1))
        #expect(gate.admit() == .open(32))
    }
}
