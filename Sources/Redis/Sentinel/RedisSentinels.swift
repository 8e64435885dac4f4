public import Logging

extension RedisConfiguration {
    /// The sentinels that know which server of a service is the primary.
    ///
    /// They are asked for each new connection, one after the other, until one names a server that is the primary.
    public struct Sentinels: Sendable {
        public var endpoints: [Endpoint]
        /// The name under which the sentinels know the primary and its replicas.
        public var service: String
        /// The ACL user of the sentinels; `nil` is the default user.
        public var user: String?
        /// The password of the sentinels, which is not that of the servers; `nil` sends no `AUTH`.
        public var password: String?

        public init(endpoints: [Endpoint], service: String) {
            (self.endpoints, self.service) = (endpoints, service)
        }
    }
}

extension RedisConfiguration.Sentinels: CustomStringConvertible, CustomReflectable {
    /// The addresses and the service, without the log-in.
    public var description: String {
        "service \(service) of sentinels \(endpoints.map(\.description).joined(separator: ","))"
    }

    /// A mirror without children, so that `dump` and failed expectations cannot show the password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension RedisConfiguration.Sentinels {
    /// Returns the configuration of connections to one sentinel.
    func configuration(of endpoint: RedisConfiguration.Endpoint, limit: Duration) -> RedisConfiguration {
        var configuration = RedisConfiguration(endpoints: [endpoint])
        (configuration.user, configuration.password) = (user, password)
        configuration.connectTimeout = limit
        return configuration
    }
}

extension RedisClient {
    /// Listens to the sentinels until the task is cancelled, and asks them for the primary when one announces another.
    ///
    /// Without it, a primary that was replaced while it runs is left only when the sentinels make it a replica, some ten
    /// seconds later; what is written to it meanwhile is lost. Returns at once without sentinels.
    ///
    /// - Parameter logger: Logs announcements.
    public func followSentinels(logger: Logger) async {
        guard let sentinels = configuration.sentinels else { return }
        await withDiscardingTaskGroup { group in
            for endpoint in sentinels.endpoints {
                group.addTask { await self.follow(endpoint, of: sentinels, logger: logger) }
            }
        }
    }

    private func follow(
        _ endpoint: RedisConfiguration.Endpoint,
        of sentinels: RedisConfiguration.Sentinels,
        logger: Logger
    ) async {
        var quiet = logger
        // A sentinel that is down is no trouble as long as others answer, and connections tell if none does.
        quiet.logLevel = .error
        let announcements = RedisSubscription(
            configuration: sentinels.configuration(of: endpoint, limit: configuration.connectTimeout),
            channels: ["+switch-master"],
            logger: quiet
        )
        for await case .message(_, let payload) in announcements {
            let text = String(decoding: payload, as: UTF8.self)
            guard text.hasPrefix(sentinels.service + " ") else { continue }
            logger.debug("A sentinel announced another primary", metadata: ["sentinel": "\(endpoint)"])
            _ = askSentinelsAgain()
            // The first sentinel that was asked may have learned of it a little later than this one. Only cancellation ends
            // the sleep early, and then the loop.
            try? await Task.sleep(for: .seconds(2))
            _ = askSentinelsAgain()
        }
    }
}

extension RedisConnection {
    /// Time limit for the answer of one sentinel, connecting included, before another is asked.
    private static let patience = Duration.seconds(1)

    /// Connects to the primary that the sentinels name, and logs in.
    ///
    /// A sentinel may name a server that has failed or been demoted, so the server must say itself that it is the
    /// primary.
    ///
    /// - Parameters:
    ///   - sentinels: The sentinels.
    ///   - configuration: The user, and the time limit of each server.
    ///   - tick: Called every 20 ms or so.
    /// - Returns: A connection with a ``replicationID``.
    /// - Throws: ``RedisError/connection(_:)`` if there is no primary at present; ``RedisError/server(_:)`` when a
    ///   log-in is refused or the sentinels do not know the service; ``RedisError/unknownHost(_:)``.
    static func openPrimary(
        of sentinels: RedisConfiguration.Sentinels,
        _ configuration: RedisConfiguration,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisConnection {
        var failures: [RedisError] = []
        for sentinel in sentinels.endpoints {
            do {
                let primary = try ask(sentinel, of: sentinels, limit: min(patience, configuration.connectTimeout), tick)
                let connection = try open(primary, configuration, tick)
                try connection.checkPrimary(at: primary, until: .now + configuration.connectTimeout, tick)
                return connection
            } catch {
                failures.append(error)
            }
        }
        // A refusal tells more than a sentinel that is down, and the name of one that is down may be unknown to the DNS.
        let refusal = failures.first { if case .server = $0 { true } else { false } }
        let outage = failures.first { if case .connection = $0 { true } else { false } }
        throw refusal ?? outage ?? failures.first ?? .configuration("no sentinel is configured; set REDIS_URL")
    }

    /// Returns the primary that one sentinel knows.
    private static func ask(
        _ sentinel: RedisConfiguration.Endpoint,
        of sentinels: RedisConfiguration.Sentinels,
        limit: Duration,
        _ tick: () -> Void
    ) throws(RedisError) -> RedisConfiguration.Endpoint {
        let configuration = sentinels.configuration(of: sentinel, limit: limit)
        do throws(RedisError) {
            let connection = try open(sentinel, configuration, tick)
            let name = RedisArgument.text(sentinels.service)
            let question = RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
            let reply = try connection.ask(question, until: .now + limit, tick)
            if reply.isNull {
                // Unlike the question above, this one has an error for a name that is unknown.
                _ = try connection.ask(RedisCommand("SENTINEL", "MASTER", name), until: .now + limit, tick)
                throw RedisError.connection("the sentinel \(sentinel) knows no primary")
            }
            let parts = try reply.asArray()
            guard parts.count == 2 else { throw RedisError.decoding("a sentinel answered \(parts.count) parts") }
            return .tcp(host: try parts[0].asText(), port: try parts[1].asInt())
        } catch .server(let error) {
            throw .server(error.ofSentinel)
        } catch .decoding(let text) {
            throw .connection("the sentinel \(sentinel): \(text)")
        } catch {
            throw error
        }
    }

    /// Asks the server for its role, and keeps the id of its history.
    private func checkPrimary(
        at endpoint: RedisConfiguration.Endpoint,
        until deadline: ContinuousClock.Instant,
        _ tick: () -> Void
    ) throws(RedisError) {
        let reply = try ask(RedisCommand("INFO", "replication"), until: deadline, tick)
        let info = RedisInfo(reply.text ?? "")
        guard info["role"] == "master", let id = info["master_replid"] else {
            throw .connection("\(endpoint) is not the primary, as the sentinels say; a failover may be under way")
        }
        replicationID = id
    }
}

/// The sections of `INFO`: what a server tells of itself.
struct RedisInfo {
    private var fields: [Substring: String] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = String(line[colon...].dropFirst())
        }
    }

    subscript(name: String) -> String? { fields[Substring(name)] }
}
