internal import Dispatch
internal import Glibc
public import Logging

/// One session with the server, on a thread of its own where libpq may block.
///
/// Get one from ``PostgresPool/withConnection(_:)``; ``connect(_:logger:)`` is for sessions that are held for long.
/// Calls run one after the other. When the task is cancelled or a deadline passes, the server is asked to stop, and the
/// call ends with ``PostgresError/cancelled`` or ``PostgresError/timeout(_:)``; a connection whose server does not
/// react within two seconds is closed and all later calls fail.
public actor PostgresConnection {
    let wire: Wire
    nonisolated let status = ConnectionStatus()
    private nonisolated let interrupt = Interrupt()
    private nonisolated let executor = QueueExecutor(label: "postgres.connection")
    private nonisolated let logger: Logger

    /// The executor of all calls; never a thread of Swift's cooperative pool.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private init(logger: Logger) {
        self.logger = logger
        wire = Wire(interrupt: interrupt, status: status)
    }

    /// Opens a connection.
    ///
    /// - Throws: ``PostgresError/connection(_:)`` if no connection can be opened within the configuration's time limit.
    public static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger = Logger(label: "postgres")
    ) async throws(PostgresError) -> PostgresConnection {
        switch await open(configuration, logger: logger) {
        case .connected(let connection): return connection
        case .failed(let error, _): throw error
        }
    }

    /// The result of an attempt to connect.
    enum Attempt {
        case connected(PostgresConnection)
        /// No connection, and what may end that.
        case failed(PostgresError, ConnectFailure.Remedy)
    }

    /// Tries once to open a connection.
    static func open(_ configuration: PostgresConfiguration, logger: Logger) async -> Attempt {
        let connection = PostgresConnection(logger: logger)
        do throws(PostgresError) {
            try await connection.cancellable { wire throws(PostgresError) in try wire.open(configuration) }
        } catch {
            return .failed(error, await connection.remedy)
        }
        logger.debug(
            "Connected to Postgres",
            metadata: ["server": "\(configuration)", "processID": "\(connection.processID)"]
        )
        return .connected(connection)
    }

    private var remedy: ConnectFailure.Remedy { wire.remedy }

    /// Runs one statement with its values, prepared on first use unless sessions are pooled, and returns its rows.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take; a shorter ``StatementLimit`` of the task wins.
    /// - Returns: All rows.
    /// - Throws: ``PostgresError`` of any kind.
    public func query(
        _ query: PostgresQuery,
        deadline: Duration = .seconds(30)
    ) async throws(PostgresError) -> PostgresRows {
        let limit = Wire.Limit(StatementLimit.bounding(deadline))
        return try await cancellable { wire throws(PostgresError) in try wire.query(query, within: limit) }
    }

    /// Runs one statement with its values and returns the number of rows that it touched.
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
    /// Outside of a transaction the whole script is one transaction.
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

    /// The process that serves this connection, as in `pg_stat_activity.pid`; behind a pooler a number of the pooler.
    public nonisolated var processID: Int32 { status.read().processID }

    /// True if the next transaction may run in another session of the server, because of a pooler or of
    /// `prepared_statements=off`: no LISTEN, lock, setting or prepared statement outlives a transaction then.
    public nonisolated var isPooled: Bool { status.read().isPooled }

    /// True if a transaction is open, whether it is healthy or failed.
    public nonisolated var isInTransaction: Bool { status.read().isInTransaction }

    /// Runs `body` so that a cancellation of the task interrupts its wait.
    func cancellable<Value: Sendable>(
        _ body: (Wire) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let ticket = interrupt.ticket()
        let result: Result<Value, PostgresError> = await withTaskCancellationHandler {
            interrupt.begin(ticket)
            defer { interrupt.end() }
            // The handler missed a cancellation that came before `begin`.
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

extension PostgresConnection {
    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// BEGIN is sent with the first statement, and COMMIT with the statements of ``enqueue(_:deadline:)``. Cancellation
    /// before COMMIT rolls back; COMMIT itself is never cancelled. Nothing is repeated here;
    /// ``PostgresPool/transaction(isolation:readOnly:retries:deadline:_:)`` does that.
    ///
    /// - Parameters:
    ///   - isolation: The isolation from concurrent transactions.
    ///   - readOnly: True if the server refuses all writes.
    ///   - deadline: The longest time that COMMIT may take, with the queued statements that are sent along.
    ///   - body: The statements of the transaction, all on the connection that `body` is given.
    /// - Returns: The result of `body`, once it is committed.
    /// - Throws: The error of `body`; ``PostgresError/commitUnknown(_:)`` when the connection breaks during COMMIT;
    ///   ``PostgresError/transactionAborted`` when `body` hid the error of a statement.
    @discardableResult
    public nonisolated func transaction<Value>(
        isolation: PostgresIsolation = .readCommitted,
        readOnly: Bool = false,
        deadline: Duration = .seconds(30),
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await begin(isolation: isolation, readOnly: readOnly)
        let value: Value
        do {
            value = try await body(self)
            if Task.isCancelled { throw PostgresError.cancelled }
        } catch {
            await rollback()
            throw error
        }
        try await commit(deadline: deadline)
        return value
    }

    /// Queues a statement of the current transaction whose rows are not needed: it is sent with the next one, or with
    /// COMMIT, and costs no extra round trip.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take to prepare it, if it is new to the connection.
    /// - Throws: ``PostgresError``; errors of the statement itself are thrown by the call that sends it.
    public func enqueue(_ query: PostgresQuery, deadline: Duration = .seconds(30)) async throws(PostgresError) {
        guard isInTransaction else { throw .misuse("a statement can be handed in for later in a transaction only") }
        try await cancellable { wire throws(PostgresError) in try wire.enqueue(query, within: Wire.Limit(deadline)) }
    }

    private func begin(isolation: PostgresIsolation, readOnly: Bool) throws(PostgresError) {
        guard !isInTransaction else { throw .misuse("a transaction is open on this connection already") }
        if Task.isCancelled { throw .cancelled }
        _ = unsafe try wire.handle()
        let begin = QueuedStatement.script(
            "BEGIN ISOLATION LEVEL \(isolation.sql) \(readOnly ? "READ ONLY" : "READ WRITE")"
        )
        wire.queue = [begin] + (wire.prelude.map { [$0] } ?? [])
        status.update {
            $0.failure = nil
            $0.isInTransaction = true
        }
    }

    private func commit(deadline: Duration) async throws(PostgresError) {
        // The connection was lost before COMMIT was sent, so the transaction was not committed.
        _ = unsafe try wire.handle()
        // Nothing was sent, not even BEGIN, and nothing is to be.
        if wire.queue.count == (wire.prelude == nil ? 1 : 2), wire.dropUnsentTransaction() { return }
        let limit = Wire.Limit(deadline, isCancellable: false)
        do throws(PostgresError) {
            guard try wire.flush(then: .script("COMMIT"), within: limit).tag == "COMMIT" else {
                throw .transactionAborted
            }
        } catch {
            await rollback()
            switch error {
            case .connection, .timeout: throw .commitUnknown("\(error)")
            // A statement before COMMIT had aborted the transaction.
            case .server(let server) where server.sqlState == "25P02": throw .transactionAborted
            default: throw error
            }
        }
    }

    /// Rolls back an open transaction; if that fails, the connection is closed, which has the same effect.
    func rollback() async {
        guard isInTransaction, status.read().isOpen, !wire.dropUnsentTransaction() else { return }
        wire.queue = []
        do throws(PostgresError) {
            _ = try wire.script("ROLLBACK", within: Wire.Limit(Wire.cancelGrace, isCancellable: false))
        } catch {
            wire.abandon(error)
        }
    }
}

/// The isolation of a transaction from concurrent ones.
public enum PostgresIsolation: Sendable {
    /// Each statement sees what was committed before it.
    case readCommitted
    /// All statements see the same state; a write against a newer one fails with 40001.
    case repeatableRead
    /// As if transactions ran one after the other; any may fail with 40001.
    case serializable

    var sql: String {
        switch self {
        case .readCommitted: "READ COMMITTED"
        case .repeatableRead: "REPEATABLE READ"
        case .serializable: "SERIALIZABLE"
        }
    }
}

extension PostgresConnection {
    /// Takes an advisory lock until the end of the transaction, if it is free.
    ///
    /// - Returns: True if it was taken.
    /// - Throws: ``PostgresError``.
    public func tryLock(_ key: Int64) async throws(PostgresError) -> Bool {
        try await query("SELECT pg_try_advisory_xact_lock(\(key))").first?.decode(0) ?? false
    }

    /// Takes an advisory lock until the end of the transaction, and waits for it.
    ///
    /// - Parameters:
    ///   - key: An expression for the key, of type `bigint`.
    ///   - isShared: True if others may hold it, too, that share it.
    ///   - deadline: The time to wait.
    /// - Throws: ``PostgresError/timeout(_:)`` when another transaction holds it for longer.
    public func lock(
        _ key: PostgresQuery,
        isShared: Bool = false,
        deadline: Duration
    ) async throws(PostgresError) {
        let function = PostgresQuery(sql: isShared ? "pg_advisory_xact_lock_shared" : "pg_advisory_xact_lock")
        try await execute("SELECT \(fragment: function)(\(fragment: key))", deadline: deadline)
    }
}

extension PostgresConnection {
    /// Resets the connection for its next user.
    ///
    /// - Returns: True if the reset succeeded; otherwise the connection is closed.
    nonisolated func settle() async -> Bool {
        let state = status.read()
        guard state.isOpen else { return false }
        guard state.isInTransaction || state.hasSessionState else { return true }
        return await reset()
    }

    /// True if the connection looks alive, without asking the server.
    nonisolated var seemsAlive: Bool {
        let state = status.read()
        guard state.isOpen else { return false }
        var descriptor = pollfd(fd: state.socket, events: Int16(POLLIN), revents: 0)
        // An idle server sends nothing: readable data is a shutdown message, the end of the stream, or a message to
        // check.
        return unsafe poll(&descriptor, 1, 0) == 0
    }

    /// Checks that the server answers.
    func ping(deadline: Duration) async -> Bool {
        do throws(PostgresError) {
            _ = try await cancellable { wire throws(PostgresError) in
                try wire.script("SELECT 1", within: Wire.Limit(deadline))
            }
            return true
        } catch {
            // The error does not matter: the caller takes another connection, which reports its own error.
            return false
        }
    }

    private func reset() async -> Bool {
        await rollback()
        guard status.read().isOpen, status.read().hasSessionState else { return status.read().isOpen }
        do throws(PostgresError) {
            let limit = Wire.Limit(Wire.cancelGrace, isCancellable: false)
            _ = try wire.script("UNLISTEN *", within: limit)
            status.update { $0.hasSessionState = false }
            return true
        } catch {
            wire.abandon(error)
            return false
        }
    }
}

/// The longest time that statements of a task may take, whatever deadline their own code gives them.
///
/// A repository does not know who waits for it: a reconcile may wait for minutes, a page for two seconds. The caller says so,
/// for the statements of its task and of child tasks. COMMIT keeps its own deadline, because its outcome must be known.
///
/// ```swift
/// let rows = try await StatementLimit.$current.withValue(.seconds(2)) { try await contacts.list(tenant: tenant) }
/// ```
public enum StatementLimit {
    /// The limit; `nil` leaves statements their own deadlines.
    @TaskLocal public static var current: Duration?

    /// Returns the shorter one of a deadline and the limit of the task.
    static func bounding(_ deadline: Duration) -> Duration { current.map { min($0, deadline) } ?? deadline }
}

/// A serial executor for one connection, on which libpq may block.
///
/// Such a queue takes a thread of its own from Dispatch's overcommitting pool, so that many waiting connections never
/// starve each other nor Swift's cooperative threads.
final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async {
            unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
        }
    }
}
