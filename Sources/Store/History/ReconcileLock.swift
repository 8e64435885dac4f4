public import Postgres

/// The lock that allows only one plan at a time to be applied to a schema of a database.
public enum ReconcileLock {
    /// The session that holds the lock.
    public struct Holder: Hashable, Sendable, CustomStringConvertible {
        public let processID: Int
        public let applicationName: String
        /// The start of its transaction, as Postgres writes it; empty without the permission to see it.
        public let since: String

        public init(processID: Int, applicationName: String, since: String) {
            self.processID = processID
            self.applicationName = applicationName
            self.since = since
        }

        public var description: String {
            var text = "process \(processID) of the database server"
            if !applicationName.isEmpty { text += " (\(applicationName))" }
            return text + (since.isEmpty ? "" : ", since \(since)")
        }
    }

    /// The key of the lock, "reconcil" in ASCII; that of a schema other than `public` is made of it.
    public static let key: Int64 = 0x7265_636f_6e63_696c

    /// Takes the lock until the transaction ends, without waiting.
    ///
    /// - Returns: True if it was taken.
    public static func take(on connection: PostgresConnection) async throws(PostgresError) -> Bool {
        let rows = try await connection.query("SELECT pg_try_advisory_xact_lock(\(fragment: SchemaScope.key(key)))")
        return try rows[0].decode(0)
    }

    /// Returns the session that holds the lock; `nil` if it was just released.
    public static func holder(on connection: PostgresConnection) async throws -> Holder? {
        let rows = try await connection.query(
            """
            SELECT l.pid, coalesce(a.application_name, ''), coalesce(date_trunc('second', a.xact_start)::text, '')
            FROM (SELECT \(fragment: SchemaScope.key(key)) AS key) k
            CROSS JOIN pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295
            LIMIT 1
            """
        )
        guard let row = rows.first else { return nil }
        return Holder(
            processID: try row.decode(0),
            applicationName: try row.decode(1),
            since: try row.decode(2)
        )
    }
}
