import Glibc
internal import Synchronization

/// The queue from which the connection's thread takes the commands of tasks.
final class RedisMailbox: Sendable {
    /// The next step of a caller of ``submit(_:)``.
    enum Submission {
        case accepted
        /// The thread is not running: start it.
        case mustStart
        case refused(RedisError)
    }

    private struct State {
        var arrived: [RedisBatch] = []
        var isRunning = false
        var isClosing = false
        /// The end of the thread's sleep; `nil` while it is awake.
        var sleepsUntil: ContinuousClock.Instant?
        /// Cancellations since the thread last removed cancelled commands.
        var cancelled = 0
        /// True if a caller wants the sentinels to be asked before the next command.
        var isQuestioned = false
        var shutdowns: [CheckedContinuation<Void, Never>] = []
        var statistics = RedisStatistics()
    }

    let wakeup = RedisWakeup()
    private let limit: Int
    /// Number of cancelled commands in the queue after which they are removed.
    private let cancelledLimit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
        self.cancelledLimit = max(1, min(1_000, limit / 4))
    }

    var statistics: RedisStatistics {
        state.withLock { $0.statistics }
    }

    /// Puts commands at the end of the queue, unless it is closed or full.
    func submit(_ batch: RedisBatch) -> Submission {
        let (submission, mustWake) = state.withLock { state -> (Submission, Bool) in
            if state.isClosing { return (.refused(.closed), false) }
            guard state.statistics.waiting + batch.commands.count <= limit else {
                return (.refused(.queueFull(limit: limit)), false)
            }
            state.arrived.append(batch)
            state.statistics.waiting += batch.commands.count
            guard state.isRunning else {
                state.isRunning = true
                return (.mustStart, false)
            }
            // The thread reads the queue after its round trip anyway; wake it only for an earlier deadline.
            guard let sleepsUntil = state.sleepsUntil, batch.deadline < sleepsUntil else { return (.accepted, false) }
            state.sleepsUntil = batch.deadline
            return (.accepted, true)
        }
        if mustWake { wakeup.signal() }
        return submission
    }

    /// Takes all queued commands, and returns whether many were cancelled meanwhile.
    func collect() -> (batches: [RedisBatch], hasManyCancelled: Bool) {
        state.withLock { state in
            state.sleepsUntil = nil
            var batches: [RedisBatch] = []
            swap(&batches, &state.arrived)
            let hasManyCancelled = state.cancelled >= cancelledLimit
            if hasManyCancelled { state.cancelled = 0 }
            return (batches, hasManyCancelled)
        }
    }

    /// Has the sentinels asked before the next command is written.
    func question() {
        state.withLock { $0.isQuestioned = true }
    }

    /// Returns true once if ``question()`` was called.
    func takeQuestion() -> Bool {
        state.withLock { state in
            defer { state.isQuestioned = false }
            return state.isQuestioned
        }
    }

    /// Announces a sleep, and returns until when it may last.
    func prepareSleep(until moment: ContinuousClock.Instant) -> ContinuousClock.Instant {
        state.withLock { state in
            let end = state.arrived.reduce(moment) { min($0, $1.deadline) }
            state.sleepsUntil = end
            return end
        }
    }

    /// Ends the thread's work if the queue is empty and no shutdown waits for it; `true` means that it must return.
    func goIdle() -> Bool {
        state.withLock { state in
            guard state.arrived.isEmpty, state.shutdowns.isEmpty else { return false }
            state.isRunning = false
            return true
        }
    }

    /// Records that a task cancelled its commands.
    func noteCancellation(of count: Int) {
        let mustWake = state.withLock { state in
            state.statistics.cancellations += 1
            state.cancelled += count
            return state.cancelled >= cancelledLimit && state.sleepsUntil != nil
        }
        if mustWake { wakeup.signal() }
    }

    /// Changes the counts.
    func count(_ change: (inout RedisStatistics) -> Void) {
        state.withLock { change(&$0.statistics) }
    }

    /// Refuses further commands; `true` means that the thread's work must be started, to close the connection.
    func close(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
        state.withLock { state in
            state.isClosing = true
            state.shutdowns.append(continuation)
            defer { state.isRunning = true }
            return !state.isRunning
        }
    }

    /// Returns the continuations of a shutdown, once there is no work left.
    func takeShutdowns() -> [CheckedContinuation<Void, Never>] {
        state.withLock { state in
            guard state.arrived.isEmpty else { return [] }
            defer { state.shutdowns = [] }
            return state.shutdowns
        }
    }
}

/// The commands that the connection's thread has collected and not written yet.
struct RedisWaiting {
    private var batches: [RedisBatch] = []
    private var taken = 0
    /// Next time to call ``removeExpired(at:)``.
    private(set) var deadline: ContinuousClock.Instant?

    var isEmpty: Bool { taken == batches.count }
    var first: RedisBatch? { taken < batches.count ? batches[taken] : nil }

    mutating func append(contentsOf new: [RedisBatch]) {
        for batch in new {
            batches.append(batch)
            deadline = min(deadline ?? batch.deadline, batch.deadline)
        }
    }

    /// Puts batches back that were taken and could not be written.
    mutating func prepend(contentsOf returned: [RedisBatch]) {
        let rest = returned + batches[taken...]
        batches = []
        taken = 0
        append(contentsOf: rest)
    }

    mutating func removeFirst() {
        taken += 1
        guard taken == batches.count || taken >= 4_096 && taken * 2 >= batches.count else { return }
        batches.removeFirst(taken)
        taken = 0
        if batches.isEmpty { deadline = nil }
    }

    /// Removes the batches whose deadline has passed or whose task was cancelled.
    mutating func removeExpired(at now: ContinuousClock.Instant) -> [RedisBatch] {
        var (expired, rest): ([RedisBatch], [RedisBatch]) = ([], [])
        for batch in batches[taken...] {
            // Each batch is checked once, because a task may be cancelled between two checks.
            if batch.deadline <= now || batch.isFinished {
                expired.append(batch)
            } else {
                rest.append(batch)
            }
        }
        batches = []
        taken = 0
        deadline = nil
        append(contentsOf: rest)
        // A long queue is scanned less often, so that scanning never occupies the thread.
        let pause = Duration.milliseconds(batches.count / 2_000)
        deadline = deadline.map { max($0, now + pause) }
        return expired
    }

    mutating func removeAll() -> [RedisBatch] {
        defer { self = RedisWaiting() }
        return Array(batches[taken...])
    }
}

/// A file descriptor that ends another thread's `poll`.
final class RedisWakeup: Sendable {
    /// The descriptor to poll: readable after ``signal()``; -1, which `poll` ignores, if the system had no descriptor
    /// left.
    let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // Without a pipe each wait ends at its own limit, so this failure needs no report.
        let result = unsafe pipe(&ends)
        (readEnd, writeEnd) = result == 0 ? (ends[0], ends[1]) : (-1, -1)
        for end in [readEnd, writeEnd] where end >= 0 {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        guard readEnd >= 0 else { return }
        close(readEnd)
        close(writeEnd)
    }

    /// Ends the current or the next wait.
    func signal() {
        var byte: UInt8 = 1
        // If the pipe is full, a signal is pending already.
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Clears the signals given so far.
    func reset() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while unsafe read(readEnd, &bytes, bytes.count) == bytes.count {}
    }
}

extension RedisWakeup {
    /// Sleeps until the signal or `moment`, whichever comes first.
    func wait(until moment: ContinuousClock.Instant) {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        // A failure (EINTR) cuts the sleep short, which callers expect anyway.
        if unsafe poll(&entry, 1, RedisConnection.milliseconds(until: moment)) > 0 { reset() }
    }
}
