extension RedisConfiguration {
    /// Reads a configuration from a URL, as found in `REDIS_URL`.
    ///
    /// Accepted are `redis://[[user]:password@]host[:port][/database]` and `unix:///path/redis.sock?db=1` (also
    /// `redis+unix://`). Several, separated by commas, are several addresses; scheme and log-in may stand in the first
    /// alone. A comma, `@`, `/` or `:` inside a password is written percent-encoded.
    ///
    /// - Throws: ``RedisError/configuration(_:)``, which shows no part of the log-in.
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
