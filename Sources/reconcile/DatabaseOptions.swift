import ArgumentParser
import Postgres
import Store

/// Where the database is.
struct DatabaseOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where the database is; the variable DATABASE_URL by default.", valueName: "url"))
    var databaseUrl: String?

    /// Finds out whether it is said where the database is, and in a way that can be read.
    func check() throws {
        _ = try DatabaseSetting.configuration(databaseUrl)
    }

    /// Runs `body` with a pool, which is closed afterwards.
    func withPool<Value>(_ body: (PostgresPool) async throws -> Value) async throws -> Value {
        let pool = PostgresPool(
            configuration: try DatabaseSetting.configuration(databaseUrl),
            maxConnections: 2,
            logger: Terminal.logger
        )
        do {
            let value = try await body(pool)
            await pool.shutdown()
            return value
        } catch {
            let reason = await Migrator(pool: pool, logger: Terminal.logger).explanation(of: error)
            await pool.shutdown()
            throw reason
        }
    }
}
