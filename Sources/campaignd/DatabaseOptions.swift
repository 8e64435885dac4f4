import ArgumentParser
import Daemon
import Foundation
import Logging
import Postgres
import Runtime
import Settings
import Store

/// How to reach Postgres.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "Connection string of Postgres. (default: $DATABASE_URL)")
    var databaseURL: String?

    /// The environment with the flag in place.
    var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        if let databaseURL { environment["DATABASE_URL"] = databaseURL }
        return environment
    }

    /// Opens a pool for the time of `body`.
    func withPool<Value>(
        connections: Int = 2,
        logger: Logger,
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        let configuration = try Variables(environment).postgres(applicationName: "campaignd")
        let pool = PostgresPool(configuration: configuration, maxConnections: connections, logger: logger)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(pool))
        } catch {
            result = .failure(await Migrator(pool: pool, logger: logger).explanation(of: error))
        }
        await pool.shutdown()
        return try result.get()
    }
}
