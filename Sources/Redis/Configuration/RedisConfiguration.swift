/// Where Redis is and how patient to be with it.
///
/// Make one from `REDIS_URL` with ``init(url:)``, or from parts and then change what differs from the defaults.
public struct RedisConfiguration: Sendable {
    /// One address of a server.
    public enum Endpoint: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unixSocket(path: String)
    }

    /// The addresses, tried in turn; the first that answers is used.
    ///
    /// Never empty after ``init(url:)``.
    public var endpoints: [Endpoint]
    /// The ACL user; `nil` is the default user.
    public var user: String?
    /// `nil` sends no `AUTH`.
    public var password: String?
    /// The number of the database, 0 to what the server allows (15 unless configured).
    public var database: Int
    /// The name that `CLIENT LIST` shows, without spaces; `nil` sets none.
    public var clientName: String?
    /// How long one attempt to connect may take, name look-up and log-in included.
    public var connectTimeout: Duration
    /// The deadline of a command that names none, counted from the call.
    public var commandTimeout: Duration
    /// How many commands may wait for the connection before further ones are refused.
    public var maximumQueuedCommands: Int

    /// Makes a configuration with the default patience: 2 s to connect, 5 s per command.
    public init(endpoints: [Endpoint]) {
        self.endpoints = endpoints
        self.user = nil
        self.password = nil
        self.database = 0
        self.clientName = "campaigns"
        self.connectTimeout = .seconds(2)
        self.commandTimeout = .seconds(5)
        self.maximumQueuedCommands = 100_000
    }
}

extension RedisConfiguration: CustomStringConvertible {
    /// The addresses, user and database, with the password hidden.
    public var description: String {
        let login = password.map { _ in "\(user ?? ""):***@" } ?? ""
        return "redis \(login)\(endpoints.map(\.description).joined(separator: ",")) database \(database)"
    }
}

extension RedisConfiguration: CustomDebugStringConvertible, CustomReflectable {
    public var debugDescription: String { description }

    /// Without children, so that `dump` and failed expectations cannot show the password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension RedisConfiguration.Endpoint: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixSocket(let path): path
        }
    }
}
