internal import CHiredis
import Glibc

/// One hiredis context: connects, writes without blocking, and hands out replies in order.
///
/// Belongs to one thread at a time. After the first error it must be dropped; it never recovers.
///
/// `@safe`: the context is made before and freed with the object.
@safe final class RedisConnection {
    /// What ended a wait.
    struct Readiness {
        let canRead: Bool
        let canWrite: Bool
    }

    let context: UnsafeMutablePointer<redisContext>
    private var output: [UInt8] = []
    /// How many bytes of `output` the system has taken.
    private var flushed = 0
    /// The position in the stream of the first byte of `output`.
    private var outputStart = 0
    /// The digests of scripts that this connection has sent in full.
    private var knownScripts: Set<String> = []

    init(_ context: UnsafeMutablePointer<redisContext>) {
        unsafe self.context = unsafe context
    }

    deinit {
        unsafe redisFree(context)
    }

    var descriptor: Int32 { unsafe context.pointee.fd }

    /// How many bytes the system has taken since the connection began.
    var sentBytes: Int { outputStart + flushed }

    var hasUnsentOutput: Bool { flushed < output.count }

    /// How many bytes wait to be written.
    var unsentCount: Int { output.count - flushed }

    /// Puts a command at the end of the output and returns the stream position after it.
    func append(_ command: RedisCommand) -> Int {
        let isKnown = command.script.map { !knownScripts.insert($0.sha1).inserted } ?? false
        command.encode(into: &output, scriptIsKnown: isKnown)
        return outputStart + output.count
    }

    /// Notes that the server does not know a script after all.
    func forget(_ script: RedisScript) {
        knownScripts.remove(script.sha1)
    }

    /// Writes what the system takes now.
    ///
    /// hiredis would use `write`, and a closed connection would then kill the process with SIGPIPE.
    func flush() throws(RedisError) {
        while hasUnsentOutput {
            let count = unsafe output.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[flushed...])
                return unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                flushed += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                throw .connection("writing failed: \(Self.reason(errno))")
            }
        }
        outputStart += flushed
        flushed = 0
        output.removeAll(keepingCapacity: output.capacity <= 1 << 21)
    }

    /// Takes in what has arrived.
    func fill() throws(RedisError) {
        if unsafe redisBufferRead(context) != REDIS_OK { throw .connection("reading failed: \(contextError)") }
    }

    /// Returns the next whole reply, or `nil` until more has arrived.
    func nextReply() throws(RedisError) -> RedisReply? {
        var pointer: UnsafeMutableRawPointer?
        guard unsafe redisGetReplyFromReader(context, &pointer) == REDIS_OK else {
            throw .connection("unreadable reply: \(contextError)")
        }
        guard let pointer = unsafe pointer else { return nil }
        defer { unsafe freeReplyObject(pointer) }
        return unsafe RedisReply(pointer.assumingMemoryBound(to: redisReply.self))
    }

    /// Waits until the socket is readable (or writable, while there is output), the wake-up rings or `deadline` comes.
    func wait(until deadline: ContinuousClock.Instant, wakeup: RedisWakeup?) -> Readiness {
        let events = Int16(hasUnsentOutput ? POLLIN | POLLOUT : POLLIN)
        return poll(events, until: deadline, wakeup: wakeup)
    }

    func poll(_ events: Int16, until deadline: ContinuousClock.Instant, wakeup: RedisWakeup?) -> Readiness {
        var entries = [
            pollfd(fd: descriptor, events: events, revents: 0),
            pollfd(fd: wakeup?.readEnd ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        // A failure (EINTR) looks like nothing being ready: the caller comes round again.
        _ = unsafe Glibc.poll(&entries, 2, Self.milliseconds(until: deadline))
        if entries[1].revents != 0 { wakeup?.reset() }
        let ready = Int32(entries[0].revents)
        let isBroken = ready & (POLLERR | POLLHUP | POLLNVAL) != 0
        return Readiness(canRead: ready & POLLIN != 0 || isBroken, canWrite: ready & POLLOUT != 0 || isBroken)
    }

    /// The time left, rounded up so that nobody spins, and at most a minute.
    static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        let left = deadline - .now
        guard left > .zero else { return 0 }
        return Int32(min(left, .seconds(60)) / .milliseconds(1)) + 1
    }

    static func reason(_ code: Int32) -> String {
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }

    var contextError: String {
        unsafe withUnsafeBytes(of: context.pointee.errstr) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
