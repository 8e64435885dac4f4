internal import CHiredis
import Glibc

/// One hiredis context: connects, writes without blocking, and returns replies in order.
///
/// Belongs to one thread at a time. After the first error it must be dropped; it never recovers.
///
/// `@safe`: the context is made before and freed with the object.
@safe final class RedisConnection {
    /// The event that ended a wait.
    struct Readiness {
        let canRead: Bool
        let canWrite: Bool
    }

    let context: UnsafeMutablePointer<redisContext>
    private var output: [UInt8] = []
    /// Number of bytes of `output` that the socket has accepted.
    private var flushed = 0
    /// The position in the stream of the first byte of `output`.
    private var outputStart = 0
    /// The digests of scripts that this connection has sent in full.
    private var knownScripts: Set<String> = []
    /// The id of the server's history of writes, which each failover changes; `nil` without sentinels.
    var replicationID: String?

    init(_ context: UnsafeMutablePointer<redisContext>) {
        unsafe self.context = unsafe context
    }

    deinit {
        unsafe redisFree(context)
    }

    var descriptor: Int32 { unsafe context.pointee.fd }

    /// Number of bytes that the socket has accepted since the connection opened.
    var sentBytes: Int { outputStart + flushed }

    var hasUnsentOutput: Bool { flushed < output.count }

    /// Number of bytes to be written.
    var unsentCount: Int { output.count - flushed }

    /// Puts a command at the end of the output and returns the stream position after it.
    func append(_ command: RedisCommand) -> Int {
        let isKnown = command.script.map { !knownScripts.insert($0.sha1).inserted } ?? false
        command.encode(into: &output, scriptIsKnown: isKnown)
        return outputStart + output.count
    }

    /// Records that the server does not know a script.
    func forget(_ script: RedisScript) {
        knownScripts.remove(script.sha1)
    }

    /// Writes as much as the socket accepts.
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

    /// Reads the data that has arrived.
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

    /// Waits until the socket is readable (or writable, while there is output), the wake-up is signalled or `deadline`
    /// comes.
    func wait(until deadline: ContinuousClock.Instant, wakeup: RedisWakeup?) -> Readiness {
        let events = Int16(hasUnsentOutput ? POLLIN | POLLOUT : POLLIN)
        return poll(events, until: deadline, wakeup: wakeup)
    }

    func poll(_ events: Int16, until deadline: ContinuousClock.Instant, wakeup: RedisWakeup?) -> Readiness {
        var entries = [
            pollfd(fd: descriptor, events: events, revents: 0),
            pollfd(fd: wakeup?.readEnd ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        // A failure (EINTR) looks like a timeout: the caller waits again.
        _ = unsafe Glibc.poll(&entries, 2, Self.milliseconds(until: deadline))
        if entries[1].revents != 0 { wakeup?.reset() }
        let ready = Int32(entries[0].revents)
        let isBroken = ready & (POLLERR | POLLHUP | POLLNVAL) != 0
        return Readiness(canRead: ready & POLLIN != 0 || isBroken, canWrite: ready & POLLOUT != 0 || isBroken)
    }

    /// Returns the time left, rounded up to avoid a busy loop, and at most a minute.
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

extension RedisConnection {
    /// Connects to the first address that answers, or to the primary that sentinels name, and logs in.
    ///
    /// - Parameters:
    ///   - configuration: The addresses, the user, and the time limit of each address.
    ///   - tick: Called every 20 ms or so, because this blocks for up to the connect timeout.
    /// - Returns: A connection that has answered a `PING`.
    /// - Throws: ``RedisError/connection(_:)``, ``RedisError/unknownHost(_:)``, or ``RedisError/server(_:)`` when Redis refuses the log-in.
    static func open(_ configuration: RedisConfiguration, tick: () -> Void) throws(RedisError) -> RedisConnection {
        if let sentinels = configuration.sentinels { return try openPrimary(of: sentinels, configuration, tick) }
        var failure = RedisError.configuration("no Redis address is configured; set REDIS_URL")
        for endpoint in configuration.endpoints {
            do {
                return try open(endpoint, configuration, tick)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Connects to one address, and logs in.
    static func open(
        _ endpoint: RedisConfiguration.Endpoint,
        _ configuration: RedisConfiguration,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisConnection {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        do {
            let connection = try connect(endpoint, deadline, tick)
            try connection.logIn(configuration, deadline, tick)
            return connection
        } catch .connection(let reason) {
            throw .connection("\(endpoint): \(reason)")
        }
    }

    private static func connect(
        _ endpoint: RedisConfiguration.Endpoint,
        _ deadline: ContinuousClock.Instant,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisConnection {
        guard case .tcp(let host, let port) = endpoint else {
            guard case .unixSocket(let path) = endpoint else { throw .connection("unknown kind of address") }
            return try unsafe adopt(redisConnectUnixNonBlock(path), deadline, tick)
        }
        var failure = RedisError.connection("no address")
        for address in try RedisResolver.addresses(of: host, until: deadline, tick: tick) {
            do {
                let connection = try unsafe adopt(redisConnectNonBlock(address, Int32(port)), deadline, tick)
                // Detects a dead peer on an idle connection; a failure to set it has no other effect.
                _ = unsafe redisEnableKeepAlive(connection.context)
                return connection
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func adopt(
        _ context: UnsafeMutablePointer<redisContext>?,
        _ deadline: ContinuousClock.Instant,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisConnection {
        guard let context = unsafe context else { throw .connection("out of memory") }
        let connection = unsafe RedisConnection(context)
        if unsafe context.pointee.err != 0 { throw .connection(connection.contextError) }
        _ = fcntl(connection.descriptor, F_SETFD, FD_CLOEXEC)
        while !connection.poll(Int16(POLLOUT), until: slice(of: deadline), wakeup: nil).canWrite {
            tick()
            if ContinuousClock.now >= deadline { throw .connection("connecting takes too long") }
        }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(connection.descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0 else {
            throw .connection(reason(code))
        }
        return connection
    }

    private func logIn(
        _ configuration: RedisConfiguration,
        _ deadline: ContinuousClock.Instant,
        _ tick: () -> Void
    ) throws(RedisError) {
        var commands: [RedisCommand] = []
        if let password = configuration.password {
            let login = [configuration.user, password].compactMap(\.self)
            commands.append(RedisCommand("AUTH", arguments: login.map { .text($0) }))
        }
        if configuration.database != 0 { commands.append(RedisCommand("SELECT", .integer(configuration.database))) }
        if let name = configuration.clientName { commands.append(RedisCommand("CLIENT", "SETNAME", .text(name))) }
        // Proves that the server answers if no other command was sent.
        commands.append(RedisCommand("PING"))
        for command in commands {
            _ = append(command)
        }
        for command in commands {
            let reply = try awaitReply(until: deadline, tick)
            // An ACL may forbid setting the name, and a server that is loading still accepts connections.
            let isRequired = command.name == "AUTH" || command.name == "SELECT"
            if case .error(let error) = reply, isRequired || error.kind == .noAuth { throw .server(error) }
        }
    }

    /// Sends one command on a connection that no other caller shares yet, and waits for its reply.
    func ask(
        _ command: RedisCommand,
        until deadline: ContinuousClock.Instant,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisReply {
        _ = append(command)
        let reply = try awaitReply(until: deadline, tick)
        if case .error(let error) = reply { throw .server(error) }
        return reply
    }

    private func awaitReply(
        until deadline: ContinuousClock.Instant,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisReply {
        while true {
            if let reply = try nextReply() { return reply }
            try flush()
            if wait(until: Self.slice(of: deadline), wakeup: nil).canRead {
                try fill()
            } else {
                tick()
                if ContinuousClock.now >= deadline { throw .connection("the server does not answer") }
            }
        }
    }

    private static func slice(of deadline: ContinuousClock.Instant) -> ContinuousClock.Instant {
        min(deadline, .now + .milliseconds(20))
    }
}
