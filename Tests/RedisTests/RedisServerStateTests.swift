import Foundation
import Redis
import Testing

/// States in which a server refuses commands, each produced on a real server.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct RedisServerStateTests {
    private func kind(_ client: RedisClient, _ command: RedisCommand) async throws -> RedisServerError.Kind {
        let error = try #require(
            await #expect(throws: RedisError.self) { try await client.send(command) }
        )
        guard case .server(let serverError) = error else { throw error }
        return serverError.kind
    }

    @Test func runsScriptsThroughAFlush() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            let script = RedisScript(name: "add", source: "return redis.call('INCRBY', KEYS[1], ARGV[1])")
            #expect(try await client.run(script, keys: ["n"], arguments: [1]).asInt() == 1)
            #expect(try await client.run(script, keys: ["n"], arguments: [1]).asInt() == 2)
            _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            #expect(try await client.run(script, keys: ["n"], arguments: [1]).asInt() == 3)
            _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            let call = RedisCommand(script, keys: ["n"], arguments: [1])
            let outcomes = await client.send(pipeline: [call, RedisCommand("PING"), call])
            #expect(try outcomes.map { try $0.get() } == [.integer(4), .status("PONG"), .integer(5)])
        }
    }

    @Test func logsInOrSaysWhyNot() async throws {
        try await PrivateRedis.with("--requirepass", "right") { server in
            #expect(try await kind(server.client(), RedisCommand("PING")) == .noAuth)
            #expect(try await kind(server.client { $0.password = "wrong" }, RedisCommand("PING")) == .wrongPass)
            let owner = server.client { $0.password = "right" }
            #expect(try await owner.send(RedisCommand("PING")) == .status("PONG"))
            _ = try await owner.send(RedisCommand("ACL", "SETUSER", "ann", "on", ">hers", "~*", "+@all"))
            let ann = server.client { configuration in
                configuration.user = "ann"
                configuration.password = "hers"
                configuration.database = 2
            }
            #expect(try await ann.send(RedisCommand("ACL", "WHOAMI")).asText() == "ann")
            let info = try await ann.send(RedisCommand("CLIENT", "INFO")).asText()
            #expect(info.contains("name=campaigns") && info.contains("db=2"))
            _ = try await owner.send(RedisCommand("ACL", "SETUSER", "ann", "-get"))
            #expect(try await kind(ann, RedisCommand("GET", "x")) == .noPermission)
        }
    }

    @Test func reconnectsWhenTheLoginIsAcceptedAgain() async throws {
        try await PrivateRedis.with { server in
            let admin = server.client()
            let client = server.client { configuration in
                configuration.user = "bob"
                configuration.password = "his"
            }
            #expect(try await kind(client, RedisCommand("PING")) == .wrongPass)
            _ = try await admin.send(RedisCommand("ACL", "SETUSER", "bob", "on", ">his", "+@all"))
            #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
        }
    }

    @Test func namesAFullServer() async throws {
        try await PrivateRedis.with("--maxmemory-policy", "noeviction") { server in
            let client = server.client()
            _ = try await client.send(RedisCommand("CONFIG", "SET", "maxmemory", 1))
            #expect(try await kind(client, RedisCommand("SET", "a", "b")) == .outOfMemory)
            _ = try await client.send(RedisCommand("CONFIG", "SET", "maxmemory", 0))
            #expect(try await client.send(RedisCommand("SET", "a", "b")) == .status("OK"))
        }
    }

    @Test func namesAReplica() async throws {
        try await PrivateRedis.with { server in
            let client = server.client()
            // Port 1 has no server: a replica that waits for its primary.
            _ = try await client.send(RedisCommand("REPLICAOF", "127.0.0.1", 1))
            #expect(try await kind(client, RedisCommand("SET", "a", "b")) == .readOnly)
            _ = try await client.send(RedisCommand("CONFIG", "SET", "replica-serve-stale-data", "no"))
            #expect(try await kind(client, RedisCommand("GET", "a")) == .masterDown)
            _ = try await client.send(RedisCommand("REPLICAOF", "NO", "ONE"))
            #expect(try await client.send(RedisCommand("SET", "a", "b")) == .status("OK"))
        }
    }

    @Test func namesABusyServer() async throws {
        try await PrivateRedis.with("--busy-reply-threshold", "50") { server in
            let client = server.client()
            let admin = server.client()
            let endless = RedisScript(name: "endless", source: "while true do end")
            async let outcome = client.send(
                pipeline: [RedisCommand(endless, keys: [])],
                deadline: .now + .seconds(20)
            )
            try await eventually {
                do throws(RedisError) {
                    _ = try await admin.send(RedisCommand("GET", "x"))
                    return false
                } catch .server(let error) {
                    return error.kind == .busy
                }
            }
            _ = try await admin.send(RedisCommand("SCRIPT", "KILL"))
            let killed = try #require(await outcome.first)
            #expect(throws: RedisError.self) { try killed.get() }
            #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
        }
    }
}
