internal import Dispatch
public import Logging
internal import Synchronization

/// A connection pool of bounded size that opens connections on demand.
///
/// Callers wait in line, first come, first served. A connection goes back into the pool only without a transaction or
/// LISTENs; one that broke is replaced, with backoff while the server is unreachable.
///
/// ```swift
/// let pool = PostgresPool(configuration: configuration, maxConnections: 8, logger: logger)
/// let rows = try await pool.query("SELECT name FROM campaigns WHERE id = \(id)")
/// ```
public final class PostgresPool: Sendable {
    typealias State = PoolState<PostgresConnection>

    let configuration: PostgresConfiguration
    /// The way to the server for sessions that listen.
    private let listening: PostgresConfiguration
    let acquireTimeout: Duration
    /// True if the first connection is tried again while no server can be reached.
    private let awaitsServer: Bool
    let logger: Logger
    let state: Mutex<State>
    /// The queue of the timer that ends waits; never blocks.
    let timer = DispatchQueue(label: "postgres.pool")
    /// The pools whose connections are lent, if this one has none of its own.
    private let route: ReplicaRoute?

    /// Makes a pool; no connection is opened yet.
    ///
    /// - Parameters:
    ///   - configuration: The server, or a pooler before it.
    ///   - listening: The server itself, for sessions that listen; `nil` if `configuration` is.
    ///   - maxConnections: The most connections that may exist at once, at least 1.
    ///   - acquireTimeout: The longest time that a caller waits for a connection, or for the server to come back.
    ///   - awaitsServer: True if the first connection is tried again while no server can be reached, as a daemon does. A
    ///     server that is starting is always awaited; a wrong database, role, password or name of a host never, until there
    ///     has been a connection.
    ///   - logger: Receives a warning whenever a connection cannot be opened.
    public init(
        configuration: PostgresConfiguration,
        listening: PostgresConfiguration? = nil,
        maxConnections: Int = 8,
        acquireTimeout: Duration = .seconds(10),
        awaitsServer: Bool = true,
        logger: Logger = Logger(label: "postgres")
    ) {
        self.configuration = configuration
        self.listening = listening ?? configuration
        self.acquireTimeout = acquireTimeout
        self.awaitsServer = awaitsServer
        self.logger = logger
        route = nil
        state = Mutex(State(maxConnections: max(maxConnections, 1)))
    }

    /// Makes a pool without connections of its own.
    init(primary: PostgresPool, route: ReplicaRoute) {
        (configuration, listening) = (primary.configuration, primary.listening)
        (acquireTimeout, awaitsServer, logger) = (primary.acquireTimeout, primary.awaitsServer, primary.logger)
        self.route = route
        state = Mutex(State(maxConnections: 1))
    }

    /// The one schema on the search path of its connections; `nil` if server and role decide.
    public var schema: String? { configuration.schema }

    /// The number of connections and of waiting callers; those of the primary if this pool has none.
    public var statistics: PostgresPoolStatistics {
        if let route { return route.primary.statistics }
        return state.withLock { state in
            PostgresPoolStatistics(
                open: state.open,
                idle: state.idle.count,
                waiting: state.waiters.count,
                maxConnections: state.maxConnections
            )
        }
    }

    /// Lends a connection to `body` for as long as it runs.
    ///
    /// - Parameter body: Must not let the connection escape, nor take another from this pool, because then all callers
    ///   might wait for each other.
    /// - Returns: The result of `body`.
    /// - Throws: The error of `body`; ``PostgresError/poolExhausted(size:waited:)`` if none became free in time;
    ///   ``PostgresError/connection(_:)`` when the server cannot be reached.
    @discardableResult
    public func withConnection<Value>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let lent = try await lend()
        do {
            let value = try await body(lent.connection)
            await lent.giveBack()
            return value
        } catch {
            let repeats = route?.isFault(error, of: lent) ?? false
            await lent.giveBack()
            guard repeats, let route else { throw error }
            return try await route.primary.withConnection(body)
        }
    }

    private func lend() async throws(PostgresError) -> LentConnection {
        guard let route else { return LentConnection(connection: try await acquire(), owner: self) }
        return try await route.acquire()
    }

    /// Checks that Postgres answers.
    ///
    /// - Parameter deadline: Time limit of the answer.
    /// - Throws: `PostgresError` if there is no connection or no answer in time.
    public func ping(deadline: Duration) async throws(PostgresError) {
        _ = try await query("SELECT 1", deadline: deadline)
    }

    /// Runs one statement on any connection and returns its rows.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take, not counting the wait for a connection.
    /// - Returns: All rows.
    /// - Throws: ``PostgresError`` of any kind.
    public func query(
        _ query: PostgresQuery,
        deadline: Duration = .seconds(30)
    ) async throws(PostgresError) -> PostgresRows {
        let lent = try await lend()
        do throws(PostgresError) {
            let rows = try await lent.connection.query(query, deadline: deadline)
            await lent.giveBack()
            return rows
        } catch {
            let repeats = route?.isFault(error, of: lent) ?? false
            await lent.giveBack()
            guard repeats, let route else { throw error }
            return try await route.primary.query(query, deadline: deadline)
        }
    }

    /// Runs one statement on any connection and returns the number of rows that it touched.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take, not counting the wait for a connection.
    /// - Returns: The number of rows that it touched.
    /// - Throws: ``PostgresError`` of any kind.
    @discardableResult
    public func execute(
        _ query: PostgresQuery,
        deadline: Duration = .seconds(30)
    ) async throws(PostgresError) -> Int {
        try await self.query(query, deadline: deadline).affectedRows
    }

    /// Listens on these channels, over a separate connection that does not count towards the pool.
    ///
    /// - Parameters:
    ///   - channels: The exact names of the channels.
    ///   - opening: Work on each new session, such as taking locks that it holds for as long as it is open.
    /// - Returns: The notifications, as an endless sequence.
    public func listen(_ channels: [String], opening: PostgresListener.Opening? = nil) -> PostgresListener {
        PostgresListener(configuration: listening, channels: channels, opening: opening, logger: logger)
    }

    /// Opens a session that listens, or could, for as long as `body` runs.
    ///
    /// - Throws: The error of `body`, or ``PostgresError/connection(_:)``.
    public func withListeningSession<Value>(_ body: (PostgresConnection) async throws -> Value) async throws -> Value {
        try await Self.withConnection(to: listening, logger: logger, body)
    }

    /// Holds an advisory lock for as long as `body` runs, in a transaction of a connection that does not count towards
    /// the pool.
    ///
    /// A pooler keeps the session of an open transaction, so the lock holds behind one, too. The transaction has no
    /// snapshot and no id meanwhile, so it keeps no row from being vacuumed.
    ///
    /// - Parameters:
    ///   - key: An expression for the key, of type `bigint`.
    ///   - isShared: True if others may hold it, too, that share it.
    ///   - deadline: The time to wait for it.
    ///   - body: The work, on other connections.
    /// - Returns: The result of `body`.
    /// - Throws: The error of `body`; ``PostgresError/timeout(_:)`` when another holds the lock for longer;
    ///   ``PostgresError/connection(_:)`` if the lock was lost meanwhile.
    public func withLock<Value>(
        _ key: PostgresQuery,
        isShared: Bool = false,
        deadline: Duration = .seconds(30),
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await Self.withConnection(to: configuration, logger: logger) { keeper in
            do {
                return try await keeper.transaction(deadline: .seconds(5)) { keeper in
                    // The work may take longer than an idle transaction may last. The second is of Postgres 17.
                    try await keeper.enqueue(
                        """
                        SELECT set_config(name, '0', true) FROM pg_settings
                        WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
                        """
                    )
                    try await keeper.lock(key, isShared: isShared, deadline: deadline)
                    return try await body()
                }
            } catch PostgresError.commitUnknown(let reason) where !keeper.status.read().isOpen {
                throw PostgresError.connection("an advisory lock was lost: \(reason)")
            }
        }
    }

    private static func withConnection<Value>(
        to configuration: PostgresConfiguration,
        logger: Logger,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        let result: Result<Value, any Error>
        do { result = .success(try await body(connection)) } catch { result = .failure(error) }
        await connection.close()
        return try result.get()
    }

    /// Closes the pool: waiting callers get ``PostgresError/closed``; running calls may finish.
    ///
    /// - Parameter limit: The time to wait for running calls; their connections are closed when they come back.
    public func shutdown(within limit: Duration = .seconds(10)) async {
        let leftovers = state.withLock { $0.close() }
        for waiter in leftovers.waiters { waiter.continuation.resume(returning: .closed) }
        for entry in leftovers.idle { await entry.connection.close() }
        let deadline = ContinuousClock.now + limit
        while statistics.open > 0, ContinuousClock.now < deadline {
            // A cancelled shutdown does not wait; the connections close by themselves later.
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }
}

extension PostgresPool {
    /// A connection that was idle for longer than this is checked before it is lent.
    private static let trustedIdleTime = Duration.seconds(30)
    private static let pingLimit = Duration.seconds(2)

    /// Takes a connection; waits for a free one or for the server if necessary.
    func acquire() async throws(PostgresError) -> PostgresConnection {
        let start = ContinuousClock.now
        while true {
            switch await grant() {
            case .connection(let idle):
                if await isHealthy(idle) { return idle.connection }
                await idle.connection.close()
                // The permission to open a connection stays with this caller.
                return try await open(until: start + acquireTimeout)
            case .slot: return try await open(until: start + acquireTimeout)
            case .timedOut(let waited):
                throw .poolExhausted(size: state.withLock { $0.maxConnections }, waited: waited)
            case .cancelled: throw .cancelled
            case .closed: throw .closed
            }
        }
    }

    /// Takes a connection back: resets it, or replaces it if the reset fails.
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

    /// Opens a connection that the pool has permitted, with backoff while the server is unreachable.
    private func open(until deadline: ContinuousClock.Instant) async throws(PostgresError) -> PostgresConnection {
        while true {
            do throws(PostgresError) {
                try await waitForRetry(until: deadline)
            } catch {
                dropPlace()
                throw error
            }
            switch await PostgresConnection.open(configuration, logger: logger) {
            case .connected(let connection):
                state.withLock { $0.noteConnected() }
                return connection
            case .failed(let error, let remedy):
                guard case .connection = error, mayHeal(remedy), noteFailure(error) < deadline else {
                    dropPlace()
                    throw error
                }
            }
        }
    }

    /// Returns true if another attempt may succeed with the same settings.
    private func mayHeal(_ remedy: ConnectFailure.Remedy) -> Bool {
        // A restore may take the database away for a while, and a password may be changed on one side first.
        if state.withLock({ $0.hasConnected }) { return true }
        return switch remedy {
        case .time: true
        case .server: awaitsServer
        case .person: false
        }
    }

    /// Records a failed attempt.
    ///
    /// - Returns: The time from which the next one may be made.
    private func noteFailure(_ error: PostgresError) -> ContinuousClock.Instant {
        logger.warning("Could not connect to Postgres", metadata: ["error": "\(error)"])
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

extension PostgresPool {
    /// Runs `body` in a transaction, and repeats it after a serialization failure or deadlock.
    ///
    /// `body` is repeated after 40001, after 40P01, and after a table was altered under a prepared statement, even if
    /// it wrapped that error in one of its own. It must therefore change nothing but the database.
    ///
    /// - Parameters:
    ///   - isolation: The isolation from concurrent transactions.
    ///   - readOnly: True if the server refuses all writes.
    ///   - retries: The maximum number of repetitions, each after a short random pause.
    ///   - deadline: The longest time that COMMIT may take, with the queued statements that are sent along.
    ///   - body: The statements of the transaction, all on the connection that `body` is given.
    /// - Returns: The result of `body`, once it is committed.
    /// - Throws: The last error of `body`, or ``PostgresError``.
    @discardableResult
    public func transaction<Value>(
        isolation: PostgresIsolation = .readCommitted,
        readOnly: Bool = false,
        retries: Int = 3,
        deadline: Duration = .seconds(30),
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await withConnection { connection in
            try await connection.transaction(
                isolation: isolation,
                readOnly: readOnly,
                retries: retries,
                deadline: deadline,
                body
            )
        }
    }
}

extension PostgresConnection {
    /// Runs `body` in a transaction of this connection, and repeats it like
    /// ``PostgresPool/transaction(isolation:readOnly:retries:deadline:_:)``.
    public nonisolated func transaction<Value>(
        isolation: PostgresIsolation = .readCommitted,
        readOnly: Bool = false,
        retries: Int,
        deadline: Duration = .seconds(30),
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do {
                return try await transaction(isolation: isolation, readOnly: readOnly, deadline: deadline, body)
            } catch {
                guard attempt <= retries, mayRepeatTransaction(after: error) else { throw error }
                try await Task.sleep(
                    for: Backoff.delay(attempt: attempt, first: .milliseconds(10), maximum: .milliseconds(500))
                )
                attempt += 1
            }
        }
    }

    /// Returns true if the last transaction was rolled back only because of a concurrent one or a stale plan.
    nonisolated func mayRepeatTransaction(after error: any Error) -> Bool {
        let state = status.read()
        guard state.isOpen, !Task.isCancelled, let failure = state.failure else { return false }
        if let error = error as? PostgresError, error.serverError == nil, error != .transactionAborted { return false }
        return failure.sqlState == "40001" || failure.sqlState == "40P01" || failure.isStalePlan
    }
}

/// The state of a pool at one moment, for metrics.
public struct PostgresPoolStatistics: Sendable, Hashable {
    /// Connections that exist or are being opened.
    public let open: Int
    /// Idle connections.
    public let idle: Int
    /// Callers that wait for a connection.
    public let waiting: Int
    public let maxConnections: Int
}

/// Exponential backoff with jitter and an upper bound.
enum Backoff {
    /// Returns a delay between half and the whole of `first` × 2^(attempt − 1), at most `maximum`.
    ///
    /// - Parameters:
    ///   - attempt: The number of failures so far, from 1.
    ///   - first: The longest delay after the first failure.
    ///   - maximum: The longest delay ever.
    /// - Returns: The delay.
    static func delay(attempt: Int, first: Duration, maximum: Duration) -> Duration {
        let ceiling = min(first * (1 << min(max(attempt - 1, 0), 20)), maximum)
        return ceiling * Double.random(in: 0.5...1)
    }
}
