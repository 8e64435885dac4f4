import Postgres

/// Keeps apart what Postgres shares between all schemas of a database: the keys of advisory locks, and the channels of
/// notifications.
///
/// The tables of an installation may be in a schema of their own, beside others of their kind. In `public` the keys and
/// channels are those of the versions before, so that daemons of both understand each other.
enum SchemaScope {
    /// A number of the schema, by which a key of one differs from the same key of another; 0 for `public`.
    static let seed: PostgresQuery = """
        CASE coalesce(current_schema(), 'public') WHEN 'public' THEN 0::bigint
            ELSE hashtextextended(current_schema(), 0) END
        """

    /// Returns the key of a lock of the schema, for a number.
    static func key(_ number: Int64) -> PostgresQuery { "(\(number)::bigint # \(fragment: seed))" }

    /// Returns the key of a lock of the schema, for a text.
    static func key(_ text: String) -> PostgresQuery { key(of: "\(text)") }

    /// Returns the key of a lock of the schema, for an expression that is a text.
    static func key(of text: PostgresQuery) -> PostgresQuery {
        "hashtextextended(\(fragment: text), \(fragment: seed))"
    }

    /// Returns the channels of the schema, which the function `cell_channel` in Postgres names.
    static func names(
        of channels: [String],
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [String] {
        try await connection.query("SELECT cell_channel(c) FROM unnest(\(channels)::text[]) AS c")
            .map { row throws(PostgresError) in try row.decode(0) }
    }

    /// Returns the channel without the schema.
    static func channel(_ name: String) -> String { String(name.prefix { $0 != "." }) }
}

extension PostgresNotification {
    /// The channel as the repositories name it, without the schema.
    package var event: String { SchemaScope.channel(channel) }
}

extension PostgresConnection {
    /// Tells the daemons of the schema of something; inside a transaction it is told with COMMIT.
    ///
    /// - Parameters:
    ///   - channel: A channel, as the repositories name it.
    ///   - payload: The text of the notification, of fewer than 8,000 bytes.
    /// - Throws: ``PostgresError``.
    func announce(_ channel: String, payload: String = "") async throws(PostgresError) {
        try await execute("SELECT pg_notify(cell_channel(\(channel)), \(payload))")
    }
}
