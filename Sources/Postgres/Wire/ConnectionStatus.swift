internal import Synchronization

/// What others may know about a connection without waiting for its thread.
final class ConnectionStatus: Sendable {
    struct Snapshot {
        var isOpen = false
        var isInTransaction = false
        /// Session locks or LISTENs are there, which the next user of the connection must not inherit.
        var hasSessionState = false
        /// SQLSTATE of what made the current or last transaction fail.
        var failure: PostgresServerError?
        var processID: Int32 = 0
        /// The socket, for a look at whether the server has hung up.
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
