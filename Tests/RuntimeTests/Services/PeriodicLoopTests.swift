import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// The loop of all periodic services, on a clock that records each sleep and ends it at once.
struct PeriodicLoopTests {
    private struct Failure: Error {}

    /// A clock on which every sleep ends at once and is recorded.
    private final class NotedClock: Clock {
        typealias Duration = Swift.Duration
        private let noted = Mutex<[Duration]>([])
        var sleeps: [Duration] { noted.withLock { $0 } }
        var now: ContinuousClock.Instant { .now }
        var minimumResolution: Duration { .zero }

        func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
            let rest = deadline - ContinuousClock.now
            // The time between the call and this line is taken off; tests use whole seconds.
            noted.withLock { $0.append(.seconds((rest / .seconds(1)).rounded())) }
        }
    }

    private func loop(_ clock: NotedClock, every interval: Duration, _ log: LogCollector) -> PeriodicLoop {
        PeriodicLoop(every: interval, clock: clock, logger: log.logger, failure: "Could not work, trying again")
    }

    @Test func waitsAsTheWorkSays() async {
        let (clock, log) = (NotedClock(), LogCollector())
        let round = Mutex(0)
        await loop(clock, every: .seconds(60), log).runAdaptively { () async throws -> PeriodicLoop.Next in
            switch round.withLock({ round in
                round += 1
                return round
            }) {
            case 1: .wait
            case 2: .again
            case 3: .waitFor(.seconds(7))
            default: .end
            }
        }
        #expect(clock.sleeps == [.seconds(60), .seconds(7)])
        #expect(log.text.isEmpty)
    }

    @Test func anErrorIsLoggedAndTriedAgainWithABackoff() async {
        let (clock, log) = (NotedClock(), LogCollector())
        let round = Mutex(0)
        await loop(clock, every: .seconds(2), log).runAdaptively { () async throws -> PeriodicLoop.Next in
            let round = round.withLock { round in
                round += 1
                return round
            }
            if round == 5 { return .wait }
            if round == 7 { return .end }
            throw Failure()
        }
        #expect(clock.sleeps == [1, 2, 4, 4, 2, 1].map { .seconds($0) })
        #expect(log.text.split(separator: "\n").count { $0.contains("Could not work, trying again") } == 5)
    }

    @Test(arguments: [(Duration.milliseconds(250), 10, Duration.seconds(4)), (.seconds(60), 1, .seconds(1))])
    func theBackoffIsBounded(interval: Duration, failures: Int, expected: Duration) {
        #expect(PeriodicLoop.backoff(afterFailures: failures, interval: interval) == expected)
    }

    @Test func cancellationCutsAWaitShort() async throws {
        let rounds = SharedCount()
        let loop = PeriodicLoop(every: .seconds(600), logger: TestDatabase.logger, failure: "Could not work")
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await loop.run { rounds.increment() } }
            try await eventually("it has worked once") { rounds.value == 1 }
            group.cancelAll()
        }
        #expect(rounds.value == 1)
    }

    @Test func aShutdownCutsAWaitShort() async throws {
        struct Periodic: Service {
            let loop: PeriodicLoop
            let work: @Sendable () -> Void
            func run() async { await loop.run { work() } }
        }
        let rounds = Mutex(0)
        let service = Periodic(
            loop: PeriodicLoop(
                every: .seconds(600),
                wakeup: WakeSignal(),
                logger: TestDatabase.logger,
                failure: "Could not work"
            ),
            work: { rounds.withLock { $0 += 1 } }
        )
        let group = ServiceGroup(
            configuration: .init(services: [.init(service: service)], logger: TestDatabase.logger)
        )
        try await withThrowingDiscardingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("it has worked once") { rounds.withLock { $0 } == 1 }
            await group.triggerGracefulShutdown()
        }
        #expect(rounds.withLock { $0 } == 1)
    }

    @Test func aWakeUpEndsAWait() async throws {
        let wakeup = WakeSignal()
        let rounds = SharedCount()
        let loop = PeriodicLoop(
            every: .seconds(600),
            wakeup: wakeup,
            logger: TestDatabase.logger,
            failure: "Could not work"
        )
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await loop.run { rounds.increment() } }
            for round in 1...3 {
                try await eventually("round \(round)") { rounds.value == round }
                wakeup.notify()
            }
            try await eventually("the last round") { rounds.value == 4 }
            group.cancelAll()
        }
    }
}

/// A count that closures of several tasks share.
final class SharedCount: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func increment(by number: Int = 1) { count.withLock { $0 += number } }
}
