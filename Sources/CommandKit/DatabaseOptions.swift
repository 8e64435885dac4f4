public import ArgumentParser
public import Cells
import Foundation
import Logging
public import Postgres
import Settings
import Store

/// The options of every command that needs Postgres.
public struct DatabaseOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Connection URL of Postgres. (default: $DATABASE_URL)", valueName: "url"))
    var databaseURL: String?

    @Option(help: ArgumentHelp("Cell of CELLS_FILE. (default: the one of the tenant)", valueName: "name"))
    public var cell: String?

    public init() {}

    public func validate() throws {
        guard databaseURL == nil || cell == nil else {
            throw ValidationError("--database-url is a database of its own; give it or --cell, not both.")
        }
    }

    /// The environment in which the flag, if it was given, replaces `DATABASE_URL`.
    public var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        if let databaseURL { environment["DATABASE_URL"] = databaseURL }
        return environment
    }

    /// Reads the map of cells; blocks while it reads the file.
    ///
    /// - Returns: The map; `nil` if the flag names a database, whatever `CELLS_FILE` says.
    /// - Throws: `CellFileError`.
    public func map() throws -> CellMap? {
        databaseURL == nil ? try CellFile.map(environment) : nil
    }

    /// Returns the environment of the cell that work concerns.
    ///
    /// - Parameter tenants: The tenants of the work; `nil` and none if it concerns all of them.
    /// - Returns: The variables, with those of Postgres and Redis of the cell.
    /// - Throws: `CellFileError`; `CellLookupError` if the tenants lie in several cells.
    public func environment(of tenants: [String?]) throws -> [String: String] {
        guard let map = try map() else { return environment }
        let tenants = tenants.compactMap { $0 }
        let cell = try cell.map { try map.cell(named: $0, for: tenants) } ?? map.cell(ofAll: tenants)
        return try cell.environment(environment)
    }

    /// Parses the connection URL.
    ///
    /// - Parameter tenants: The tenants of the work.
    /// - Returns: The configuration of their cell.
    /// - Throws: `ConfigurationError` if there is none, `PostgresError` if it is malformed; both name the flag or the
    ///   variable. `CellFileError` and `CellLookupError` if there is no cell.
    public func configuration(of tenants: [String?] = []) throws -> PostgresConfiguration {
        try Self.configuration(
            try environment(of: tenants),
            variable: databaseURL == nil ? "DATABASE_URL" : "--database-url"
        )
    }

    /// Parses the connection URL of an environment.
    ///
    /// - Parameters:
    ///   - environment: The variables.
    ///   - variable: The variable or flag that errors name.
    /// - Returns: The configuration.
    /// - Throws: `ConfigurationError` if there is none, `PostgresError` if it is malformed.
    public static func configuration(
        _ environment: [String: String],
        variable: String = "DATABASE_URL"
    ) throws -> PostgresConfiguration {
        guard let text = Variables(environment)["DATABASE_URL"] else {
            throw ConfigurationError.missing(
                "DATABASE_URL",
                example: "postgresql://user:password@localhost:5432/campaigns"
            )
        }
        return try PostgresConfiguration(text, variable: variable, applicationName: Program.name)
    }

    /// Runs `body` with a connection pool of the cell that holds some tenants, which is closed afterwards.
    ///
    /// - Parameters:
    ///   - tenants: The tenants of the work; `nil` and none if it concerns all of them.
    ///   - body: The work.
    /// - Returns: What `body` returns.
    /// - Throws: The error of `body`; an error that comes from an outdated schema says so.
    public func withPool<Value>(
        of tenants: [String?] = [],
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        try await Self.withPool(try configuration(of: tenants), body)
    }

    /// Runs `body` with a connection pool, which is closed afterwards.
    ///
    /// - Throws: The error of `body`; an error that comes from an outdated schema says so.
    public static func withPool<Value>(
        _ configuration: PostgresConfiguration,
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        let logger = Logger.command()
        let pool = PostgresPool(
            configuration: configuration,
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
