internal import Dispatch
public import Logging
internal import Synchronization

/// A bounded set of connections, opened when they are needed and shared fairly.
///
/// Callers wait in line, first come, first served. A connection goes back into the pool only without a
/// transaction, locks or LISTENs; one that broke is replaced, with growing pauses while the server is away.
///
/// ```swift
/// let pool = PostgresPool(configuration: configuration, maxConnections: 8, logger: logger)
/// let rows = try await pool.query("SELECT name FROM campaigns WHERE id = \(id)")
/// ```
public final class PostgresPool: Sendable {
    typealias State = PoolState<PostgresConnection>

    let configuration: PostgresConfiguration
    let acquireTimeout: Duration
    let logger: Logger
    let state: Mutex<State>
    /// Runs the timer that ends waits; never blocks.
    let timer = DispatchQueue(label: "postgres.pool")

    /// Makes a pool; no connection is opened yet.
    ///
    /// - Parameters:
    ///   - configuration: The server.
    ///   - maxConnections: The most connections that may exist at once, at least 1.
    ///   - acquireTimeout: The longest time that a caller waits for a connection, or for the server to come back.
    ///   - logger: Gets a warning whenever a connection cannot be opened.
    public init(
        configuration: PostgresConfiguration,
        maxConnections: Int = 8,
        acquireTimeout: Duration = .seconds(10),
        logger: Logger = Logger(label: "postgres")
    ) {
        self.configuration = configuration
        self.acquireTimeout = acquireTimeout
        self.logger = logger
        state = Mutex(State(maxConnections: max(maxConnections, 1)))
    }

    /// How many connections there are and how many callers wait.
    public var statistics: PostgresPoolStatistics {
        state.withLock { state in
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
    /// - Parameter body: Must not let the connection escape, nor take another from this pool: all might wait so.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; ``PostgresError/poolExhausted(size:waited:)`` when none became free in time;
    ///   ``PostgresError/connection(_:)`` when the server cannot be reached.
    @discardableResult
    public func withConnection<Value>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await acquire()
        do {
            let value = try await body(connection)
            await release(connection)
            return value
        } catch {
            await release(connection)
            throw error
        }
    }

    /// Checks that Postgres answers.
    ///
    /// - Parameter deadline: Time limit of the answer.
    /// - Throws: `PostgresError` if there is no connection or no answer in time.
    public func ping(deadline: Duration) async throws(PostgresError) {
        _ = try await query("SELECT 1", deadline: deadline)
    }

    /// Runs one statement on any connection and gives its rows.
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
        let connection = try await acquire()
        do throws(PostgresError) {
            let rows = try await connection.query(query, deadline: deadline)
            await release(connection)
            return rows
        } catch {
            await release(connection)
            throw error
        }
    }

    /// Runs one statement on any connection and gives the number of rows that it touched.
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

    /// Notifications on these channels, over a connection of its own that does not count as one of the pool's.
    public func listen(_ channels: [String]) -> PostgresListener {
        PostgresListener(configuration: configuration, channels: channels, logger: logger)
    }

    /// Closes the pool: callers in line get ``PostgresError/closed``, those at work may finish.
    ///
    /// - Parameter limit: How long to wait for those at work; their connections are closed when they come back.
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
