internal import CLibPQ
internal import Glibc

/// One libpq connection and the blocking calls on it, each bounded by an instant.
///
/// Not thread-safe: it lives inside ``PostgresConnection`` and is only touched on that actor's thread.
@safe final class Wire {
    /// `nil` before it is opened and after it is lost.
    var connection: OpaquePointer?
    /// Why `connection` is gone; said to whoever uses it still.
    var lost: PostgresError = .closed
    var statements = StatementCache()
    /// What goes ahead of the next statement: BEGIN, until something is done, and what was handed in for later.
    var queue: [QueuedStatement] = []
    let interrupt: Interrupt
    let status: ConnectionStatus

    /// How long the server may take to react to a cancel request before the connection is given up.
    static let cancelGrace = Duration.seconds(2)

    init(interrupt: Interrupt, status: ConnectionStatus) {
        self.interrupt = interrupt
        self.status = status
    }

    deinit {
        unsafe PQfinish(connection)
    }

    /// The open connection, or the reason why there is none.
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

    /// Gives up a connection that libpq reports as broken.
    func lose(_ handle: OpaquePointer, _ message: String? = nil) -> PostgresError {
        let words = unsafe message ?? String(cString: PQerrorMessage(handle))
        let reason = PostgresError.connection(Self.oneLine(words))
        abandon(reason)
        return reason
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }
            .joined(separator: "; ")
    }
}

/// How a wait for the server ended.
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
            // Rounded up, so that it never spins; the kernel takes at most 24 days.
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
