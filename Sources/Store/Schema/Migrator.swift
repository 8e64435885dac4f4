public import Logging
public import Postgres

/// A mismatch between the schema of the database and this program.
public enum SchemaError: Error, Equatable, CustomStringConvertible {
    /// A step that was applied has another text now.
    case changed(version: Int, name: String)
    /// The database has a step that this program does not know.
    case newer(version: Int)
    /// Steps are missing.
    case outdated(missing: Int)
    /// A table `contacts` that was there before cannot be used as it is.
    case unusableContacts([String])
    /// The user may not create the schema that the connection URL names.
    case forbidden(_ schema: String)

    public var description: String {
        switch self {
        case .changed(let version, let name):
            "migration \(version) (\(name)) was changed after it was applied; "
                + "restore its file and put the change into a new migration"
        case .newer(let version):
            "the database has migration \(version), which this program does not know; use the newer program"
        case .outdated(let missing):
            "the database lacks \(missing) migration\(missing == 1 ? "" : "s"); run: campaignd migrate"
        case .unusableContacts(let problems):
            "nothing was migrated, because the table `contacts` cannot be used as it is:\n"
                + problems.map { "- \($0)" }.joined(separator: "\n")
        case .forbidden(let schema):
            "the user may not create the schema `\(schema)`; run as the owner of the database: "
                + "CREATE SCHEMA \(schema) AUTHORIZATION the_user"
        }
    }
}

/// Brings the schema up to date, each step in a transaction of its own; a schema that the connection URL names is created.
///
/// Any number of processes may call it at once: each step holds an advisory lock until its end, and a process that finds a
/// step applied goes on to the next.
public struct Migrator: Sendable {
    /// The key of the advisory lock that any process takes to change the schema: "campaign" in ASCII.
    static let lockKey: Int64 = 0x6361_6d70_6169_676e

    private let pool: PostgresPool
    private let migrations: [Migration]
    private let logger: Logger

    public init(pool: PostgresPool, logger: Logger) {
        self.init(pool: pool, migrations: Migration.all, logger: logger)
    }

    init(pool: PostgresPool, migrations: [Migration], logger: Logger) {
        self.pool = pool
        self.migrations = migrations
        self.logger = logger
    }

    /// Applies the missing steps, and analyzes tables that have no statistics, as after a restore.
    ///
    /// - Returns: The steps applied now; empty when the schema was up to date.
    /// - Throws: ``SchemaError`` when an applied file was changed, the database is newer than this program, a table
    ///   `contacts` cannot be used (nothing is changed then), or the schema cannot be created; `PostgresError` when a step
    ///   fails; the step is then rolled back.
    @discardableResult
    public func migrate() async throws -> [Migration] {
        let applied = try await pool.withConnection { try await apply(on: $0) }
        do {
            try await StatisticsRepository(pool: pool).refreshOutdated()
        } catch {
            // The schema is up to date; daemons analyze the tables later.
            logger.warning("Could not analyze tables", metadata: ["error": "\(error)"])
        }
        return applied
    }

    /// Returns the steps that ``migrate()`` would apply, without changing anything.
    public func pending() async throws -> [Migration] {
        try await pool.withConnection { connection in
            let applied = try await appliedChecksums(on: connection)
            try check(applied)
            return migrations.filter { applied[$0.version] == nil }
        }
    }

    private func apply(on connection: PostgresConnection) async throws -> [Migration] {
        try await createSchema(on: connection)
        let missing = try await inTurn(on: connection) { connection in
            try await connection.simpleScript(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    version integer PRIMARY KEY,
                    name text NOT NULL,
                    checksum text NOT NULL,
                    "appliedAt" timestamptz NOT NULL DEFAULT now()
                )
                """
            )
            let applied = try await appliedChecksums(on: connection)
            try check(applied)
            let missing = migrations.filter { applied[$0.version] == nil }
            if !missing.isEmpty {
                let problems = try await ContactTableCheck(missing: missing, on: connection).problems()
                guard problems.isEmpty else { throw SchemaError.unusableContacts(problems) }
            }
            return missing
        }
        var done: [Migration] = []
        for var migration in missing {
            let notes: [String]? = try await inTurn(on: connection) { connection in
                let applied = try await appliedChecksums(on: connection)
                try check(applied)
                // Another process was faster.
                guard applied[migration.version] == nil else { return nil }
                try await connection.simpleScript(migration.sql, deadline: .seconds(3600))
                let notes = try await Self.notes(on: connection)
                try await connection.execute(
                    """
                    INSERT INTO schema_migrations (version, name, checksum)
                    VALUES (\(migration.version), \(migration.name), \(migration.checksum))
                    """
                )
                return notes
            }
            guard let notes else { continue }
            migration.notes = notes
            done.append(migration)
            let metadata: Logger.Metadata = ["version": "\(migration.version)", "name": "\(migration.name)"]
            logger.info("Migration applied", metadata: metadata)
        }
        return done
    }

    /// Creates the schema that the connection URL names, if it is missing.
    private func createSchema(on connection: PostgresConnection) async throws {
        guard let schema = pool.schema else { return }
        let isMissing: PostgresQuery = "SELECT to_regnamespace(\(schema)::text) IS NULL"
        guard try await connection.query(isMissing)[0].decode(0) else { return }
        try await inTurn(on: connection) { connection in
            // Another process may have been faster.
            guard try await connection.query(isMissing)[0].decode(0) else { return }
            do {
                try await connection.execute("CREATE SCHEMA \(identifier: schema)")
            } catch let error as PostgresError where error.sqlState == "42501" {
                throw SchemaError.forbidden(schema)
            }
            logger.info("Schema created", metadata: ["schema": "\(schema)"])
        }
    }

    /// Runs `body` in a transaction while no other process changes the schema.
    private func inTurn<Value>(
        on connection: PostgresConnection,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        // Rewriting a table with many rows takes a long time.
        try await connection.transaction(deadline: .seconds(3600)) { connection in
            try await connection.lock(SchemaScope.key(Self.lockKey), deadline: .seconds(120))
            return try await body(connection)
        }
    }

    /// Reads the temporary table in which a step leaves what its operator should know.
    private static func notes(on connection: PostgresConnection) async throws -> [String] {
        let exists = try await connection.query("SELECT to_regclass('pg_temp.migration_notes') IS NOT NULL")
        guard try exists[0].decode(0, as: Bool.self) else { return [] }
        return try await connection.query("SELECT note FROM pg_temp.migration_notes").map { try $0.decode(0) }
    }

    private func appliedChecksums(on connection: PostgresConnection) async throws -> [Int: String] {
        let exists = try await connection.query("SELECT to_regclass('schema_migrations') IS NOT NULL")
        guard try exists[0].decode(0, as: Bool.self) else { return [:] }
        var checksums: [Int: String] = [:]
        for row in try await connection.query("SELECT version, checksum FROM schema_migrations") {
            checksums[try row.decode(0, as: Int.self)] = try row.decode(1, as: String.self)
        }
        return checksums
    }

    private func check(_ applied: [Int: String]) throws(SchemaError) {
        for (version, checksum) in applied {
            guard let migration = migrations.first(where: { $0.version == version }) else {
                throw .newer(version: version)
            }
            guard migration.checksum == checksum else {
                throw .changed(version: version, name: migration.name)
            }
        }
    }
}

extension Migrator {
    /// Explains an error of the database: if a table or a column is missing, its schema may be too old or too new.
    ///
    /// - Returns: A ``SchemaError``, or the error unchanged.
    public func explanation(of error: any Error) async -> any Error {
        guard ["42P01", "42703"].contains((error as? PostgresError)?.sqlState) else { return error }
        do {
            let missing = try await pending()
            return missing.isEmpty ? error : SchemaError.outdated(missing: missing.count)
        } catch let schemaError as SchemaError {
            return schemaError
        } catch _ {
            return error
        }
    }
}
