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
    /// Never empty after ``init(url:)``.
    public var endpoints: [Endpoint]
    /// The ACL user; `nil` is the default user.
    public var user: String?
    /// The password; `nil` sends no `AUTH`.
    public var password: String?
    /// The number of the database, 0 to what the server allows (15 unless configured).
    public var database: Int
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
    /// Accepts `redis://[[user]:password@]host[:port][/database]` and `unix:///path/redis.sock?db=1` (also
    /// `redis+unix://`). Several addresses are separated by commas; only the first needs the scheme and the login. A
    /// comma, `@`, `/` or `:` in a password must be percent-encoded.
    ///
    /// - Throws: ``RedisError/configuration(_:)``, which contains no part of the login.
    public init(url: String) throws(RedisError) {
        self.init(endpoints: [])
        for seed in url.split(separator: ",", omittingEmptySubsequences: false) {
            try add(RedisURL(seed, isFirst: endpoints.isEmpty))
        }
    }

    private mutating func add(_ url: RedisURL) throws(RedisError) {
        if let port = url.port, !(1...65_535).contains(port) {
            throw RedisURL.mistake("port \(port) is not between 1 and 65535")
        }
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

/// The parts of one address of a Redis URL.
struct RedisURL {
    private(set) var user: String?
    private(set) var password: String?
    private(set) var database: Int?
    private(set) var port: Int?
    private(set) var endpoint: RedisConfiguration.Endpoint

    /// Parses one address; those after the first may leave out the scheme.
    init(_ text: some StringProtocol, isFirst: Bool) throws(RedisError) {
        endpoint = .tcp(host: "", port: 0)
        var rest = Substring(text)
        var scheme = isFirst ? "" : "redis"
        if let colon = Self.schemeEnd(in: rest) {
            scheme = rest[..<colon].lowercased()
            rest = rest[colon...].dropFirst(3)
        }
        switch scheme {
        case "redis": try readServer(rest)
        case "unix", "redis+unix": try readSocket(rest)
        case "rediss":
            throw Self.mistake("rediss:// (TLS) is not supported: use redis:// through stunnel, or a unix socket")
        case "": throw Self.mistake(text.isEmpty ? "it is empty" : "it has no scheme")
        default: throw Self.mistake("'\(scheme)' is not a Redis scheme")
        }
    }

    /// Makes the error for a URL, with an example of a right one.
    static func mistake(_ text: String) -> RedisError {
        .configuration(
            "invalid Redis URL (REDIS_URL): \(text); expected for example redis://:password@127.0.0.1:6379/0 or "
                + "unix:///run/redis/redis.sock?db=1"
        )
    }

    private static func schemeEnd(in text: Substring) -> Substring.Index? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        return colon
    }

    private mutating func readServer(_ text: Substring) throws(RedisError) {
        var rest = try readLogin(text)
        rest = try readQuery(rest)
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[slash...].dropFirst()
            if !path.isEmpty { try readDatabase(path) }
            rest = rest[..<slash]
        }
        var host = rest
        if rest.hasPrefix("["), let bracket = rest.firstIndex(of: "]") {
            host = rest[..<bracket].dropFirst()
            rest = rest[bracket...].dropFirst()
            if !rest.isEmpty && !rest.hasPrefix(":") { throw Self.mistake("what follows ']' is not a port") }
        } else if let colon = rest.firstIndex(of: ":") {
            host = rest[..<colon]
            rest = rest[colon...]
        } else {
            rest = ""
        }
        if host.isEmpty { throw Self.mistake("it names no host") }
        if !rest.isEmpty { try readPort(rest.dropFirst()) }
        endpoint = .tcp(host: String(host), port: port ?? 6379)
    }

    private mutating func readSocket(_ text: Substring) throws(RedisError) {
        let path = try Self.decoded(readQuery(readLogin(text)))
        guard path.hasPrefix("/") else { throw Self.mistake("the socket's path must be absolute: unix:///path") }
        // sun_path holds 108 bytes, the closing zero included.
        guard path.utf8.count < 108 else { throw Self.mistake("the socket's path is longer than 107 bytes") }
        endpoint = .unixSocket(path: path)
    }

    /// Takes `user:password@` off the front.
    private mutating func readLogin(_ text: Substring) throws(RedisError) -> Substring {
        let authorityEnd = text.firstIndex(of: "/") ?? text.endIndex
        guard let at = text[..<authorityEnd].lastIndex(of: "@") else {
            guard !text.contains("@") || authorityEnd == text.startIndex else {
                throw Self.mistake("a '/' in the log-in must be written %2F")
            }
            return text
        }
        let login = text[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard login.count == 2 else {
            throw Self.mistake("a log-in is user:password@, or :password@ for the default user")
        }
        let name = try Self.decoded(login[0])
        user = name.isEmpty ? nil : name
        password = try Self.decoded(login[1])
        return text[at...].dropFirst()
    }

    /// Takes `?db=1` off the end.
    private mutating func readQuery(_ text: Substring) throws(RedisError) -> Substring {
        guard let mark = text.firstIndex(of: "?") else { return text }
        for item in text[mark...].dropFirst().split(separator: "&") {
            guard item.hasPrefix("db=") else {
                let name = item.prefix { $0 != "=" }
                throw Self.mistake("unknown parameter '\(name)', only 'db' is known")
            }
            try readDatabase(item.dropFirst(3))
        }
        return text[..<mark]
    }

    private mutating func readDatabase(_ text: Substring) throws(RedisError) {
        guard let number = Int(text), number >= 0 else {
            throw Self.mistake("database '\(text)' is not a number from 0")
        }
        database = number
    }

    private mutating func readPort(_ text: Substring) throws(RedisError) {
        // The text stays out of the message: after an unescaped ',' it is a piece of the password.
        guard let number = Int(text) else { throw Self.mistake("the port is not a number") }
        port = number
    }

    private static func decoded(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let code = UInt8(String(Substring(digits)), radix: 16) else {
                throw mistake("a '%' must be followed by two hexadecimal digits")
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
