import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// Waking and waiting.
struct SignalTests {
    private let clock = ContinuousClock()

    @Test func aNotificationWakesTheWaiter() async throws {
        let signal = WakeSignal()
        let elapsed = await clock.measure {
            await withTaskGroup { group in
                group.addTask { await signal.wait(upTo: .seconds(60), clock: clock) }
                group.addTask { signal.notify() }
            }
        }
        #expect(elapsed < .seconds(30))
    }

    @Test func aNotificationWithoutAWaiterIsRememberedOnce() async {
        let signal = WakeSignal()
        signal.notify()
        signal.notify()
        let first = await clock.measure { await signal.wait(upTo: .seconds(60), clock: clock) }
        #expect(first < .seconds(30))
        let second = await clock.measure { await signal.wait(upTo: .milliseconds(50), clock: clock) }
        #expect(second >= .milliseconds(50))
    }

    @Test func waitingEndsWithTheTask() async {
        let signal = WakeSignal()
        let elapsed = await clock.measure {
            await withTaskGroup { group in
                group.addTask { await signal.wait(upTo: .seconds(60), clock: clock) }
                group.cancelAll()
            }
        }
        #expect(elapsed < .seconds(30))
    }

    @Test func aWaitThatTimedOutLeavesNothingBehind() async {
        let signal = WakeSignal()
        for _ in 0..<20 { await signal.wait(upTo: .microseconds(10), clock: clock) }
        signal.notify()
        let elapsed = await clock.measure { await signal.wait(upTo: .seconds(60), clock: clock) }
        #expect(elapsed < .seconds(30))
    }

    @Test func permitsAreGrantedUpToTheFreeNumber() async {
        let permits = SendPermits(count: 10)
        #expect(await permits.take(upTo: 4) == 4)
        #expect(await permits.take(upTo: 100) == 6)
        permits.give(back: 3)
        permits.give(back: 0)
        #expect(await permits.take(upTo: 2) == 2)
        #expect(await permits.take(upTo: 2) == 1)
    }

    @Test func waitersForPermitsAreServedInTurn() async throws {
        let permits = SendPermits(count: 4)
        _ = await permits.take(upTo: 4)
        let order = Protected<[Int]>([])
        await withTaskGroup { group in
            // The first task waits for four permits: the second must not overtake it with the first permit that is
            // returned.
            for (number, minimum) in [(1, 4), (2, 1)] {
                group.addTask {
                    let granted = await permits.take(upTo: minimum, minimum: minimum)
                    order.withLock { $0.append(number) }
                    permits.give(back: granted)
                }
                while permits.waiting < number { await Task.yield() }
            }
            permits.give(back: 1)
            #expect(order.withLock { $0 }.isEmpty)
            permits.give(back: 3)
        }
        #expect(order.withLock { $0 } == [1, 2])
    }

    @Test func neverMoreThanTheCountIsOut() async {
        let permits = SendPermits(count: 7)
        let out = Protected((now: 0, most: 0))
        await withTaskGroup { group in
            for task in 0..<50 {
                group.addTask {
                    for round in 0..<20 {
                        let granted = await permits.take(upTo: 1 + (task + round) % 5)
                        out.withLock {
                            $0.now += granted
                            $0.most = max($0.most, $0.now)
                        }
                        await Task.yield()
                        out.withLock { $0.now -= granted }
                        permits.give(back: granted)
                    }
                }
            }
        }
        #expect(out.withLock { $0.most } <= 7)
        #expect(await permits.take(upTo: 100) == 7)
    }
}

/// A value that several tasks change.
private final class Protected<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    @discardableResult
    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        value.withLock { value in body(&value) }
    }
}
