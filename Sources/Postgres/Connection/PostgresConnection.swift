public import Logging

/// One session with the server, on a thread of its own where libpq may block.
///
/// Get one from ``PostgresPool/withConnection(_:)``; ``connect(_:logger:)`` is for sessions that are held for long.
/// Calls run one after the other. When the task is cancelled or a deadline passes the server is asked to stop, and
/// the call ends with ``PostgresError/cancelled`` or ``PostgresError/timeout(_:)``; a connection whose server does
/// not react within two seconds is closed and all later calls fail.
public actor PostgresConnection {
    let wire: Wire
    nonisolated let status = ConnectionStatus()
    private nonisolated let interrupt = Interrupt()
    private nonisolated let executor = QueueExecutor(label: "postgres.connection")
    private nonisolated let logger: Logger

    /// Where all calls run; never one of Swift's cooperative threads.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private init(logger: Logger) {
        self.logger = logger
        wire = Wire(interrupt: interrupt, status: status)
    }

    /// Opens a connection.
    ///
    /// - Throws: ``PostgresError/connection(_:)`` when that is not possible within the configuration's time limit.
    public static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger = Logger(label: "postgres")
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = PostgresConnection(logger: logger)
        try await connection.cancellable { wire throws(PostgresError) in try wire.open(configuration) }
        logger.debug("Connected", metadata: ["server": "\(configuration)", "processID": "\(connection.processID)"])
        return connection
    }

    /// Runs one statement with its values, prepared on first use, and gives its rows.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take.
    /// - Returns: All rows.
    /// - Throws: ``PostgresError`` of any kind.
    public func query(
        _ query: PostgresQuery,
        deadline: Duration = .seconds(30)
    ) async throws(PostgresError) -> PostgresRows {
        try await cancellable { wire throws(PostgresError) in try wire.query(query, within: Wire.Limit(deadline)) }
    }

    /// Runs one statement with its values and gives the number of rows that it touched.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take.
    /// - Returns: The number of rows that it touched.
    /// - Throws: ``PostgresError`` of any kind.
    @discardableResult
    public func execute(
        _ query: PostgresQuery,
        deadline: Duration = .seconds(30)
    ) async throws(PostgresError) -> Int {
        try await self.query(query, deadline: deadline).affectedRows
    }

    /// Runs a script of any number of statements without values, such as a migration.
    ///
    /// Outside of a transaction the whole script is one.
    ///
    /// - Parameters:
    ///   - sql: The statements, separated by semicolons.
    ///   - deadline: The longest time that the whole script may take.
    /// - Throws: ``PostgresError`` of any kind.
    public func simpleScript(_ sql: String, deadline: Duration = .seconds(30)) async throws(PostgresError) {
        _ = try await cancellable { wire throws(PostgresError) in try wire.script(sql, within: Wire.Limit(deadline)) }
    }

    /// Closes the connection; the server rolls back what was not committed.
    public func close() async {
        wire.abandon(.closed)
    }

    /// The process that serves this connection, as in `pg_stat_activity.pid`.
    public nonisolated var processID: Int32 { status.read().processID }

    /// Whether a transaction is open, be it healthy or failed.
    public nonisolated var isInTransaction: Bool { status.read().isInTransaction }

    /// Runs `body` so that a cancellation of the task wakes it up.
    func cancellable<Value: Sendable>(
        _ body: (Wire) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let ticket = interrupt.ticket()
        let result: Result<Value, PostgresError> = await withTaskCancellationHandler {
            interrupt.begin(ticket)
            defer { interrupt.end() }
            // A cancellation from before `begin` has not been heard by the handler.
            if Task.isCancelled { return .failure(.cancelled) }
            do throws(PostgresError) {
                return .success(try body(wire))
            } catch {
                return .failure(error)
            }
        } onCancel: {
            interrupt.trigger(ticket)
        }
        return try result.get()
    }
}
