public import JSON
public import Postgres

/// The rows of a query on another database, read in pieces in a transaction that cannot write.
///
/// Each row is a JSON object of its columns. Memory does not grow with the number of rows.
public struct ContactQuery: Sendable {
    private static let piece = 1_000
    /// The time that the first rows, and each piece after them, may take.
    private static let deadline = Duration.seconds(600)

    private let connection: PostgresConnection

    /// Runs a query as long as `body` takes.
    ///
    /// - Parameters:
    ///   - sql: One `SELECT`, with or without a semicolon.
    ///   - pool: Connections to the database.
    ///   - body: Reads the rows.
    /// - Returns: The result of `body`.
    /// - Throws: `PostgresError`, or the error of `body`.
    public static func run<Value: Sendable>(
        _ sql: String,
        on pool: PostgresPool,
        _ body: (ContactQuery) async throws -> Value
    ) async throws -> Value {
        var sql = sql[...]
        while let last = sql.last, last.isWhitespace || last == ";" { sql.removeLast() }
        let selection = PostgresQuery(sql: String(sql))
        return try await pool.withConnection { connection in
            try await connection.transaction(readOnly: true) { connection in
                // Times come with a zone that imports understand, whatever that of the other database is.
                try await connection.execute("SET LOCAL TimeZone = 'UTC'")
                try await connection.execute(
                    """
                    DECLARE contact_rows NO SCROLL CURSOR FOR SELECT row_to_json(q)::text FROM (
                    \(fragment: selection)
                    ) q
                    """,
                    deadline: deadline
                )
                return try await body(ContactQuery(connection: connection))
            }
        }
    }

    /// Returns the next rows; none at the end.
    public func next() async throws(PostgresError) -> [JSONValue] {
        let rows = try await connection.query(
            "FETCH FORWARD \(fragment: PostgresQuery(sql: String(Self.piece))) FROM contact_rows",
            deadline: Self.deadline
        )
        return try rows.map { row throws(PostgresError) in
            let text = try row.decode(0, as: String.self)
            do {
                return try JSONValue(parsing: text)
            } catch {
                throw .decoding("the row \(text.prefix(100)) cannot be read: \(error)")
            }
        }
    }
}
