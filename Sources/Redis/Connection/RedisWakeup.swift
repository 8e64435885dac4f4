import Glibc

/// A file descriptor that ends another thread's `poll`.
final class RedisWakeup: Sendable {
    /// Becomes readable after ``signal()``; -1, which `poll` ignores, when the system had no descriptor left.
    let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // Without a pipe waits are merely cut short by their own limits, so failure needs no report.
        let result = unsafe pipe(&ends)
        (readEnd, writeEnd) = result == 0 ? (ends[0], ends[1]) : (-1, -1)
        for end in [readEnd, writeEnd] where end >= 0 {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        guard readEnd >= 0 else { return }
        close(readEnd)
        close(writeEnd)
    }

    /// Ends the current or the next wait.
    func signal() {
        var byte: UInt8 = 1
        // A full pipe is a signal already given.
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Forgets the signals given so far.
    func reset() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while unsafe read(readEnd, &bytes, bytes.count) == bytes.count {}
    }
}

extension RedisWakeup {
    /// Sleeps until the signal or `moment`, whichever is first.
    func wait(until moment: ContinuousClock.Instant) {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        // A failure (EINTR) cuts the sleep short, which callers expect anyway.
        if unsafe poll(&entry, 1, RedisConnection.milliseconds(until: moment)) > 0 { reset() }
    }
}
