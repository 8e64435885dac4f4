/// The decisions of the pool: it assigns connections to callers and queues callers that have to wait.
///
/// It performs no actions, and is generic over the connection, so that it can be tested without a server.
struct PoolState<Connection: Sendable>: Sendable {
    struct Idle: Sendable {
        let connection: Connection
        let since: ContinuousClock.Instant
    }

    struct Waiter: Sendable {
        let id: UInt64
        let continuation: CheckedContinuation<Grant, Never>
        let since: ContinuousClock.Instant
    }

    /// The waiters to fail and the connections to close when the pool closes.
    struct Leftovers: Sendable {
        let waiters: [Waiter]
        let idle: [Idle]
    }

    /// A grant for a caller.
    enum Grant: Sendable {
        case connection(Idle)
        /// The right to open one more connection.
        case slot
        case timedOut(waited: Duration)
        case cancelled
        case closed
    }

    let maxConnections: Int
    /// Connections in use, idle or being opened.
    private(set) var open = 0
    private(set) var idle: [Idle] = []
    private(set) var waiters: [Waiter] = []
    private(set) var isClosed = false
    /// Failures to connect since the last success, and the time from which the next attempt may be made.
    private(set) var failures = 0
    /// True if there has been a connection: the settings were right then.
    private(set) var hasConnected = false
    private(set) var retryAt: ContinuousClock.Instant?
    private var lastWaiter: UInt64 = 0
    private var isTimerArmed = false

    init(maxConnections: Int) {
        self.maxConnections = maxConnections
    }

    mutating func newWaiter() -> UInt64 {
        lastWaiter += 1
        return lastWaiter
    }

    /// Returns a grant that is possible at once; `nil` if the caller has to wait.
    mutating func acquire() -> Grant? {
        guard !isClosed else { return .closed }
        // Waiting callers come first.
        guard waiters.isEmpty else { return nil }
        if let last = idle.popLast() { return .connection(last) }
        guard open < maxConnections else { return nil }
        open += 1
        return .slot
    }

    mutating func enqueue(_ waiter: Waiter) {
        waiters.append(waiter)
    }

    /// Removes a waiter from the queue; `nil` if it has been served already.
    mutating func remove(_ id: UInt64) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return waiters.remove(at: index)
    }

    /// Removes the first waiter if it came before `instant`.
    mutating func removeExpired(before instant: ContinuousClock.Instant) -> Waiter? {
        guard let first = waiters.first, first.since <= instant else { return nil }
        return waiters.removeFirst()
    }

    /// Arms the only timer; returns true if the caller must start it.
    mutating func armTimer() -> Bool {
        defer { isTimerArmed = true }
        return !isTimerArmed
    }

    /// Returns the time since which the first waiter waits, if the timer must be started again.
    mutating func rearmTimer() -> ContinuousClock.Instant? {
        isTimerArmed = !waiters.isEmpty
        return waiters.first?.since
    }

    /// Takes a healthy connection back.
    ///
    /// - Returns: The waiter that gets it next, or `nil` if it becomes idle.
    mutating func giveBack(_ connection: Connection, now: ContinuousClock.Instant) -> Waiter? {
        if !waiters.isEmpty { return waiters.removeFirst() }
        idle.append(Idle(connection: connection, since: now))
        return nil
    }

    /// Records that a connection is gone, or was never opened.
    ///
    /// - Returns: The waiter that may open another in its place.
    mutating func drop() -> Waiter? {
        guard !isClosed, !waiters.isEmpty else {
            open -= 1
            return nil
        }
        return waiters.removeFirst()
    }

    mutating func noteConnected() {
        hasConnected = true
        failures = 0
        retryAt = nil
    }

    /// Records a failed attempt to connect; the next one may be made after `delay`.
    mutating func noteFailure(now: ContinuousClock.Instant, delay: (Int) -> Duration) {
        failures += 1
        retryAt = now + delay(failures)
    }

    /// Closes the pool.
    ///
    /// - Returns: The waiters to fail, and the connections to close.
    mutating func close() -> Leftovers {
        let leftovers = Leftovers(waiters: waiters, idle: idle)
        isClosed = true
        open -= idle.count
        waiters = []
        idle = []
        return leftovers
    }
}
