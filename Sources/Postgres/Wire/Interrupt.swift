internal import Glibc
internal import Synchronization

/// Wakes a connection that waits in `poll`, because its task was cancelled.
///
/// Each call takes a ticket; a cancellation that comes after its call has ended finds another ticket and does
/// nothing, so that it never hits the next call.
final class Interrupt: Sendable {
    /// Readable while the current call is cancelled; −1 when the process ran out of descriptors.
    let descriptor: Int32
    private let writeEnd: Int32
    private let tickets = Mutex(Tickets())

    private struct Tickets {
        var last: UInt64 = 0
        var current: UInt64 = 0
        /// Whether a byte was written for a call that has ended since.
        var isSignalled = false
    }

    init() {
        // A pipe, because Glibc's module lacks eventfd.
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

    /// A ticket for a call that is about to begin.
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
            // Empties what an earlier call left: at most one byte.
            _ = unsafe Glibc.read(descriptor, &byte, 1)
        }
    }

    /// Makes later interruptions of the current call void.
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
