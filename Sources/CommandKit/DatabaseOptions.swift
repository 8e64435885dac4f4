public import ArgumentParser
import Foundation
import Logging
public import Postgres
import Settings
import Store

/// The options of every command that needs Postgres.
public struct DatabaseOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Connection URL of Postgres. (default: $DATABASE_URL)", valueName: "url"))
    var databaseURL: String?

    public init() {}

    /// The environment in which the flag, if it was given, replaces `DATABASE_URL`.
    public var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        if let databaseURL { environment["DATABASE_URL"] = databaseURL }
        return environment
    }

    /// Parses the connection URL.
    ///
    /// - Throws: `ConfigurationError` if there is none, `PostgresError` if it is malformed; both name the flag or the
    ///   variable.
    public func configuration() throws -> PostgresConfiguration {
        guard let text = databaseURL ?? Variables(environment)["DATABASE_URL"] else {
            throw ConfigurationError.missing(
                "DATABASE_URL",
                example: "postgresql://user:password@localhost:5432/campaigns"
            )
        }
        return try PostgresConfiguration(
            text,
            variable: databaseURL == nil ? "DATABASE_URL" : "--database-url",
            applicationName: Program.name
        )
    }

    /// Runs `body` with a connection pool, which is closed afterwards.
    ///
    /// - Throws: The error of `body`; an error that comes from an outdated schema says so.
    public func withPool<Value>(_ body: (PostgresPool) async throws -> Value) async throws -> Value {
        let logger = Logger.command()
        let pool = PostgresPool(
            configuration: try configuration(),
            maxConnections: 2,
            awaitsServer: false,
            logger: logger
        )
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
