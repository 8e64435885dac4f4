/// The addresses of Redis and the time limits of its clients.
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
    /// Never empty after ``init(url:)``, unless ``sentinels`` name the server.
    public var endpoints: [Endpoint]
    /// The sentinels that know which server is the primary; `nil` uses ``endpoints``.
    public var sentinels: Sentinels?
    /// The ACL user; `nil` is the default user.
    public var user: String?
    /// The password; `nil` sends no `AUTH`.
    public var password: String?
    /// The number of the database, 0 to what the server allows (15 unless configured).
    public var database: Int
    /// The text that callers put before each key and channel, so that several installations can share a server.
    ///
    /// The client itself does not add it.
    public var keyPrefix: String
    /// The name that `CLIENT LIST` shows, without spaces; `nil` sets none.
    public var clientName: String?
    /// Time limit of one attempt to connect, name lookup and login included.
    public var connectTimeout: Duration
    /// The deadline of a command that names none, counted from the call.
    public var commandTimeout: Duration
    /// Maximum number of commands that wait for the connection; further ones are refused.
    public var maximumQueuedCommands: Int

    /// Makes a configuration with the default time limits: 2 s to connect, 5 s per command.
    public init(endpoints: [Endpoint]) {
        self.endpoints = endpoints
        self.sentinels = nil
        self.user = nil
        self.password = nil
        self.database = 0
        self.keyPrefix = ""
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
        return "redis \(login)\(place) database \(database)"
    }

    /// The addresses.
    var place: String {
        sentinels.map { "\($0)" } ?? endpoints.map(\.description).joined(separator: ",")
    }
}

extension RedisConfiguration: CustomDebugStringConvertible, CustomReflectable {
    public var debugDescription: String { description }

    /// A mirror without children, so that `dump` and failed expectations cannot show the password.
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

extension RedisConfiguration {
    /// Reads a configuration from a URL, as found in `REDIS_URL`.
    ///
    /// Accepts `redis://[[user]:password@]host[:port][/database]`, `unix:///path/redis.sock?db=1` (also
    /// `redis+unix://`) and `redis+sentinel://[[user]:password@]host[:port]/service[/database]`. Several addresses are
    /// separated by commas; only the first needs the scheme and the login. A comma, `@`, `/` or `:` in a password must be
    /// percent-encoded.
    ///
    /// - Throws: ``RedisError/configuration(_:)``, which contains no part of the login.
    public init(url: String) throws(RedisError) {
        self.init(endpoints: [])
        if let url = try RedisURL(ofSentinels: url) {
            (sentinels, user, password, database) = (url.sentinels, url.user, url.password, url.database ?? 0)
            return
        }
        for seed in url.split(separator: ",", omittingEmptySubsequences: false) {
            try add(RedisURL(seed, isFirst: endpoints.isEmpty))
        }
    }

    private mutating func add(_ url: RedisURL) throws(RedisError) {
        if let seedPassword = url.password {
            guard password == nil || (password == seedPassword && user == url.user) else {
                throw RedisURL.mistake("its addresses have different log-ins")
            }
            (user, password) = (url.user, seedPassword)
        }
        if let seedDatabase = url.database {
            guard database == 0 || database == seedDatabase else {
                throw RedisURL.mistake("its addresses have different databases")
            }
            database = seedDatabase
        }
        endpoints.append(url.endpoint)
    }
}
