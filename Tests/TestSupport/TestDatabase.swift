import Foundation
public import Logging
public import Postgres
import Store

/// A private database for one test, dropped at the end.
///
/// ```swift
/// let template = TestDatabase.Template.filled(version: "1") { pool, logger in
///     _ = try await Migrator(pool: pool, logger: logger).migrate()
/// }
/// try await TestDatabase.with(template: template) { pool in … }
/// ```
public enum TestDatabase {
    /// Initial content of a database.
    public struct Template: Sendable {
        let name: String
        let fill: @Sendable (PostgresPool, Logger) async throws -> Void

        /// Returns a template that is filled once and then copied, which is much faster.
        ///
        /// - Parameters:
        ///   - version: A text that changes with the result of `fill`, such as the checksums of the migrations.
        ///   - fill: Creates the tables.
        /// - Returns: The template, which is created when the first test needs it.
        public static func filled(
            version: String,
            by fill: @escaping @Sendable (PostgresPool, Logger) async throws -> Void
        ) -> Template {
            let hash = version.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            return Template(name: "campaigns_template_" + String(hash, radix: 36), fill: fill)
        }
    }

    /// A logger that shows only errors.
    public static let logger: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return logger
    }()

    /// Runs `body` with a pool on a fresh database; on a copy of a template its connections have the settings of a daemon's.
    ///
    /// - Parameters:
    ///   - template: The template to copy; `nil` for an empty database.
    ///   - options: Options of CREATE DATABASE, such as a locale; not together with a template.
    ///   - connections: The size of the pool.
    ///   - body: The test.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, or `PostgresError`.
    public static func with<Value>(
        template: Template? = nil,
        options: String = "",
        connections: Int = 4,
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        try await withConfiguration(template: template, options: options) { configuration in
            let settings = template == nil ? [:] : StablePlans.settings
            return try await withPool(configuration.settingInSessions(settings), connections: connections, body)
        }
    }

    /// Runs `body` with the address of a fresh database, for tests that start processes or pools.
    public static func withConfiguration<Value>(
        template: Template? = nil,
        options: String = "",
        _ body: (PostgresConfiguration) async throws -> Value
    ) async throws -> Value {
        let server = try TestEnvironment.postgres()
        let name = "campaigns_test_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        let admin = try await PostgresConnection.connect(server, logger: logger)
        do {
            if let template { try await prepare(template, server: server, admin: admin) }
            try await create(name, from: template?.name, options, on: admin)
        } catch {
            await admin.close()
            throw error
        }
        let result: Result<Value, any Error>
        do { result = .success(try await body(server.setting("dbname", to: name))) } catch { result = .failure(error) }
        try await admin.simpleScript("DROP DATABASE \(name) WITH (FORCE)", deadline: .seconds(120))
        await admin.close()
        return try result.get()
    }

    private static func withPool<Value>(
        _ configuration: PostgresConfiguration,
        connections: Int,
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        let pool = PostgresPool(
            configuration: configuration,
            maxConnections: connections,
            acquireTimeout: .seconds(60),
            logger: logger
        )
        let result: Result<Value, any Error>
        do { result = .success(try await body(pool)) } catch { result = .failure(error) }
        await pool.shutdown(within: .seconds(10))
        return try result.get()
    }

    /// Key of the lock for copying, "testbase" in ASCII: a copy needs exclusive access to its template.
    private static let lockKey: Int64 = 0x7465_7374_6261_7365

    private static func prepare(
        _ template: Template,
        server: PostgresConfiguration,
        admin: PostgresConnection
    ) async throws {
        try await lock(admin)
        do {
            let rows = try await admin.query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = \(template.name))")
            if try !rows[0].decode(0, as: Bool.self) {
                // Filled under another name first, so that an existing template is complete.
                let draft = template.name + "_draft"
                try await admin.simpleScript("DROP DATABASE IF EXISTS \(draft) WITH (FORCE)", deadline: .seconds(120))
                try await admin.simpleScript("CREATE DATABASE \(draft)", deadline: .seconds(120))
                try await withPool(server.setting("dbname", to: draft), connections: 2) { pool in
                    try await template.fill(pool, logger)
                }
                try await admin.simpleScript("ALTER DATABASE \(draft) RENAME TO \(template.name)")
            }
            try await unlock(admin)
        } catch {
            // Closing the connection, which the caller does, releases the lock if this fails.
            try? await unlock(admin)
            throw error
        }
    }

    private static func create(
        _ name: String,
        from template: String?,
        _ options: String,
        on admin: PostgresConnection
    ) async throws {
        try await lock(admin)
        // Copying files takes a third of the time of copying pages through the log, as the tests' server does not sync.
        let source = template.map { " TEMPLATE \($0) STRATEGY file_copy" } ?? " \(options)"
        try await admin.simpleScript("CREATE DATABASE \(name)\(source)", deadline: .seconds(120))
        try await unlock(admin)
    }

    /// Takes the lock for the session, because databases are not made in transactions.
    private static func lock(_ admin: PostgresConnection) async throws {
        try await admin.execute("SELECT pg_advisory_lock(\(lockKey))", deadline: .seconds(300))
    }

    private static func unlock(_ admin: PostgresConnection) async throws {
        try await admin.execute("SELECT pg_advisory_unlock(\(lockKey))")
    }
}
