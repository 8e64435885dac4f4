import Foundation
import Logging
import Redis
import TestBed
import Testing

/// A private redis-server for one test, on a unix socket in a temporary folder.
struct PrivateRedis: Sendable {
    static let quiet = Logger.silent

    let server: RedisServer

    /// Runs a server for the time of `body`; options are words of its command line.
    static func with<Value>(_ options: String..., body: (PrivateRedis) async throws -> Value) async throws -> Value {
        try await TemporaryFolder.with("redis") { folder in
            let server = try RedisServer(folder: folder, address: .socket)
            let result: Result<Value, any Error>
            do {
                let lines = stride(from: 0, to: options.count, by: 2).map {
                    "\(options[$0].dropFirst(2)) \(options[$0 + 1])"
                }
                try await server.startAnew(options: lines)
                result = .success(try await body(PrivateRedis(server: server)))
            } catch {
                result = .failure(error)
            }
            try await server.kill()
            return try result.get()
        }
    }

    var configuration: RedisConfiguration { server.configuration }

    func client(_ change: (inout RedisConfiguration) -> Void = { _ in }) -> RedisClient {
        var configuration = configuration
        change(&configuration)
        return RedisClient(configuration: configuration, logger: .silent)
    }

    func start() async throws { try await server.start() }
    func signal(_ number: Int32) { server.signal(number) }

    /// Kills the server and waits until it has ended.
    func crash() async {
        do { try await server.kill() } catch { Issue.record(error) }
    }
}

/// Polls until the condition holds, for ten seconds at most.
func eventually(_ condition: () async throws -> Bool) async throws {
    try await wait(for: "the condition of the test", within: .seconds(60), every: .milliseconds(5), condition)
}
