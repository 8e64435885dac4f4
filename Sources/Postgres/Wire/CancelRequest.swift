internal import CLibPQ
internal import Dispatch
internal import Synchronization

/// A request to the server to stop what one connection is doing.
///
/// `PQcancel` opens a connection of its own and waits for the server, without any deadline; so it runs on a
/// thread of its own, and a server that is stuck costs no more than a few of those.
final class CancelRequest: Sendable {
    private let done = DispatchSemaphore(value: 0)

    private static let running = Mutex(0)
    private static let limit = 32

    /// Sends the request; `nil` when too many are still unanswered, and then the connection must be given up.
    init?(connection: OpaquePointer) {
        let isAllowed = Self.running.withLock { running in
            guard running < Self.limit else { return false }
            running += 1
            return true
        }
        guard isAllowed else { return nil }
        guard let ticket = unsafe CancelTicket(connection: connection) else {
            Self.running.withLock { $0 -= 1 }
            return nil
        }
        DispatchQueue(label: "postgres.cancel").async { [done] in
            ticket.send()
            Self.running.withLock { $0 -= 1 }
            done.signal()
        }
    }

    /// Waits until the server has passed the request on; after that it cannot hit a later statement any more.
    func wait(for limit: Duration) -> Bool {
        done.wait(timeout: .now() + .milliseconds(Int(limit / .milliseconds(1)))) == .success
    }
}

/// libpq's copy of what is needed to cancel.
///
/// Unchecked because of the pointer: it is made on one thread and then used by one other only.
@safe private final class CancelTicket: @unchecked Sendable {
    private let pointer: OpaquePointer

    init?(connection: OpaquePointer) {
        guard let pointer = unsafe PQgetCancel(connection) else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe PQfreeCancel(pointer)
    }

    func send() {
        var reason = [CChar](repeating: 0, count: 256)
        // A failure shows as a statement that goes on, which the waiting connection notices by itself.
        _ = unsafe PQcancel(pointer, &reason, Int32(reason.count))
    }
}
