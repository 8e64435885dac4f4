import Testing

@testable import Redis

/// The decisions of a cluster client about answers, without any server.
struct RedisRedirectionTests {
    static let answers: [(String, RedisRedirection)] = [
        ("MOVED 3999 10.0.0.2:7001", .moved(slot: 3_999, to: .tcp(host: "10.0.0.2", port: 7_001))),
        ("MOVED 3999 ::1:7001", .moved(slot: 3_999, to: .tcp(host: "::1", port: 7_001))),
        ("MOVED 3999 :7001", .moved(slot: 3_999, to: .tcp(host: "seed", port: 7_001))),
        ("MOVED 3999 ?:7001", .moved(slot: 3_999, to: .tcp(host: "seed", port: 7_001))),
        ("MOVED 3999 nowhere", .later), ("MOVED 3999 nowhere:99999", .later),
        ("ASK 3999 10.0.0.2:7001", .ask(.tcp(host: "10.0.0.2", port: 7_001))),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .later),
        ("CLUSTERDOWN Hash slot not served", .later), ("ERR no such thing", .none), ("READONLY no", .none),
        ("CROSSSLOT keys", .none),
    ]

    @Test(arguments: answers)
    func readsAnswersOfServers(message: String, expected: RedisRedirection) {
        let outcome = Result<RedisReply, RedisError>.failure(.server(RedisServerError(message: message)))
        #expect(RedisRedirection(outcome, host: "seed") == expected)
    }

    static let failures: [(RedisError, RedisRedirection)] = [
        (.connection("refused"), .unreachable), (.connectionLost(mayHaveExecuted: false), .unreachable),
        // A command that may have been executed is never repeated.
        (.connectionLost(mayHaveExecuted: true), .none), (.timeout(mayHaveExecuted: true), .none), (.cancelled, .none),
        (.closed, .none),
    ]

    @Test(arguments: failures)
    func doesNotRepeatWhatMayHaveBeenExecuted(error: RedisError, expected: RedisRedirection) {
        #expect(RedisRedirection(.failure(error), host: "seed") == expected)
        #expect(RedisRedirection(.success(.null), host: "seed") == .none)
    }

    @Test func readsTheMapOfSlots() throws {
        let reply = RedisReply.array([
            .array([
                .integer(0), .integer(5_460), .array([.string(Array("10.0.0.1".utf8)), .integer(7_000)]),
                .array([.string(Array("10.0.0.9".utf8)), .integer(7_009)]),
            ]),
            .array([.integer(5_461), .integer(5_461), .array([.string([]), .integer(7_001)])]),
            .array([.integer(5_470), .integer(16_383), .array([.null, .integer(7_002)])]),
        ])
        var map = try RedisSlotMap(reply, host: "seed")
        #expect(map.owner(of: 0) == .tcp(host: "10.0.0.1", port: 7_000))
        #expect(map.owner(of: 5_460) == .tcp(host: "10.0.0.1", port: 7_000))
        #expect(map.owner(of: 5_461) == .tcp(host: "seed", port: 7_001))
        #expect(map.owner(of: 5_465) == nil)
        #expect(map.owner(of: 16_383) == .tcp(host: "seed", port: 7_002))
        map.move(5_465, to: .tcp(host: "10.0.0.3", port: 1))
        #expect(map.owner(of: 5_465) == .tcp(host: "10.0.0.3", port: 1))
        #expect(throws: RedisError.self) {
            try RedisSlotMap(
                .array([.array([.integer(5), .integer(16_384), .array([.null, .integer(1)])])]),
                host: ""
            )
        }
        #expect(throws: RedisError.self) { try RedisSlotMap(.array([.array([.integer(5)])]), host: "seed") }
    }

    static let commands: [(RedisCommand, String?)] = [
        (RedisCommand("GET", "a"), "a"), (RedisCommand("MEMORY", "USAGE", "a"), "a"),
        (RedisCommand("EVAL", "return 1", 1, "a"), "a"), (RedisCommand("PING"), nil), (RedisCommand("TIME"), nil),
        (RedisCommand("PUBLISH", "channel", "a"), nil), (RedisCommand("SCAN", "0"), nil),
        (RedisCommand(RedisScript(name: "s", source: "return 1"), keys: ["a", "b"], arguments: ["c"]), "a"),
        (RedisCommand(RedisScript(name: "s", source: "return 1"), keys: [], arguments: ["c"]), nil),
    ]

    @Test(arguments: commands)
    func commandsAreRoutedByTheirFirstKey(command: RedisCommand, key: String?) {
        #expect(command.slot == key.map(RedisClusterSlot.slot(for:)))
    }
}
