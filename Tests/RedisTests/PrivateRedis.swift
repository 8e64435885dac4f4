import Foundation
import Logging
import Redis
import Synchronization
import Testing

/// A redis-server of one test's own, on a unix socket in a temporary folder, that may be stopped and killed.
final class PrivateRedis: Sendable {
    private struct Running {
        var process: Process?
        var exits: AsyncStream<Void>?
    }

    static let quiet = Logger(label: "redis.tests", factory: { _ in SwiftLogNoOpLogHandler() })

    let folder: URL
    private let arguments: [String]
    private let running = Mutex(Running())

    private init(_ arguments: [String]) throws {
        self.arguments = arguments
        // Short, because a socket's path may have 107 bytes.
        folder = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Runs a server for the time of `body`.
    static func with<Value>(
        _ arguments: String...,
        body: (PrivateRedis) async throws -> Value
    ) async throws -> Value {
        let server = try PrivateRedis(arguments)
        do {
            try await server.start()
            let value = try await body(server)
            await server.remove()
            return value
        } catch {
            await server.remove()
            throw error
        }
    }

    var configuration: RedisConfiguration {
        RedisConfiguration(endpoints: [.unixSocket(path: folder.appending(path: "s").path)])
    }

    func client(_ change: (inout RedisConfiguration) -> Void = { _ in }) -> RedisClient {
        var configuration = configuration
        change(&configuration)
        return RedisClient(configuration: configuration, logger: Self.quiet)
    }

    /// Starts the server and waits until it takes connections.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/redis-server")
        process.currentDirectoryURL = folder
        process.arguments =
            ["--port", "0", "--unixsocket", "s", "--save", "", "--appendonly", "no", "--logfile", "log"] + arguments
        let (exits, exit) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in exit.finish() }
        try process.run()
        running.withLock { running in
            running.process = process
            running.exits = exits
        }
        let client = client()
        do {
            _ = try await client.send(RedisCommand("PING"), deadline: .now + .seconds(10))
        } catch {
            // It answers; that it wants a password is what the test is about.
            guard case .server(let serverError) = error, serverError.kind == .noAuth else { throw error }
        }
        await client.shutdown()
    }

    func signal(_ number: Int32) {
        let identifier = running.withLock { $0.process?.processIdentifier }
        if let identifier { kill(identifier, number) }
    }

    /// Kills the server and waits until it is gone.
    func crash() async {
        signal(SIGKILL)
        let exits = running.withLock { running in
            defer { running = Running() }
            return running.exits
        }
        guard let exits else { return }
        for await _ in exits {}
    }

    private func remove() async {
        await crash()
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            Issue.record(error)
        }
    }
}

/// Asks again until the answer is yes, for ten seconds at most.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "did not happen within ten seconds")
        try await Task.sleep(for: .milliseconds(5))
    }
}
