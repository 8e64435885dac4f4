internal import CHiredis
import Glibc

extension RedisConnection {
    /// Connects to the first address that answers, and logs in.
    ///
    /// - Parameters:
    ///   - configuration: Where to, as whom, and how long each address may take.
    ///   - tick: Called every 20 ms or so, because this blocks for up to the connect timeout.
    /// - Returns: A connection that has answered a `PING`.
    /// - Throws: ``RedisError/connection(_:)``, or ``RedisError/server(_:)`` when Redis refuses the log-in.
    static func open(_ configuration: RedisConfiguration, tick: () -> Void) throws(RedisError) -> RedisConnection {
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

    private static func open(
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
                // Finds a dead peer on an idle connection; failing to set it costs nothing else.
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
        // Also proves that the server answers, where there is nothing else to say.
        commands.append(RedisCommand("PING"))
        for command in commands {
            _ = append(command)
        }
        for command in commands {
            let reply = try awaitReply(until: deadline, tick)
            // A name is a convenience that an ACL may forbid, and a server that loads still takes connections.
            let isRequired = command.name == "AUTH" || command.name == "SELECT"
            if case .error(let error) = reply, isRequired || error.kind == .noAuth { throw .server(error) }
        }
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
