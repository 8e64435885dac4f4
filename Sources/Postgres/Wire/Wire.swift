internal import CLibPQ
internal import Glibc
internal import Synchronization

/// One libpq connection and the blocking calls on it, each bounded by an instant.
///
/// Not thread-safe: it lives inside ``PostgresConnection`` and is only touched on that actor's thread.
@safe final class Wire {
    /// The connection of libpq; `nil` before it is opened and after it is lost.
    var connection: OpaquePointer?
    /// The reason why `connection` is gone; later calls throw it.
    var lost: PostgresError = .closed
    var statements = StatementCache()
    /// The cause that may end the failure to open the connection.
    private(set) var remedy = ConnectFailure.Remedy.server
    /// Statements to send before the next one: BEGIN, if it was not sent yet, and queued statements.
    var queue: [QueuedStatement] = []
    /// True if the next transaction may run in another session.
    private(set) var isPooled = false
    /// The statement that gives a transaction its settings, if sessions do not keep them.
    private(set) var settings: String?
    /// The same, to be sent before others.
    var prelude: QueuedStatement? { settings.map(QueuedStatement.script) }
    let interrupt: Interrupt
    let status: ConnectionStatus

    /// Time limit for the server to react to a cancel request; after it the connection is closed.
    static let cancelGrace = Duration.seconds(2)

    init(interrupt: Interrupt, status: ConnectionStatus) {
        self.interrupt = interrupt
        self.status = status
    }

    deinit {
        unsafe PQfinish(connection)
    }

    /// Returns the open connection, or throws the reason why it is closed.
    func handle() throws(PostgresError) -> OpaquePointer {
        guard let connection = unsafe connection else { throw lost }
        return unsafe connection
    }

    /// Closes the connection for good; later calls throw `reason`.
    func abandon(_ reason: PostgresError) {
        guard let open = unsafe connection else { return }
        unsafe connection = nil
        lost = reason
        queue = []
        status.update {
            $0.isOpen = false
            $0.isInTransaction = false
        }
        unsafe PQfinish(open)
    }

    /// Closes a connection that libpq reports as broken.
    func lose(_ handle: OpaquePointer, _ message: String? = nil) -> PostgresError {
        let words = unsafe message ?? String(cString: PQerrorMessage(handle))
        let reason = PostgresError.connection(Self.oneLine(words))
        abandon(reason)
        return reason
    }

    /// Closes a connection that could not be opened.
    private func fail(_ handle: OpaquePointer, _ message: String? = nil) -> PostgresError {
        let failure = ConnectFailure(unsafe message ?? String(cString: PQerrorMessage(handle)))
        let reason = PostgresError.connection(failure.reason)
        abandon(reason)
        remedy = failure.remedy
        return reason
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }
            .joined(separator: "; ")
    }
}

/// The result of a wait for the server.
enum Waited {
    case ready, deadline, cancelled, broken
}

extension Wire {
    /// Sends what is buffered and reads until a result can be taken without blocking.
    func pump(_ handle: OpaquePointer, until deadline: ContinuousClock.Instant, cancellable: Bool) -> Waited {
        while true {
            let unsent = unsafe PQflush(handle)
            guard unsent >= 0 else { return .broken }
            if unsent == 0, unsafe PQisBusy(handle) == 0 { return .ready }
            let events = unsent > 0 ? POLLIN | POLLOUT : POLLIN
            let waited = wait(unsafe PQsocket(handle), for: Int16(events), until: deadline, cancellable: cancellable)
            guard waited == .ready else { return waited }
            guard unsafe PQconsumeInput(handle) == 1 else { return .broken }
        }
    }

    /// Waits for the socket, the deadline or a cancellation.
    func wait(
        _ socket: Int32,
        for events: Int16,
        until deadline: ContinuousClock.Instant,
        cancellable: Bool
    ) -> Waited {
        var descriptors = [
            pollfd(fd: socket, events: events, revents: 0),
            // poll ignores negative descriptors.
            pollfd(fd: cancellable ? interrupt.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            // The time is rounded up, so that the loop never spins; the kernel takes at most 24 days.
            let milliseconds = max(0, min(Int64(left / .milliseconds(1)) + 1, 1_000_000_000))
            let count = unsafe poll(&descriptors, 2, left <= .zero ? 0 : Int32(milliseconds))
            if count > 0 {
                if descriptors[1].revents != 0 { return .cancelled }
                return .ready
            }
            if count == 0, ContinuousClock.now >= deadline { return .deadline }
            if count < 0, errno != EINTR { return .broken }
        }
    }
}

extension Wire {
    /// Opens the connection.
    func open(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        guard interrupt.descriptor >= 0 else { throw .connection("the process has no file descriptors left") }
        guard let handle = unsafe start(configuration.parameters) else { throw .connection("out of memory") }
        unsafe connection = unsafe handle
        if unsafe PQstatus(handle) == CONNECTION_BAD { throw unsafe fail(handle) }
        // The verbose form of a refusal names its SQLSTATE.
        _ = unsafe PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        try unsafe negotiate(handle, until: deadline, configuration.connectTimeout)
        _ = unsafe PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
        // Notices would go to stderr; nothing here depends on them.
        _ = unsafe PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard unsafe PQsetnonblocking(handle, 1) == 0 else { throw unsafe lose(handle) }
        status.update {
            $0.isOpen = true
            $0.processID = unsafe PQbackendPID(handle)
            $0.socket = unsafe PQsocket(handle)
        }
        do throws(PostgresError) {
            try prepareSession(configuration, until: deadline)
        } catch {
            switch error {
            case .cancelled:
                abandon(.cancelled)
                throw .cancelled
            case .timeout:
                throw unsafe fail(handle, "the server did not answer within \(configuration.connectTimeout)")
            case .connection(let reason): throw unsafe fail(handle, reason)
            default: throw unsafe fail(handle, "\(error)")
            }
        }
    }

    /// Finds out whether the session is the client's own, and gives it its settings if it is.
    ///
    /// A pooler tells its clients a process of its own. Whether it lends a session for one transaction or for longer
    /// cannot be seen, so it counts as the former unless the connection string says that statements may be prepared.
    private func prepareSession(
        _ configuration: PostgresConfiguration,
        until deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        let settings = configuration.settingExpressions(inTransaction: false)
        let limit = Limit(max(.milliseconds(1), ContinuousClock.now.duration(to: deadline)))
        switch configuration.preparesStatements {
        case false?: isPooled = true
        case true?:
            if !settings.isEmpty { _ = try script("SELECT " + settings.joined(separator: ", "), within: limit) }
        case nil:
            let own = "SELECT \((["true"] + settings).joined(separator: ", "))"
            let answer = try script("\(own) WHERE pg_backend_pid() = \(status.read().processID)", within: limit)
            isPooled = answer.rowCount == 0
        }
        guard isPooled else { return }
        status.update { $0.isPooled = true }
        let local = configuration.settingExpressions(inTransaction: true)
        if !local.isEmpty { self.settings = "SELECT " + local.joined(separator: ", ") }
    }

    private func start(_ parameters: [(keyword: String, value: String)]) -> OpaquePointer? {
        let texts = unsafe parameters.flatMap { unsafe [strdup($0.keyword), strdup($0.value)] }
        defer { unsafe texts.forEach { unsafe free($0) } }
        var keywords: [UnsafePointer<CChar>?] = unsafe []
        var values: [UnsafePointer<CChar>?] = unsafe []
        for index in unsafe stride(from: 0, to: texts.count, by: 2) {
            unsafe keywords.append(texts[index].map { unsafe UnsafePointer($0) })
            unsafe values.append(texts[index + 1].map { unsafe UnsafePointer($0) })
        }
        unsafe keywords.append(nil)
        unsafe values.append(nil)
        return unsafe PQconnectStartParams(keywords, values, 1)
    }

    private func negotiate(
        _ handle: OpaquePointer,
        until deadline: ContinuousClock.Instant,
        _ limit: Duration
    ) throws(PostgresError) {
        var events = Int16(POLLOUT)
        while true {
            // The socket may be another after each step: libpq tries all addresses in turn.
            switch wait(unsafe PQsocket(handle), for: events, until: deadline, cancellable: true) {
            case .ready: break
            case .cancelled:
                abandon(.cancelled)
                throw .cancelled
            case .deadline: throw unsafe fail(handle, "the server did not answer within \(limit)")
            case .broken: throw unsafe fail(handle)
            }
            switch unsafe PQconnectPoll(handle) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: events = Int16(POLLIN)
            case PGRES_POLLING_WRITING: events = Int16(POLLOUT)
            default: throw unsafe fail(handle)
            }
        }
    }
}

/// The state of a connection that can be read from any thread.
final class ConnectionStatus: Sendable {
    struct Snapshot {
        var isOpen = false
        var isInTransaction = false
        /// True if the session may be another one in the next transaction.
        var isPooled = false
        /// The session has LISTENs, which the next user of the connection must not inherit.
        var hasSessionState = false
        /// The SQLSTATE of the error that aborted the current or last transaction.
        var failure: PostgresServerError?
        var processID: Int32 = 0
        /// The socket, to check whether the server closed it.
        var socket: Int32 = -1
    }

    private let snapshot = Mutex(Snapshot())

    func read() -> Snapshot {
        snapshot.withLock { $0 }
    }

    func update(_ change: (inout Snapshot) -> Void) {
        snapshot.withLock { change(&$0) }
    }
}

/// A statement that waits for the next round trip, in which it is sent before others.
enum QueuedStatement {
    /// A statement that the server forgets after it was executed.
    case unnamed(sql: String, BoundArguments)
    /// A prepared statement, and its SQL.
    case prepared(name: String, sql: String, BoundArguments)

    /// Returns a statement without values, such as BEGIN.
    static func script(_ sql: String) -> Self { .unnamed(sql: sql, .none) }
}

/// Statements that share a round trip (libpq's pipeline mode): when one fails, the server skips those after it.
extension Wire {
    /// Queues a query to be sent with the next one.
    func enqueue(_ query: PostgresQuery, within limit: Limit) throws(PostgresError) {
        queue.append(try queued(query, within: limit))
    }

    /// Forgets a transaction whose BEGIN was not sent yet.
    ///
    /// - Returns: True if there was one.
    func dropUnsentTransaction() -> Bool {
        guard !queue.isEmpty, unsafe PQtransactionStatus(connection) == PQTRANS_IDLE else { return false }
        queue = []
        status.update { $0.isInTransaction = false }
        return true
    }

    /// Makes a statement that is ready to be sent.
    func queued(_ query: PostgresQuery, within limit: Limit) throws(PostgresError) -> QueuedStatement {
        let arguments = try BoundArguments(query)
        guard !isPooled else {
            try Self.checkNoNUL(query.sql)
            return .unnamed(sql: query.sql, arguments)
        }
        let statement = try prepared(query.sql, within: limit)
        return .prepared(name: statement.name, sql: query.sql, arguments)
    }

    /// Sends the queued statements, and `last` after them.
    ///
    /// - Returns: The result of the last statement.
    /// - Throws: The first error of any of them.
    @discardableResult
    func flush(then last: QueuedStatement? = nil, within limit: Limit) throws(PostgresError) -> ResultHandle {
        let statements = queue + (last.map { [$0] } ?? [])
        queue = []
        let handle = try unsafe handle()
        guard unsafe PQenterPipelineMode(handle) == 1 else { throw unsafe refused(handle) }
        for statement in statements {
            guard unsafe send(statement, to: handle) else { throw unsafe lose(handle) }
        }
        guard unsafe PQpipelineSync(handle) == 1 else { throw unsafe lose(handle) }
        do throws(PostgresError) {
            let result = try results(within: limit)
            guard result.status != PGRES_COPY_IN else {
                // In a pipeline this cannot be recovered.
                abandon(.misuse("COPY FROM STDIN needs copyIn"))
                throw lost
            }
            return result
        } catch {
            if let server = error.serverError, server.isStalePlan {
                // libpq does not tell which one it was.
                for case .prepared(_, let sql, _) in statements { dropStale(sql, server) }
            }
            throw error
        }
    }

    private func send(_ statement: QueuedStatement, to handle: OpaquePointer) -> Bool {
        switch statement {
        case .unnamed(let sql, let arguments):
            return unsafe arguments.withPointers { count, values, lengths, formats in
                unsafe PQsendQueryParams(handle, sql, count, nil, values, lengths, formats, 1)
            } == 1
        case .prepared(let name, _, let arguments):
            return unsafe arguments.withPointers { count, values, lengths, formats in
                unsafe PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
            } == 1
        }
    }
}
