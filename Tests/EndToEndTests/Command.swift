import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// The commands of this package, from the folder that the tests were built into.
enum Command {
    /// Starts a command and captures its output.
    static func start(
        _ command: String,
        _ arguments: [String],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ChildProcess {
        try await ChildProcess.start(path(of: command), arguments, environment: environment, output: .captured)
    }

    /// Runs a command to its end.
    static func run(
        _ command: String,
        _ arguments: [String],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ChildProcess.Outcome {
        try await start(command, arguments, environment: environment).outcome()
    }

    /// Returns the path of a command; the path of a system program is returned unchanged.
    static func path(of command: String) -> String {
        guard !command.hasPrefix("/") else { return command }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.appending(path: ".build/debug/\(command)").path
    }
}

/// Runs `body` with an empty folder, a database and the environment variables with its address.
func withDatabase(
    isMigrated: Bool = true,
    _ body: (_ folder: URL, _ pool: PostgresPool, _ environment: [String: String]) async throws -> Void
) async throws {
    try await TemporaryFolder.with { folder in
        try await TestDatabase.with(template: isMigrated ? .migrated : nil) { pool in
            var environment = ProcessInfo.processInfo.environment
            for name in environment.keys where name.hasPrefix("GITHUB_") { environment[name] = nil }
            let name = try await pool.query("SELECT current_database()")[0].decode(0, as: String.self)
            var url = try #require(URLComponents(string: environment["DATABASE_URL"] ?? ""))
            url.path = "/\(name)"
            environment["DATABASE_URL"] = url.string
            environment["HTTP_PORT"] = "0"
            try await body(folder, pool, environment)
        }
    }
}
