import Redis
import Testing

struct RedisConfigurationTests {
    @Test func readsEveryPartOfAServerURL() throws {
        let configuration = try RedisConfiguration(url: "redis://ann:p%40ss%2F%3A@cache.example:6380/3")
        #expect(configuration.endpoints == [.tcp(host: "cache.example", port: 6380)])
        #expect(configuration.user == "ann")
        #expect(configuration.password == "p@ss/:")
        #expect(configuration.database == 3)
        #expect(configuration.connectTimeout == .seconds(2))
        #expect(configuration.commandTimeout == .seconds(5))
    }

    @Test(
        arguments: [
            ("redis://localhost", [.tcp(host: "localhost", port: 6379)], 0),
            ("redis://localhost:1/", [.tcp(host: "localhost", port: 1)], 0),
            ("redis://[::1]:7000/2", [.tcp(host: "::1", port: 7000)], 2),
            ("redis://h?db=4", [.tcp(host: "h", port: 6379)], 4),
            ("unix:///run/redis.sock?db=1", [.unixSocket(path: "/run/redis.sock")], 1),
            ("redis+unix:///run/redis%20a.sock", [.unixSocket(path: "/run/redis a.sock")], 0),
            (
                "redis://a:1,b:2,redis://c:3/5",
                [.tcp(host: "a", port: 1), .tcp(host: "b", port: 2), .tcp(host: "c", port: 3)], 5
            ),
        ] as [(String, [RedisConfiguration.Endpoint], Int)]
    )
    func readsAddresses(url: String, endpoints: [RedisConfiguration.Endpoint], database: Int) throws {
        let configuration = try RedisConfiguration(url: url)
        #expect(configuration.endpoints == endpoints)
        #expect(configuration.database == database)
        #expect(configuration.password == nil)
    }

    @Test(arguments: [
        ("", "it is empty"),
        ("localhost:6379", "it has no scheme"),
        ("http://localhost", "'http' is not a Redis scheme"),
        ("rediss://localhost", "stunnel"),
        ("redis://", "it names no host"),
        ("redis://localhost:http", "the port is not a number"),
        ("redis://localhost:70000", "port 70000 is not between 1 and 65535"),
        ("redis://localhost/one", "database 'one' is not a number"),
        ("redis://localhost?tls=1", "unknown parameter 'tls'"),
        ("redis://secret@localhost", "a log-in is user:password@"),
        ("redis://:secret%zz@localhost", "two hexadecimal digits"),
        ("redis://:sec/ret@localhost", "a '/' in the log-in"),
        ("unix://run/redis.sock", "must be absolute"),
        ("redis://:a@x,redis://:secret@y", "different log-ins"),
    ])
    func refusesMistakesWithAnExample(url: String, text: String) throws {
        let error = try #require(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error.description.contains(text))
        #expect(error.description.contains("REDIS_URL"))
        #expect(error.description.contains("redis://:password@127.0.0.1:6379/0"))
        #expect(!error.description.contains("secret"))
    }

    @Test func readsTheURLOfSentinels() throws {
        let configuration = try RedisConfiguration(
            url: "redis+sentinel://ann:p%40ss@a,b:26380,[::1]/cam%70aigns/2?sentinel_username=s&sentinel_password=x%26"
        )
        let sentinels = try #require(configuration.sentinels)
        #expect(
            sentinels.endpoints == [
                .tcp(host: "a", port: 26_379), .tcp(host: "b", port: 26_380), .tcp(host: "::1", port: 26_379),
            ]
        )
        #expect(sentinels.service == "campaigns" && sentinels.user == "s" && sentinels.password == "x&")
        #expect(configuration.user == "ann" && configuration.password == "p@ss" && configuration.database == 2)
        #expect(configuration.endpoints.isEmpty)
        #expect(
            configuration.description
                == "redis ann:***@service campaigns of sentinels a:26379,b:26380,[::1]:26379 database 2"
        )
        var dumped = ""
        dump(sentinels, to: &dumped)
        #expect(!dumped.contains("x&") && !"\(sentinels)".contains("x&"))
        let plain = try RedisConfiguration(url: "REDIS+SENTINEL://a/main/?db=3")
        #expect(plain.sentinels?.password == nil && plain.password == nil && plain.database == 3)
    }

    @Test(arguments: [
        ("redis+sentinel://a,b", "the service is missing"), ("redis+sentinel://a/", "the service is missing"),
        ("redis+sentinel://a,/main", "it names no host"), ("redis+sentinel://a:x/main", "the port is not a number"),
        ("redis+sentinel://a/main/x", "database 'x'"), ("redis+sentinel://a/main/1/2", "the service is missing"),
        ("redis+sentinel://a/main?password=secret", "only 'db', 'sentinel_username' and 'sentinel_password'"),
        ("redis-sentinel://a/main", "redis+sentinel://host1,host2,host3/service"),
        ("rediss+sentinel://a/main", "stunnel"), ("redis://a/0?sentinel_password=secret", "only 'db' is known"),
    ])
    func refusesMistakesOfSentinels(url: String, text: String) throws {
        let error = try #require(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error.description.contains(text))
        #expect(error.description.contains("REDIS_URL") && !error.description.contains("secret"))
    }

    @Test func hidesThePassword() throws {
        let configuration = try RedisConfiguration(url: "redis://ann:hunter2@localhost/1")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in [configuration.description, String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(configuration.description == "redis ann:***@localhost:6379 database 1")
    }
}
