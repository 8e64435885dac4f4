/// The parts of one address of a Redis URL, or of the whole URL of sentinels.
struct RedisURL {
    private(set) var user: String?
    private(set) var password: String?
    private(set) var database: Int?
    private(set) var endpoint = RedisConfiguration.Endpoint.tcp(host: "", port: 0)
    private(set) var sentinels: RedisConfiguration.Sentinels?

    /// Parses one address; those after the first may leave out the scheme.
    init(_ text: some StringProtocol, isFirst: Bool) throws(RedisError) {
        let (found, rest) = Self.scheme(of: Substring(text))
        switch found ?? (isFirst ? "" : "redis") {
        case "redis": try readServer(rest)
        case "unix", "redis+unix": try readSocket(rest)
        case "rediss", "rediss+sentinel":
            throw Self.mistake("rediss:// (TLS) is not supported: use redis:// through stunnel, or a unix socket")
        case "": throw Self.mistake(text.isEmpty ? "it is empty" : "it has no scheme")
        case "redis-sentinel", "sentinel":
            throw Self.mistake("sentinels are written redis+sentinel://host1,host2,host3/service")
        case let scheme: throw Self.mistake("'\(scheme)' is not a Redis scheme")
        }
    }

    /// Parses a URL of sentinels; `nil` for any other.
    init?(ofSentinels text: String) throws(RedisError) {
        let (scheme, address) = Self.scheme(of: Substring(text))
        guard scheme == "redis+sentinel" else { return nil }
        sentinels = RedisConfiguration.Sentinels(endpoints: [], service: "")
        let path = try readQuery(readLogin(address)).split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 2 || path.count == 3, !path[1].isEmpty else {
            throw Self.mistake("the service is missing: redis+sentinel://host1,host2,host3/service")
        }
        sentinels?.service = try Self.decoded(path[1])
        if path.count == 3, !path[2].isEmpty { try readDatabase(path[2]) }
        for host in path[0].split(separator: ",", omittingEmptySubsequences: false) {
            sentinels?.endpoints.append(try Self.server(host, port: 26_379))
        }
    }

    /// Makes the error for a URL, with an example of a right one.
    static func mistake(_ text: String) -> RedisError {
        .configuration(
            "invalid Redis URL (REDIS_URL): \(text); expected for example redis://:password@127.0.0.1:6379/0 or "
                + "unix:///run/redis/redis.sock?db=1"
        )
    }

    /// Splits a URL into its scheme in lower case, `nil` if it has none, and what follows.
    private static func scheme(of text: Substring) -> (scheme: String?, rest: Substring) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return (nil, text) }
        return (text[..<colon].lowercased(), text[colon...].dropFirst(3))
    }

    private mutating func readServer(_ text: Substring) throws(RedisError) {
        var rest = try readQuery(readLogin(text))
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[slash...].dropFirst()
            if !path.isEmpty { try readDatabase(path) }
            rest = rest[..<slash]
        }
        endpoint = try Self.server(rest, port: 6_379)
    }

    /// Reads `host` or `host:port`.
    private static func server(
        _ text: Substring,
        port standard: Int
    ) throws(RedisError) -> RedisConfiguration.Endpoint {
        var (host, rest) = (text, Substring())
        if text.hasPrefix("["), let bracket = text.firstIndex(of: "]") {
            host = text[..<bracket].dropFirst()
            rest = text[bracket...].dropFirst()
            if !rest.isEmpty && !rest.hasPrefix(":") { throw mistake("what follows ']' is not a port") }
        } else if let colon = text.firstIndex(of: ":") {
            (host, rest) = (text[..<colon], text[colon...])
        }
        if host.isEmpty { throw mistake("it names no host") }
        return .tcp(host: String(host), port: rest.isEmpty ? standard : try port(rest.dropFirst()))
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

    /// Takes `?db=1` off the end, and the log-in of sentinels.
    private mutating func readQuery(_ text: Substring) throws(RedisError) -> Substring {
        guard let mark = text.firstIndex(of: "?") else { return text }
        for item in text[mark...].dropFirst().split(separator: "&") {
            let name = item.prefix { $0 != "=" }
            let value = item.dropFirst(name.count + 1)
            switch (name, sentinels != nil) {
            case ("db", _): try readDatabase(value)
            case ("sentinel_username", true): sentinels?.user = try Self.decoded(value)
            case ("sentinel_password", true): sentinels?.password = try Self.decoded(value)
            case (_, true):
                throw Self.mistake(
                    "unknown parameter '\(name)', only 'db', 'sentinel_username' and 'sentinel_password' are known"
                )
            case (_, false): throw Self.mistake("unknown parameter '\(name)', only 'db' is known")
            }
        }
        return text[..<mark]
    }

    private mutating func readDatabase(_ text: Substring) throws(RedisError) {
        guard let number = Int(text), number >= 0 else {
            throw Self.mistake("database '\(text)' is not a number from 0")
        }
        database = number
    }

    private static func port(_ text: Substring) throws(RedisError) -> Int {
        // The text stays out of the message: after an unescaped ',' it is a piece of the password.
        guard let number = Int(text) else { throw mistake("the port is not a number") }
        guard (1...65_535).contains(number) else { throw mistake("port \(number) is not between 1 and 65535") }
        return number
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
