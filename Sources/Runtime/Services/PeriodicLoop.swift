package import Logging
import ServiceLifecycle
import Settings
import Synchronization

/// The loop of a periodic service: works, waits for its interval or a wake-up, and works again.
///
/// An error is logged and the work repeated after a backoff, so no service needs a restart after Postgres or Redis was
/// down. A graceful shutdown lets the work that has begun end, and cuts every wait short; cancellation does the same,
/// and is also seen by the work itself.
package struct PeriodicLoop: Sendable {
    /// The next step of a loop after its work.
    package enum Next: Sendable {
        /// Waits for the interval.
        case wait
        /// Waits for this time instead of the interval.
        case waitFor(Duration)
        /// Repeats the work at once, because there is more to do.
        case again
        /// Ends the loop.
        case end
    }

    /// Longest wait after errors in a row, unless the interval is longer.
    static let longestBackoff = Duration.seconds(4)

    private let interval: Duration
    private let shortestInterval: Duration
    private let wakeup: WakeSignal?
    private let clock: any Clock<Duration>
    private let isVital: Bool
    private let logger: Logger
    private let failure: Logger.Message

    /// Makes a loop.
    ///
    /// - Parameters:
    ///   - interval: Time from the end of the work to its next beginning.
    ///   - shortestInterval: Least time between two beginnings, however often the loop is woken.
    ///   - wakeup: Ends a wait early; the loop must be its only waiter.
    ///   - clock: For the waits.
    ///   - isVital: True if the daemon counts as hung when this loop no longer comes round; see ``LoopPulse``.
    ///   - logger: Logs errors of the work.
    ///   - failure: The log line of such an error.
    package init(
        every interval: Duration,
        atMostEvery shortestInterval: Duration = .zero,
        wakeup: WakeSignal? = nil,
        clock: any Clock<Duration> = ContinuousClock(),
        isVital: Bool = false,
        logger: Logger,
        failure: Logger.Message
    ) {
        self.isVital = isVital
        self.interval = interval
        self.shortestInterval = shortestInterval
        self.wakeup = wakeup
        self.clock = clock
        self.logger = logger
        self.failure = failure
    }

    /// Runs work that decides when it is repeated, until a graceful shutdown, cancellation, or its own end.
    package func runAdaptively(_ work: () async throws -> Next) async {
        var failures = 0
        let pulse = isVital ? LoopPulse.current : nil
        let loop = pulse?.begin("\(failure)")
        defer { loop.map { pulse?.end($0) } }
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            let start = ContinuousClock.now
            loop.map { pulse?.note($0, at: start) }
            let pause: Duration
            do {
                let next = try await work()
                failures = 0
                switch next {
                case .wait: pause = interval
                case .waitFor(let duration): pause = duration
                case .again: continue
                case .end: return
                }
            } catch {
                failures += 1
                pause = Self.backoff(afterFailures: failures, interval: interval)
                logger.warning(failure, metadata: ["error": "\(ErrorText.of(error))"])
            }
            await wait(for: pause, since: start)
        }
    }

    /// Runs work after every interval, until a graceful shutdown or cancellation.
    package func run(_ work: () async throws -> Void) async {
        await runAdaptively { () async throws -> Next in
            try await work()
            return .wait
        }
    }

    /// Returns the wait after errors in a row: a second or the interval, whichever is shorter, then twice as long each
    /// time.
    static func backoff(afterFailures failures: Int, interval: Duration) -> Duration {
        let first = min(interval, .seconds(1))
        return first.doubled(by: failures - 1, upTo: max(longestBackoff, first))
    }

    private func wait(for pause: Duration, since start: ContinuousClock.Instant) async {
        // A shutdown ends both waits early, and then the loop.
        await cancelWhenGracefulShutdown {
            if let wakeup {
                await wakeup.wait(upTo: pause, clock: clock)
                let rest = shortestInterval - start.duration(to: .now)
                if rest > .zero { try? await clock.sleep(for: rest, tolerance: .zero) }
            } else {
                try? await clock.sleep(for: pause)
            }
        }
    }
}

/// Knows when the vital loops of a daemon last came round, so that a watchdog can tell a daemon that hangs.
///
/// A loop whose work fails comes round, too: an outage of Postgres or Redis is no reason to restart a daemon.
package final class LoopPulse: Sendable {
    /// The pulse of the daemon whose task this is.
    @TaskLocal package static var current: LoopPulse?

    private struct Loop {
        let name: String
        var last: ContinuousClock.Instant
    }

    private let loops = Mutex<(next: Int, running: [Int: Loop])>((0, [:]))

    package init() {}

    /// Notes that a loop has begun.
    ///
    /// - Parameters:
    ///   - name: The name for the log.
    ///   - now: The time.
    /// - Returns: The number of the loop.
    func begin(_ name: String, at now: ContinuousClock.Instant = .now) -> Int {
        loops.withLock { loops in
            loops.next += 1
            loops.running[loops.next] = Loop(name: name, last: now)
            return loops.next
        }
    }

    /// Notes that a loop came round.
    func note(_ loop: Int, at now: ContinuousClock.Instant) {
        loops.withLock { $0.running[loop]?.last = now }
    }

    /// Notes that a loop has ended: nobody waits for it any more.
    func end(_ loop: Int) {
        loops.withLock { loops in loops.running[loop] = nil }
    }

    /// Returns the names of the loops that have not come round for longer than a time, sorted.
    package func silent(for limit: Duration, at now: ContinuousClock.Instant = .now) -> [String] {
        loops.withLock { $0.running.values.filter { $0.last.duration(to: now) > limit }.map(\.name).sorted() }
    }
}

/// Work that a service repeats after a fixed interval, as an entry of its table of jobs.
struct PeriodicJob: Sendable {
    private let interval: Duration
    private let failure: Logger.Message
    private let work: @Sendable () async throws -> Void

    /// Makes a job.
    ///
    /// - Parameters:
    ///   - interval: Time from the end of the work to its next beginning.
    ///   - failure: The log line of an error of the work.
    ///   - work: The work.
    init(every interval: Duration, failure: Logger.Message, _ work: @escaping @Sendable () async throws -> Void) {
        (self.interval, self.failure, self.work) = (interval, failure, work)
    }

    /// Runs each job in a loop of its own, so that a slow one does not delay the others, until a graceful shutdown or
    /// cancellation; see ``PeriodicLoop``.
    static func runAll(_ jobs: [PeriodicJob], logger: Logger) async {
        await withDiscardingTaskGroup { group in
            for job in jobs {
                group.addTask {
                    await PeriodicLoop(every: job.interval, logger: logger, failure: job.failure).run(job.work)
                }
            }
        }
    }
}

extension Duration {
    /// Returns the duration doubled some times, a negative number of times counting as none; at most `longest`.
    func doubled(by times: Int, upTo longest: Duration) -> Duration {
        min(self * (1 << min(max(times, 0), 16)), longest)
    }
}
