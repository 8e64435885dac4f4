import Foundation
import Testing

@testable import Redis

struct RedisValuesTests {
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        (String(repeating: "a", count: 1_000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
        ("return 1", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"),
    ])
    func namesAScriptByItsDigest(source: String, digest: String) {
        #expect(RedisScript(name: "script", source: source).sha1 == digest)
    }

    @Test(arguments: [
        ("123456789", 0x31C3), ("", 0), ("foo", 12_182), ("{user1000}.following", 3_443), ("user1000", 3_443),
        ("foo{}{bar}", 8_363), ("foo{{bar}}zap", 4_015), ("{bar", 4_015), ("foo{bar}{zap}", 5_061), ("bar", 5_061),
    ])
    func placesKeysInClusterSlots(key: String, slot: UInt16) {
        #expect(RedisClusterSlot.slot(for: key) == slot)
    }

    @Test func encodesArgumentsAsTheyAre() {
        var command = RedisCommand("SET", "k\r\n", .bytes([0, 255]), -12)
        command.append(RedisArgument(Data([7])))
        command.append("é")
        var bytes: [UInt8] = []
        command.encode(into: &bytes, scriptIsKnown: false)
        let expected =
            Array("*6\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$2\r\n".utf8) + [0, 255] + Array("\r\n$3\r\n-12\r\n$1\r\n".utf8)
            + [7]
            + Array("\r\n$2\r\né\r\n".utf8)
        #expect(bytes == expected)
        #expect(command.description == "SET")
    }

    @Test(arguments: [(false, false, "EVAL"), (true, false, "EVALSHA"), (true, true, "EVAL")])
    func sendsTheSourceOfUnknownScripts(isKnown: Bool, isForced: Bool, word: String) {
        let script = RedisScript(name: "one", source: "return 1")
        let plain = RedisCommand(script, keys: ["k"], arguments: [5])
        var bytes: [UInt8] = []
        (isForced ? plain.sendingSource() : plain).encode(into: &bytes, scriptIsKnown: isKnown)
        let body = word == "EVAL" ? script.source : script.sha1
        let text = "*5\r\n$\(word.count)\r\n\(word)\r\n$\(body.count)\r\n\(body)\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\n5\r\n"
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(
        arguments: [
            ("READONLY You can't write", .readOnly), ("LOADING Redis is", .loading), ("OOM command", .outOfMemory),
            ("MISCONF Redis is", .misconfigured), ("BUSY Redis is busy", .busy), ("NOSCRIPT No", .noScript),
            ("MOVED 3999 127.0.0.1:6381", .moved(slot: 3999, address: "127.0.0.1:6381")),
            ("ASK 3999 127.0.0.1:6381", .ask(slot: 3999, address: "127.0.0.1:6381")),
            ("CLUSTERDOWN Hash slot", .clusterDown), ("TRYAGAIN Multiple", .tryAgain), ("CROSSSLOT Keys", .crossSlot),
            ("MASTERDOWN Link", .masterDown), ("NOAUTH Authentication", .noAuth), ("WRONGPASS invalid", .wrongPass),
            ("NOPERM this user", .noPermission), ("WRONGTYPE Operation", .wrongType), ("EXECABORT Trans", .execAbort),
            ("ERR unknown", .other(prefix: "ERR")), ("MOVED x y", .other(prefix: "MOVED")), ("", .other(prefix: "")),
        ] as [(String, RedisServerError.Kind)]
    )
    func sortsServerErrors(message: String, kind: RedisServerError.Kind) {
        #expect(RedisServerError(message: message).kind == kind)
    }

    @Test func decodesRepliesOrSaysWhatCame() throws {
        #expect(try RedisReply.integer(4).asInt() == 4)
        #expect(try RedisReply.string(Array("-7".utf8)).asInt() == -7)
        #expect(try RedisReply.null.asOptionalInt() == nil)
        #expect(try RedisReply.status("OK").asText() == "OK")
        #expect(try RedisReply.array([.null]).asArray() == [.null])
        #expect(throws: RedisError.decoding("expected an integer from Redis, got a string of 3 bytes")) {
            try RedisReply.string(Array("abc".utf8)).asInt()
        }
        #expect(throws: RedisError.decoding("expected a string from Redis, got null")) { try RedisReply.null.asText() }
        #expect(throws: RedisError.decoding("expected an array from Redis, got the integer 1")) {
            try RedisReply.integer(1).asArray()
        }
    }

    @Test(
        arguments: [
            (.connection("refused"), true, false), (.connectionLost(mayHaveExecuted: true), true, true),
            (.timeout(mayHaveExecuted: false), true, false), (.cancelled, false, true), (.closed, false, false),
            (.queueFull(limit: 1), true, false), (.server(RedisServerError(message: "BUSY x")), true, false),
            (.server(RedisServerError(message: "WRONGTYPE x")), false, true),
        ] as [(RedisError, Bool, Bool)]
    )
    func tellsTransientErrorsFromOthers(error: RedisError, isTransient: Bool, mayHaveExecuted: Bool) {
        #expect(error.isTransient == isTransient)
        #expect(error.mayHaveExecuted == mayHaveExecuted)
    }
}
