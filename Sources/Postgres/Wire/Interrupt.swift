internal import CLibPQ
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Wakes a connection that waits in `poll`, because its task was cancelled.
///
/// Each call takes a ticket; a cancellation that comes after its call has ended finds another ticket and does nothing,
/// so it never interrupts the next call.
final class Interrupt: Sendable {
    /// The descriptor to poll: readable while the current call is cancelled; −1 if the process ran out of descriptors.
    let descriptor: Int32
    private let writeEnd: Int32
    private let tickets = Mutex(Tickets())

    private struct Tickets {
        var last: UInt64 = 0
        var current: UInt64 = 0
        /// True if a byte was written for a call that has since ended.
        var isSignalled = false
    }

    init() {
        // This is a pipe, because Glibc's module lacks eventfd.
        var ends: [Int32] = [-1, -1]
        if unsafe pipe(&ends) != 0 { ends = [-1, -1] }
        for end in ends where end >= 0 {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        descriptor = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        close(writeEnd)
    }

    /// Returns a ticket for a call that is about to begin.
    func ticket() -> UInt64 {
        tickets.withLock { tickets in
            tickets.last += 1
            return tickets.last
        }
    }

    /// Makes `ticket` the call that can be interrupted.
    func begin(_ ticket: UInt64) {
        tickets.withLock { tickets in
            tickets.current = ticket
            guard tickets.isSignalled else { return }
            tickets.isSignalled = false
            var byte: UInt8 = 0
            // Reads the byte that an earlier call may have left.
            _ = unsafe Glibc.read(descriptor, &byte, 1)
        }
    }

    /// Makes later interruptions of the current call ineffective.
    func end() {
        tickets.withLock { $0.current = 0 }
    }

    /// Wakes the call with this ticket, if it is still running.
    func trigger(_ ticket: UInt64) {
        tickets.withLock { tickets in
            guard tickets.current == ticket else { return }
            tickets.current = 0
            tickets.isSignalled = true
            var byte: UInt8 = 1
            // Cannot fail: the pipe holds at most the one byte of the current call.
            _ = unsafe Glibc.write(writeEnd, &byte, 1)
        }
    }
}

/// A request to the server to stop what one connection is doing.
///
/// `PQcancel` opens a connection of its own and waits for the server without a deadline, so it runs on a thread of its
/// own. A server that hangs blocks only a few such threads.
final class CancelRequest: Sendable {
    private let done = DispatchSemaphore(value: 0)

    private static let running = Mutex(0)
    private static let limit = 32

    /// Sends the request; `nil` when too many are still unanswered, and then the connection must be closed.
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

/// libpq's copy of the data that a cancel request needs.
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
        // A failed request leaves the statement running, which the waiting connection notices.
        _ = unsafe PQcancel(pointer, &reason, Int32(reason.count))
    }
}
