internal import Dispatch
internal import Logging
internal import Synchronization

extension PostgresPool {
    /// An idle connection that has rested longer than this is asked for a sign of life before it is lent.
    private static let trustedIdleTime = Duration.seconds(30)
    private static let pingLimit = Duration.seconds(2)

    /// Takes a connection, waiting in line or for the server when need be.
    func acquire() async throws(PostgresError) -> PostgresConnection {
        let start = ContinuousClock.now
        while true {
            switch await grant() {
            case .connection(let idle):
                if await isHealthy(idle) { return idle.connection }
                await idle.connection.close()
                // Its place stays ours.
                return try await open(until: start + acquireTimeout)
            case .slot: return try await open(until: start + acquireTimeout)
            case .timedOut(let waited):
                throw .poolExhausted(size: state.withLock { $0.maxConnections }, waited: waited)
            case .cancelled: throw .cancelled
            case .closed: throw .closed
            }
        }
    }

    /// Takes a connection back: cleaned, or replaced when it cannot be.
    func release(_ connection: PostgresConnection) async {
        let isUsable = await connection.settle()
        let (waiter, grant, isSurplus): (State.Waiter?, State.Grant, Bool) = state.withLock { state in
            guard isUsable, !state.isClosed else { return (state.drop(), .slot, isUsable) }
            let now = ContinuousClock.now
            let waiter = state.giveBack(connection, now: now)
            return (waiter, .connection(.init(connection: connection, since: now)), false)
        }
        waiter?.continuation.resume(returning: grant)
        if isSurplus { await connection.close() }
    }

    private func grant() async -> State.Grant {
        let id = state.withLock { $0.newWaiter() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let grant: State.Grant? = state.withLock { state in
                    if Task.isCancelled { return .cancelled }
                    if let grant = state.acquire() { return grant }
                    state.enqueue(.init(id: id, continuation: continuation, since: .now))
                    if state.armTimer() { startTimer(acquireTimeout) }
                    return nil
                }
                if let grant { continuation.resume(returning: grant) }
            }
        } onCancel: {
            state.withLock { $0.remove(id) }?.continuation.resume(returning: .cancelled)
        }
    }

    /// Ends the waits that have lasted too long; one timer is enough, because all wait equally long.
    private func startTimer(_ delay: Duration) {
        timer.asyncAfter(deadline: .now() + .nanoseconds(Int(delay / .nanoseconds(1)))) { [weak self] in
            self?.expireWaiters()
        }
    }

    private func expireWaiters() {
        let now = ContinuousClock.now
        while let waiter = state.withLock({ $0.removeExpired(before: now - acquireTimeout) }) {
            waiter.continuation.resume(returning: .timedOut(waited: waiter.since.duration(to: now)))
        }
        let next = state.withLock { $0.rearmTimer() }
        if let next { startTimer(now.duration(to: next + acquireTimeout)) }
    }

    private func isHealthy(_ idle: State.Idle) async -> Bool {
        let isFresh = ContinuousClock.now - idle.since < Self.trustedIdleTime
        if isFresh, idle.connection.seemsAlive { return true }
        return await idle.connection.ping(deadline: Self.pingLimit)
    }

    /// Opens a connection in a place that is ours, trying again while the server is away.
    private func open(until deadline: ContinuousClock.Instant) async throws(PostgresError) -> PostgresConnection {
        while true {
            do throws(PostgresError) {
                try await waitForRetry(until: deadline)
                let connection = try await PostgresConnection.connect(configuration, logger: logger)
                state.withLock { $0.noteConnected() }
                return connection
            } catch {
                guard case .connection = error, noteFailure(error) < deadline else {
                    dropPlace()
                    throw error
                }
            }
        }
    }

    /// Notes a failed attempt.
    ///
    /// - Returns: When the next one may be made.
    private func noteFailure(_ error: PostgresError) -> ContinuousClock.Instant {
        logger.warning("Cannot connect to Postgres", metadata: ["error": "\(error)"])
        let now = ContinuousClock.now
        return state.withLock { state in
            state.noteFailure(now: now) { failures in
                Backoff.delay(attempt: failures, first: .milliseconds(100), maximum: .seconds(5))
            }
            return state.retryAt ?? now
        }
    }

    private func waitForRetry(until deadline: ContinuousClock.Instant) async throws(PostgresError) {
        guard let retryAt = state.withLock({ $0.retryAt }), retryAt > .now else { return }
        do {
            try await Task.sleep(until: min(retryAt, deadline), clock: .continuous)
        } catch {
            // Sleep fails only by cancellation.
            throw .cancelled
        }
        if state.withLock({ $0.isClosed }) { throw .closed }
    }

    private func dropPlace() {
        state.withLock { $0.drop() }?.continuation.resume(returning: .slot)
    }
}
